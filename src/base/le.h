/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Little-endian numbers out of bytes and into them, at any alignment and on any machine.
 * Used by readers and writers of binary formats; the caller has checked that the bytes are there.
 */
#ifndef BASE_LE_H
#define BASE_LE_H

#include <stdint.h>

static inline uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t le64(const uint8_t *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

/* And back; written out, because compilers make one store of this and not of a loop. */
static inline void le16_put(void *to, uint16_t value)
{
	uint8_t *p = (uint8_t *)to;

	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

static inline void le32_put(void *to, uint32_t value)
{
	uint8_t *p = (uint8_t *)to;

	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
	p[2] = (uint8_t)(value >> 16);
	p[3] = (uint8_t)(value >> 24);
}

static inline void le64_put(void *to, uint64_t value)
{
	uint8_t *p = (uint8_t *)to;

	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
	p[2] = (uint8_t)(value >> 16);
	p[3] = (uint8_t)(value >> 24);
	p[4] = (uint8_t)(value >> 32);
	p[5] = (uint8_t)(value >> 40);
	p[6] = (uint8_t)(value >> 48);
	p[7] = (uint8_t)(value >> 56);
}

#endif
