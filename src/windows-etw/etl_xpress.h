/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two XPRESS compressions of Windows, decoding only: plain LZ77 and LZ77 with Huffman codes.
 * Used by etl_reader.c for the buffers of compressed traces. Source: [MS-XCA] 2.2 (Huffman) and 2.4 (plain).
 */
#ifndef ETL_XPRESS_H
#define ETL_XPRESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Expands in[in_size] into out[out_size] and stops when that is full: a prefix can be had for the price of a prefix.
 * Returns the bytes written, less than out_size when the input ended there (between two items), or -EBADMSG when the
 * input ends within an item, refers to bytes before the start, or has no valid Huffman table.
 */
ssize_t xpress_lz77(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size);
/* The same for the form with Huffman codes. */
ssize_t xpress_huffman(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size);

#endif
