/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes small PE files for tests, so that a test can say what is in them and break it.
 * Used by the tests of symbolize/. The image has 0x1000 bytes of code at 0x1000, and one section for everything else.
 */
#ifndef TESTS_PE_IMAGE_H
#define TESTS_PE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct pe_image_export {
	const char *name; /* NULL = it has a number only */
	uint32_t address;
	const char *forward; /* what it stands for in another library; NULL = code at `address` */
};

/* Bounds of a function, or of a piece of one. */
struct pe_image_function {
	uint32_t address;
	uint32_t size;
	uint32_t
		follows; /* number, from 1 on, of the function that it is a later piece of; 0 = none */
};

struct pe_image {
	uint16_t machine; /* 0 = x86-64 */
	uint32_t size;    /* in memory, as the headers say; so are the next two */
	uint32_t checksum;
	uint32_t time_stamp;
	bool is_32;
	uint32_t
		age; /* of the symbol file, whose GUID is 00, 01, ... 0f as stored; 0 = the image names none */
	const struct pe_image_export *exports; /* [nr_exports], those without a name last */
	size_t nr_exports;
	const struct pe_image_function *functions; /* [nr_functions] */
	size_t nr_functions;
};

void pe_image_make(const struct pe_image *image, struct buffer *out);

#endif
