/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names file offsets of one ELF file, for test_symbols.py, which compares them with other tools.
 * Reads hexadecimal offsets from standard input, ascending, one per line; prints "OFFSET NAME", NAME "-" = none.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/macros.h"
#include "symbolize/demangle.h"
#include "symbolize/file_symbols.h"

static uint64_t *read_offsets(size_t *ret_nr)
{
	uint64_t *offsets = NULL;
	char line[64];
	size_t cap = 0, nr = 0;

	while (fgets(line, sizeof(line), stdin)) {
		if (array_reserve(&offsets, &cap, nr + 1, sizeof(*offsets)))
			exit(1);
		offsets[nr++] = strtoull(line, NULL, 16);
	}
	*ret_nr = nr;
	return offsets;
}

static int print_names(struct elf_file *elf, const struct debug_search *search,
		       const uint64_t *offsets, size_t nr)
{
	struct buffer name = BUFFER_INIT;
	struct file_symbols fs;
	int rc = file_symbols_open(&fs, elf, search, offsets, nr);

	for (size_t i = 0; !rc && i < nr; i++) {
		const struct symbol *symbol = file_symbols_get(&fs, i);

		if (symbol)
			rc = file_symbols_name(&fs, symbol, &name);
		printf("%llx %s\n", (unsigned long long)offsets[i],
		       symbol && !rc ? name.data : "-");
	}
	file_symbols_close(&fs);
	buffer_done(&name);
	return rc;
}

/* usage: symbolize_file FILE DEBUG_DIR < OFFSETS */
int main(int argc, char **argv)
{
	struct debug_search search = { .max_bytes = UINT64_MAX };
	struct elf_file elf;
	uint64_t *offsets;
	struct stat st;
	size_t nr;
	int fd, rc;

	if (argc != 3)
		return 2;
	search.path = argv[1];
	search.debug_dir = argv[2];
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st) || elf_file_open(&elf, fd, (uint64_t)st.st_size)) {
		fprintf(stderr, "%s: cannot be read as ELF\n", argv[1]);
		return 1;
	}
	offsets = read_offsets(&nr);
	rc = print_names(&elf, &search, offsets, nr);
	if (rc)
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-rc));
	free(offsets);
	elf_file_close(&elf);
	close(fd);
	return rc ? 1 : 0;
}
