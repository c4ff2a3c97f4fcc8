/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounds-checked numbers out of call frame information.
 * Used by cfi.c and cfi_program.c only. A failure sticks, so that callers look once.
 */
#ifndef UNWIND_CFI_READER_H
#define UNWIND_CFI_READER_H

#include <string.h>

#include "base/macros.h"
#include "unwind/cfi.h"

/* 64 bits of 7 each; longer ones are no numbers of ours. */
#define CFI_LEB_BYTES_MAX 10

/* Pointer encodings (LSB 5.0 core, 10.5.1). */
enum {
	CFI_PTR_ABSOLUTE = 0x00, /* format of 8 bytes; application: the value is the address */
	CFI_PTR_ULEB = 0x01,
	CFI_PTR_U16 = 0x02,
	CFI_PTR_U32 = 0x03,
	CFI_PTR_U64 = 0x04,
	CFI_PTR_SLEB = 0x09,
	CFI_PTR_S16 = 0x0a,
	CFI_PTR_S32 = 0x0b,
	CFI_PTR_S64 = 0x0c,
	CFI_PTR_FORMAT = 0x0f,
	CFI_PTR_PCREL = 0x10,
	CFI_PTR_DATAREL = 0x30,
	CFI_PTR_ALIGNED = 0x50,
	CFI_PTR_APPLICATION = 0x70,
	CFI_PTR_OMIT = 0xff,
};

static inline size_t cfi_left(const struct cfi_reader *r)
{
	return (size_t)(r->end - r->at);
}

static inline uint64_t cfi_fail(struct cfi_reader *r)
{
	r->failed = true;
	r->at = r->end;
	return 0;
}

/* An unsigned number of 1, 2, 4 or 8 bytes, little-endian. */
static inline uint64_t cfi_fixed(struct cfi_reader *r, size_t size)
{
	uint64_t value = 0;

	if (cfi_left(r) < size)
		return cfi_fail(r);
	memcpy(&value, r->at, size);
	r->at += size;
	return value;
}

static inline void cfi_skip(struct cfi_reader *r, uint64_t size)
{
	if (cfi_left(r) < size)
		cfi_fail(r);
	else
		r->at += size;
}

static inline uint64_t cfi_uleb(struct cfi_reader *r)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < CFI_LEB_BYTES_MAX && r->at < r->end; i++) {
		uint8_t byte = *r->at++;

		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80))
			return value;
	}
	return cfi_fail(r);
}

static inline int64_t cfi_sleb(struct cfi_reader *r)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < CFI_LEB_BYTES_MAX && r->at < r->end; i++) {
		uint8_t byte = *r->at++;

		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte & 0x80)
			continue;
		if ((byte & 0x40) && 7 * (i + 1) < 64)
			value |= ~0ULL << (7 * (i + 1));
		return (int64_t)value;
	}
	return (int64_t)cfi_fail(r);
}

/* The number of an encoded pointer, without what it is relative to. */
static inline uint64_t cfi_format(struct cfi_reader *r, uint8_t encoding)
{
	switch (encoding & CFI_PTR_FORMAT) {
	case CFI_PTR_ABSOLUTE:
	case CFI_PTR_U64:
	case CFI_PTR_S64:
		return cfi_fixed(r, 8);
	case CFI_PTR_U32:
		return cfi_fixed(r, 4);
	case CFI_PTR_S32:
		return (uint64_t)(int64_t)(int32_t)cfi_fixed(r, 4);
	case CFI_PTR_U16:
		return cfi_fixed(r, 2);
	case CFI_PTR_S16:
		return (uint64_t)(int64_t)(int16_t)cfi_fixed(r, 2);
	case CFI_PTR_ULEB:
		return cfi_uleb(r);
	case CFI_PTR_SLEB:
		return (uint64_t)cfi_sleb(r);
	default:
		return cfi_fail(r);
	}
}

/* An address: absolute, or relative to its own place, which is `here` in memory. Others fail. */
static inline uint64_t cfi_address(struct cfi_reader *r, uint8_t encoding, uint64_t here)
{
	uint64_t base = (encoding & CFI_PTR_APPLICATION) == CFI_PTR_PCREL ? here : 0;

	if (encoding & ~(CFI_PTR_FORMAT | CFI_PTR_PCREL))
		return cfi_fail(r);
	return base + cfi_format(r, encoding);
}

#endif
