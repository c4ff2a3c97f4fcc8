/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the separate debug file of an ELF file: what distributions strip off and package apart.
 * Used by the symbolizer for symbols and for call frame information. Knows nothing of either.
 */
#ifndef SYMBOLIZE_DEBUG_FILE_H
#define SYMBOLIZE_DEBUG_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/elf_file.h"

/* Where a separate debug file is looked for. */
struct debug_search {
	const char *debug_dir; /* "/usr/lib/debug" */
	const char *cache_dir; /* a folder of ours with .build-id, looked into last; NULL = none */
	const char *path; /* of the file itself, as its process sees it; NULL = not looked for */
	uint32_t pid;     /* also looked for below the root of this process; 0 = only below ours */
	uint64_t max_bytes;
};

/*
 * Appends where a folder has the file of a build-id: .build-id/xx/yyyy and suffix.
 *
 * id: [id_size], 1 to ELF_BUILD_ID_MAX bytes.
 */
void debug_file_put_id_path(struct buffer *out, const uint8_t *id, int id_size, const char *suffix);

/*
 * Opens the debug file that has the build-id of an ELF file: DIR/.build-id/xx/yyyy.debug, then the places where GDB looks
 * for a debuglink; below our own root, then below that of the process.
 *
 * is_wanted: whether the file, whose sections are loaded, has what is looked for; the search goes on if not.
 * ret_elf, ret_fd: opened, both to be closed by the caller; left alone unless 1 is returned.
 * Returns 1, 0 = there is none, or -ENOMEM.
 */
int debug_file_open(struct elf_file *main, const struct debug_search *search,
		    bool (*is_wanted)(const struct elf_file *elf), struct elf_file *ret_elf,
		    int *ret_fd);

/*
 * Opens the program, or library, that has a build-id, from a folder of ours: DIR/.build-id/xx/yyyy, or else its debug
 * file, DIR/.build-id/xx/yyyy.debug.
 *
 * id: [id_size], at least 2.
 * ret_elf, ret_fd, result: as above.
 */
int debug_file_open_program(const char *dir, const uint8_t *id, uint8_t id_size, uint64_t max_bytes,
			    struct elf_file *ret_elf, int *ret_fd);

/*
 * Whether offsets in a program can be turned into addresses by *elf. What strips symbols off may leave a debug file that
 * does not tell where in the program's file its code is; then [start, end), which a process mapped from file_offset on,
 * does, if it is all of the code, and is noted in *elf.
 * page_size: of that machine, a power of two.
 */
bool debug_file_place_code(struct elf_file *elf, uint64_t start, uint64_t end, uint64_t file_offset,
			   uint64_t page_size);

#endif
