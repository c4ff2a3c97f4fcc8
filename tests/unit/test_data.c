/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading real recordings for tests.
 */
#include "test_data.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdlib.h>
#include <unistd.h>

#define BYTES_MAX (256u * 1024 * 1024)

static bool read_file(const char *folder, const char *name, const char *ending, struct buffer *out)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s%s", folder, name, ending);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	cr_assert_eq(buffer_read_fd(out, fd, BYTES_MAX), 0, "%s", path);
	close(fd);
	return true;
}

static void unpack(struct buffer *bytes)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	struct buffer out = BUFFER_INIT;
	static uint8_t block[65536];
	lzma_ret rc;

	cr_assert_eq(lzma_stream_decoder(&stream, UINT64_MAX, 0), LZMA_OK);
	stream.next_in = (const uint8_t *)bytes->data;
	stream.avail_in = bytes->len;
	do {
		stream.next_out = block;
		stream.avail_out = sizeof(block);
		rc = lzma_code(&stream, LZMA_FINISH);
		buffer_append(&out, block, sizeof(block) - stream.avail_out);
	} while (rc == LZMA_OK);
	cr_assert_eq(rc, LZMA_STREAM_END);
	cr_assert_eq(out.error, 0);
	lzma_end(&stream);
	buffer_done(bytes);
	*bytes = out;
}

void test_data_read(const char *name, struct buffer *ret_bytes)
{
	const char *folder = getenv("ONECOLLECT_TEST_DATA");

	if (!folder)
		folder = "../shared/data";
	if (read_file(folder, name, "", ret_bytes))
		return;
	if (!read_file(folder, name, ".xz", ret_bytes))
		cr_skip_test("no %s in %s; set ONECOLLECT_TEST_DATA to the folder that has it",
			     name, folder);
	unpack(ret_bytes);
}
