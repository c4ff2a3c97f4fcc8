/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mini-debuginfo: a small ELF file with the symbols of a stripped one, xz-packed in its section .gnu_debugdata.
 * Used by file_symbols. Source of the format: the GDB manual, "MiniDebugInfo".
 */
#ifndef SYMBOLIZE_MINI_DEBUGINFO_H
#define SYMBOLIZE_MINI_DEBUGINFO_H

#include "base/buffer.h"
#include "base/elf_file.h"

/*
 * Appends the unpacked section to *out. At most 16 MiB packed and 64 MiB unpacked are taken: it is a hostile file.
 * Returns 1, 0 = the file has none, -EBADMSG (damaged), -EFBIG, -ENOMEM or an error of pread(2).
 * The sections of *elf have to be loaded.
 */
int mini_debuginfo_unpack(const struct elf_file *elf, struct buffer *out);

#endif
