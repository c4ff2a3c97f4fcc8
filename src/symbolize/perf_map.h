/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Perf maps, /tmp/perf-PID.map: the names that a JIT compiler tells of the code it made.
 * Used by the symbolizer. The file is written by a hostile process.
 * Source of the format: tools/perf/Documentation/jit-interface.txt in the kernel tree.
 */
#ifndef SYMBOLIZE_PERF_MAP_H
#define SYMBOLIZE_PERF_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "symbolize/symbol_match.h"

/* Larger perf maps are refused; those of large Java services are about 20 MiB. */
#define PERF_MAP_BYTES_MAX (128u * 1024 * 1024)

/*
 * Reads the perf map of a process.
 *
 * root_fd: the process's root directory, from target_open_root().
 * pid: as the process itself sees it, for the name of the file.
 * uid: the process's effective user; the file must be its or root's.
 * Returns 0 with *out filled in, -ENOENT (there is none), -EPERM (another owner), -EINVAL (not a regular file), -EFBIG,
 * -ENOMEM or an error of opening or reading.
 */
int perf_map_read(int root_fd, uint32_t pid, uint32_t uid, struct buffer *out);

/*
 * Offers each line of text[len], "START SIZE NAME" with hexadecimal numbers, to *match, whose rule should be
 * SYMBOL_LATEST; symbol.name is the offset of the name in text.
 * *ret_skipped: lines that are not of that form.
 * Returns 0 or an error of symbol_match_add().
 */
int perf_map_match(const char *text, size_t len, struct symbol_match *match, uint64_t *ret_skipped);

/* The name at offset `name` of the text; not NUL-terminated. Returns its length. */
size_t perf_map_name(const struct buffer *text, uint64_t name, const char **ret_name);

#endif
