/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/file_io.h: what is asked for, or as much as there is.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file_io.h"

static int temporary_file(void)
{
	char path[] = "/tmp/onecollect-file-io-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	unlink(path);
	return fd;
}

Test(file_io, reads_what_was_written)
{
	char data[8] = "";
	int fd = temporary_file();

	cr_assert_eq(file_write_at(fd, "cdef", 4, 2), 0);
	cr_assert_eq(file_write_at(fd, "ab", 2, 0), 0);
	cr_assert_eq(file_read_at(fd, data, 6, 0), 6);
	cr_assert_str_eq(data, "abcdef");
	cr_assert_eq(file_read_at(fd, data, 8, 4), 2, "the file ends");
	cr_assert_eq(file_read_at(fd, data, 8, 6), 0);
	cr_assert_eq(file_read_at(fd, data, 8, 600), 0);
	cr_assert_eq(file_read_at(fd, NULL, 0, 0), 0);
	close(fd);
}

Test(file_io, errors)
{
	char data[8];
	int ends[2];

	cr_assert_eq(file_read_at(-1, data, 8, 0), -EBADF);
	cr_assert_eq(file_write_at(-1, data, 8, 0), -EBADF);
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(file_read_at(ends[0], data, 8, 0), -ESPIPE);
	close(ends[0]);
	close(ends[1]);
}
