/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading protobuf messages field by field, strictly: what the tests of binary formats look into files with.
 */
#ifndef TESTS_PROTO_READER_H
#define TESTS_PROTO_READER_H

#include <criterion/criterion.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left of a message. */
struct proto_part {
	const uint8_t *data;
	size_t size;
};

struct proto_field {
	uint32_t number;
	uint64_t value;         /* of numbers */
	struct proto_part part; /* of texts and messages; data is NULL for numbers */
};

static inline uint64_t proto_read_varint(struct proto_part *m)
{
	uint64_t value = 0;

	for (unsigned int shift = 0;; shift += 7) {
		cr_assert(m->size > 0 && shift < 64);
		value |= (uint64_t)(*m->data & 0x7f) << shift;
		m->size--;
		if (!(*m->data++ & 0x80))
			return value;
	}
}

/* Takes the next field off a message; false at its end. */
static inline bool proto_next(struct proto_part *m, struct proto_field *field)
{
	uint64_t key;

	if (!m->size)
		return false;
	key = proto_read_varint(m);
	*field = (struct proto_field){ .number = (uint32_t)(key >> 3) };
	switch (key & 7) {
	case 0:
		field->value = proto_read_varint(m);
		break;
	case 1:
		cr_assert_geq(m->size, 8);
		for (int i = 0; i < 8; i++)
			field->value |= (uint64_t)m->data[i] << 8 * i;
		m->data += 8;
		m->size -= 8;
		break;
	case 2:
		field->part.size = (size_t)proto_read_varint(m);
		cr_assert_leq(field->part.size, m->size);
		field->part.data = m->data;
		m->data += field->part.size;
		m->size -= field->part.size;
		break;
	default:
		cr_assert_fail("wire type %d", (int)(key & 7));
	}
	return true;
}

/* The first field with a number; number 0 in the result = there is none. */
static inline struct proto_field proto_find(struct proto_part m, uint32_t number)
{
	struct proto_field field;

	while (proto_next(&m, &field)) {
		if (field.number == number)
			return field;
	}
	return (struct proto_field){ 0 };
}

/* How many fields with a number there are. */
static inline size_t proto_count(struct proto_part m, uint32_t number)
{
	struct proto_field field;
	size_t nr = 0;

	while (proto_next(&m, &field))
		nr += field.number == number;
	return nr;
}

#endif
