/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a file to make an unwind table of: headers, sections, compressed sections, .eh_frame_hdr, trampolines;
 * where mappings of it would be; and page by page.
 */
#include "fuzz_unwind.h"

#include <sys/mman.h>
#include <unistd.h>

#include "unwind/compiler.h"

/* More of them are like those before. */
#define PAGES_MAX 64

static void open_by_pages(const uint8_t *data, size_t size)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	struct unwind_table *table;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (lazy_open(fd, 0, &table) == 1) {
		for (uint32_t i = 0; i < MIN(table->nr_pages, (uint32_t)PAGES_MAX); i++) {
			struct unwind_page_rows rows;

			if (unwind_table_page(table, i, &rows))
				continue;
			fuzz_use(rows.rows, rows.nr_rows * sizeof(*rows.rows));
			for (uint32_t row = 0; row < rows.nr_rows; row++) {
				if (UNWIND_ROW_RULE(rows.rows[row]) >= rows.nr_rules)
					abort();
			}
		}
		unwind_table_free(table);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unwind_table *table = NULL;
	uint64_t bias = 0;

	open_by_pages(data, size);
	if (unwind_table_compile_image(data, size, &table, NULL))
		return 0;
	fuzz_check_table(table);
	for (uint64_t offset = 0; offset < 0x8000; offset += 0x1000) {
		if (!unwind_table_bias(table, 0x7f0000000000, offset, &bias))
			fuzz_use(&bias, sizeof(bias));
	}
	unwind_table_free(table);
	return 0;
}
