/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What fuzz targets share. Each fuzz_*.c is one target, linked with libFuzzer or with replay.c.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The entry point that libFuzzer and replay.c call. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touches every byte of a result, so that the address sanitizer sees one that is not there. */
static inline void fuzz_use(const void *data, size_t size)
{
	unsigned char sum = 0;

	for (size_t i = 0; i < size; i++)
		sum ^= ((const unsigned char *)data)[i];
	__asm__ volatile("" : : "r"(sum));
}

#endif
