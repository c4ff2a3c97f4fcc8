/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbolize/perf_map.h: perf maps as JIT compilers write them, and as nobody should.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "symbolize/perf_map.h"

static void expect(const char *text, uint64_t address, const char *want, uint64_t want_skipped)
{
	struct buffer b = BUFFER_INIT;
	const struct symbol *symbol;
	struct symbol_match match;
	const char *name = "-";
	uint64_t skipped = 99;
	size_t len = 1;

	buffer_puts(&b, text);
	cr_assert_eq(symbol_match_init(&match, &address, 1, SYMBOL_LATEST, NULL, NULL), 0);
	cr_assert_eq(perf_map_match(b.data, b.len, &match, &skipped), 0);
	cr_assert_eq(skipped, want_skipped);
	symbol = symbol_match_get(&match, 0);
	if (symbol)
		len = perf_map_name(&b, symbol->name, &name);
	cr_assert_eq(len, strlen(want), "%.*s", (int)len, name);
	cr_assert_eq(memcmp(name, want, len), 0, "%.*s", (int)len, name);
	symbol_match_done(&match);
	buffer_done(&b);
}

Test(perf_map, lines_of_real_programs)
{
	static const char text[] = "7f0000001000 40 LazyCompile:~parse node:internal/url:10\n"
				   "0x7F0000002000 0x10 py::fib:/tmp/a b.py\r\n"
				   "7f0000003000  8   Lcom/example/Main;::run \n";

	expect(text, 0x7f0000001000, "LazyCompile:~parse node:internal/url:10", 0);
	expect(text, 0x7f000000103f, "LazyCompile:~parse node:internal/url:10", 0);
	expect(text, 0x7f0000001040, "-", 0);
	expect(text, 0x7f0000002008, "py::fib:/tmp/a b.py", 0);
	expect(text, 0x7f0000003000, "Lcom/example/Main;::run", 0);
}

Test(perf_map, later_lines_override)
{
	static const char text[] = "1000 100 first\n1080 100 second\n1000 10 third\n";

	expect(text, 0x1000, "third", 0);
	expect(text, 0x1010, "first", 0);
	expect(text, 0x1090, "second", 0);
}

Test(perf_map, bad_lines_are_skipped_and_counted)
{
	expect("\n", 0x10, "-", 1);
	expect("zzz 10 a\n1000 10 good\n", 0x1000, "good", 1);
	expect("1000\n1000 \n1000 10\n1000 10 \n1000 x a\n", 0x1000, "-", 5);
	expect("10000000000000000 10 too wide\n", 0, "-", 1);
	expect("ffffffffffffffff 10 wraps\n", UINT64_MAX, "-", 1);
	expect("-1000 10 sign\n 1000 10 blank\n0x 10 a\n", 0x1000, "-", 3);
	expect("1000 10 whole\n1000 10 half-writ", 0x1000, "whole", 1);
	expect("", 0x1000, "-", 0);
}

Test(perf_map, endless_names_are_cut)
{
	struct buffer b = BUFFER_INIT;
	const char *name;

	buffer_puts(&b, "1000 10 ");
	for (int i = 0; i < 100000; i++)
		buffer_putc(&b, 'n');
	buffer_putc(&b, '\n');
	cr_assert_eq(perf_map_name(&b, 8, &name), 4096);
	buffer_done(&b);
}

/* ---- files --------------------------------------------------------------------------------------------------- */

struct folder {
	char path[32];
	int fd;
};

static struct folder folder_new(void)
{
	struct folder f = { .path = "/tmp/perf_map.XXXXXX" };

	cr_assert_not_null(mkdtemp(f.path));
	f.fd = open(f.path, O_PATH | O_DIRECTORY);
	cr_assert_geq(f.fd, 0);
	cr_assert_eq(mkdirat(f.fd, "tmp", 0755), 0);
	return f;
}

static void folder_done(struct folder *f)
{
	unlinkat(f->fd, "tmp/perf-77.map", 0);
	unlinkat(f->fd, "tmp", AT_REMOVEDIR);
	rmdir(f->path);
	close(f->fd);
}

static void write_map(struct folder *f, const char *text)
{
	int fd = openat(f->fd, "tmp/perf-77.map", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

Test(perf_map, reads_the_map_of_its_owner)
{
	struct folder f = folder_new();
	struct buffer b = BUFFER_INIT;

	cr_assert_eq(perf_map_read(f.fd, 77, getuid(), &b), -ENOENT);
	write_map(&f, "1000 10 a\n");
	cr_assert_eq(perf_map_read(f.fd, 77, getuid(), &b), 0);
	cr_assert_str_eq(b.data, "1000 10 a\n");
	buffer_done(&b);
	folder_done(&f);
}

Test(perf_map, refuses_other_owners_and_kinds)
{
	struct folder f = folder_new();
	struct buffer b = BUFFER_INIT;

	write_map(&f, "1000 10 a\n");
	/* Root may give files away; what other users own is refused in any case, what root owns never. */
	if (getuid() == 0) {
		cr_assert_eq(perf_map_read(f.fd, 77, 12345, &b), 0);
		cr_assert_eq(fchownat(f.fd, "tmp/perf-77.map", 12345, 12345, 0), 0);
		cr_assert_eq(perf_map_read(f.fd, 77, 54321, &b), -EPERM);
	} else {
		cr_assert_eq(perf_map_read(f.fd, 77, getuid() + 1, &b), -EPERM);
	}
	cr_assert_eq(unlinkat(f.fd, "tmp/perf-77.map", 0), 0);
	cr_assert_eq(mkfifoat(f.fd, "tmp/perf-77.map", 0644), 0);
	cr_assert_eq(perf_map_read(f.fd, 77, getuid(), &b), -EINVAL);
	buffer_done(&b);
	folder_done(&f);
}

Test(perf_map, refuses_huge_files)
{
	struct folder f = folder_new();
	struct buffer b = BUFFER_INIT;
	int fd;

	write_map(&f, "");
	fd = openat(f.fd, "tmp/perf-77.map", O_WRONLY);
	cr_assert_eq(ftruncate(fd, (off_t)PERF_MAP_BYTES_MAX + 1), 0);
	close(fd);
	cr_assert_eq(perf_map_read(f.fd, 77, getuid(), &b), -EFBIG);
	cr_assert_eq(b.len, 0);
	buffer_done(&b);
	folder_done(&f);
}
