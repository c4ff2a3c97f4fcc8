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
#include "symbolize/symbol_path.h"

/* Where a separate debug file, or a program, is looked for. */
struct debug_search {
	const char *const *folders; /* [nr_folders] that a person named, looked into first */
	size_t nr_folders;
	const char *debug_dir; /* "/usr/lib/debug" */
	const char *cache_dir; /* a folder of ours with .build-id, looked into last; NULL = none */
	const char *path; /* of the file itself, as its process sees it; NULL = not looked for */
	uint32_t pid;     /* also looked for below the root of this process; 0 = only below ours */
	uint64_t max_bytes;
	/* Told of a file in the folders that has the name only, when nothing is found. NULL = nobody wants to know. */
	symbol_path_tell tell;
	void *tell_arg;
};

/*
 * Appends where a folder has the file of a build-id: .build-id/xx/yyyy and suffix.
 *
 * id: [id_size], 1 to ELF_BUILD_ID_MAX bytes.
 */
void debug_file_put_id_path(struct buffer *out, const uint8_t *id, int id_size, const char *suffix);

/*
 * Opens the debug file that has the build-id of an ELF file: in each of the folders .build-id/xx/yyyy.debug, the name in the
 * debuglink, NAME.debug, or NAME, which is a program that was not stripped; then DEBUG_DIR/.build-id/xx/yyyy.debug and the
 * places where GDB looks for a debuglink, both below our own root, then below that of the process.
 *
 * is_wanted: whether the file, whose sections are loaded, has what is looked for; the search goes on if not.
 * ret_elf, ret_fd: opened, both to be closed by the caller; left alone unless 1 is returned.
 * Returns 1, 0 = there is none, or -ENOMEM.
 */
int debug_file_open(struct elf_file *main, const struct debug_search *search,
		    bool (*is_wanted)(const struct elf_file *elf), struct elf_file *ret_elf,
		    int *ret_fd);

/*
 * Opens the program, or library, that has a build-id, wherever it lay when it ran: from one of the folders
 * .build-id/xx/yyyy or NAME, from cache_dir the former; or else, in the same places, its debug file, which has .debug behind.
 *
 * id: [id_size], at least 2.
 * ret_elf, ret_fd, result: as above.
 */
int debug_file_open_program(const struct debug_search *search, const uint8_t *id, uint8_t id_size,
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
