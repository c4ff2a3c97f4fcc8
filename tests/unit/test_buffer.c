/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/buffer.h: filling a buffer from a file descriptor.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"

/* A file of `size` bytes of 'x', read from its start. */
static int file_of(size_t size)
{
	int fd = memfd_create("buffer", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	for (size_t i = 0; i < size; i++)
		cr_assert_eq(write(fd, "x", 1), 1);
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void expect_read(size_t size, size_t max, int want, size_t want_len)
{
	struct buffer b = BUFFER_INIT;
	int fd = file_of(size);

	buffer_puts(&b, "ab");
	cr_assert_eq(buffer_read_fd(&b, fd, max), want);
	cr_assert_eq(b.len, 2 + want_len);
	cr_assert_eq(b.data[b.len], '\0');
	cr_assert_eq(strspn(b.data + 2, "x"), want_len);
	buffer_done(&b);
	close(fd);
}

Test(buffer, read_fd_appends_all)
{
	expect_read(0, 100, 0, 0);
	expect_read(5000, SIZE_MAX, 0, 5000);
}

Test(buffer, read_fd_stops_at_the_limit)
{
	expect_read(1000, 1000, 0, 1000);
	expect_read(1001, 1000, -EFBIG, 1000);
	expect_read(1, 0, -EFBIG, 0);
}

Test(buffer, read_fd_reports_errors)
{
	struct buffer b = BUFFER_INIT;

	cr_assert_eq(buffer_read_fd(&b, -1, 10), -EBADF);
	buffer_done(&b);
}
