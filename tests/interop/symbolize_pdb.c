/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names places of a Windows image by a PDB file, or by the exports of the image itself, for test_pdb.py, which compares
 * them with other tools.
 * Reads hexadecimal addresses, counted from the image's base, from standard input, one per line; prints for each one that
 * has a name "ADDRESS", then for each function, the innermost first, a line of "NAME<tab>FILE<tab>LINE<tab>START".
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/macros.h"
#include "symbolize/pdb_symbols.h"
#include "symbolize/pe_symbols.h"

static uint64_t *read_addresses(size_t *ret_nr)
{
	uint64_t *addresses = NULL;
	char line[64];
	size_t cap = 0, nr = 0;

	while (fgets(line, sizeof(line), stdin)) {
		if (array_reserve(&addresses, &cap, nr + 1, sizeof(*addresses)))
			exit(1);
		addresses[nr++] = strtoull(line, NULL, 16);
	}
	*ret_nr = nr;
	return addresses;
}

static int print_place(void *arg, size_t index, const struct pdb_frame *frames, uint32_t nr)
{
	const uint64_t *addresses = arg;

	printf("%llx\n", (unsigned long long)addresses[index]);
	for (uint32_t i = 0; i < nr; i++)
		printf("%s\t%s\t%u\t%u\n", frames[i].name, frames[i].file, frames[i].line,
		       frames[i].start_line);
	printf("\n");
	return 0;
}

static int print_export(void *arg, size_t index, const char *name)
{
	const struct pdb_frame frame = { .name = name, .file = "" };

	return print_place(arg, index, &frame, 1);
}

static int name_by_pdb(const struct byte_source *source, uint64_t *addresses, size_t nr,
		       struct oc_error *err)
{
	struct pdb_file pdb;
	int rc = pdb_open(&pdb, source, err);

	if (rc)
		return rc;
	rc = pdb_load(&pdb, err);
	if (!rc)
		rc = pdb_symbols_name(&pdb, addresses, nr, print_place, addresses, err);
	pdb_close(&pdb);
	return rc;
}

static int name_by_image(const struct byte_source *source, uint64_t *addresses, size_t nr,
			 struct oc_error *err)
{
	struct pe_file pe;
	int rc = pe_open(&pe, source, err);

	if (rc)
		return rc;
	rc = pe_symbols_name(&pe, addresses, nr, print_export, addresses, err);
	pe_close(&pe);
	return rc;
}

/* usage: symbolize_pdb FILE < ADDRESSES; for an image they have to be ascending */
int main(int argc, char **argv)
{
	struct oc_error err = { 0 };
	struct byte_source source = { 0 };
	uint64_t *addresses;
	struct stat st;
	size_t nr;
	int rc;

	if (argc != 2)
		return 2;
	source.fd = open(argv[1], O_RDONLY);
	if (source.fd < 0 || fstat(source.fd, &st))
		return 2;
	source.size = (uint64_t)st.st_size;
	addresses = read_addresses(&nr);
	rc = name_by_pdb(&source, addresses, nr, &err);
	if (rc == -ENOEXEC)
		rc = name_by_image(&source, addresses, nr, &err);
	if (rc)
		fprintf(stderr, "%s: %s\n", argv[1], err.message);
	free(addresses);
	close(source.fd);
	return rc ? 1 : 0;
}
