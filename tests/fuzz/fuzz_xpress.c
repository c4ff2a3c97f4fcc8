/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as XPRESS data, in both forms. Input: two bytes with the room for output, then the data.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>

#include "base/le.h"
#include "windows-etw/etl_xpress.h"

static void decode(ssize_t (*fn)(const uint8_t *, size_t, uint8_t *, size_t), const uint8_t *data,
		   size_t size, size_t room)
{
	uint8_t *out = malloc(room ? room : 1);
	ssize_t nr;

	if (!out)
		return;
	nr = fn(data, size, out, room);
	if (nr > (ssize_t)room || (nr < 0 && nr != -EBADMSG))
		abort();
	if (nr > 0)
		fuzz_use(out, (size_t)nr);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room;

	if (size < 2)
		return 0;
	/* More than one chunk of 64 KiB can be asked for. */
	room = le16(data) * 3u;
	decode(xpress_lz77, data + 2, size - 2, room);
	decode(xpress_huffman, data + 2, size - 2, room);
	return 0;
}
