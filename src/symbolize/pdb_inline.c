/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unpacks the notes on inlined code.
 * Called by pdb_module.c.
 * Must not know records or streams. Source: CodeViewInfo in Microsoft's cvinfo.h (CVUncompressData, BinaryAnnotationOpcode).
 */
#include "symbolize/pdb_inline.h"

#include "base/macros.h"

enum note {
	NOTE_END,
	NOTE_CODE_OFFSET,
	NOTE_CODE_BASE, /* which piece of a function that lies in several */
	NOTE_CODE,
	NOTE_LENGTH,
	NOTE_FILE,
	NOTE_LINE,
	NOTE_LINE_END,
	NOTE_KIND,
	NOTE_COLUMN,
	NOTE_COLUMN_END_DELTA,
	NOTE_CODE_AND_LINE,
	NOTE_LENGTH_AND_CODE,
	NOTE_COLUMN_END,
};

/* The highest bits of the first byte say how many there are: one, two or four. */
static bool read_number(struct pdb_inline *in, uint32_t *ret_number)
{
	const uint8_t *p = in->at;
	size_t left = (size_t)(in->end - p);

	if (left >= 1 && !(p[0] & 0x80)) {
		*ret_number = p[0];
		in->at += 1;
	} else if (left >= 2 && (p[0] & 0xc0) == 0x80) {
		*ret_number = (uint32_t)(p[0] & 0x3f) << 8 | p[1];
		in->at += 2;
	} else if (left >= 4 && (p[0] & 0xe0) == 0xc0) {
		*ret_number = (uint32_t)(p[0] & 0x1f) << 24 | (uint32_t)p[1] << 16 |
			      (uint32_t)p[2] << 8 | p[3];
		in->at += 4;
	} else {
		return false;
	}
	return true;
}

/* The lowest bit is the sign. */
static int64_t with_sign(uint32_t number)
{
	return number & 1 ? -(int64_t)(number >> 1) : (int64_t)(number >> 1);
}

void pdb_inline_init(struct pdb_inline *in, const uint8_t *data, size_t size)
{
	*in = (struct pdb_inline){ .at = data, .end = data + size, .file = PDB_INLINE_OWN_FILE };
}

/* Ends the row that is open: where it said, else at `end`. True = it is in *ret_row. */
static bool end_row(struct pdb_inline *in, uint32_t end, struct pdb_inline_row *ret_row)
{
	bool was_open = in->is_open;

	in->is_open = false;
	if (!was_open)
		return false;
	*ret_row = in->row;
	if (!ret_row->end)
		ret_row->end = end;
	return ret_row->end > ret_row->start;
}

/* A row begins at in->offset; length 0 = not told. True = the row in front of it is in *ret_row. */
static bool begin_row(struct pdb_inline *in, uint32_t length, struct pdb_inline_row *ret_row)
{
	bool has_row = end_row(in, in->offset, ret_row);

	in->row = (struct pdb_inline_row){ .start = in->offset,
					   .end = length ? in->offset + length : 0,
					   .file = in->file,
					   .line = in->line };
	in->is_open = !in->elsewhere;
	return has_row;
}

/* Follows one note. True = it completed a row. */
static bool follow(struct pdb_inline *in, enum note note, uint32_t number, uint32_t second,
		   struct pdb_inline_row *ret_row)
{
	switch (note) {
	case NOTE_CODE_OFFSET:
		in->offset = number;
		return false;
	case NOTE_CODE_BASE:
		in->elsewhere = number != 0;
		return end_row(in, in->offset, ret_row);
	case NOTE_CODE:
		in->offset += number;
		return begin_row(in, 0, ret_row);
	case NOTE_CODE_AND_LINE:
		in->offset += number & 15;
		in->line += with_sign(number >> 4);
		return begin_row(in, 0, ret_row);
	case NOTE_LENGTH_AND_CODE:
		in->offset += second;
		return begin_row(in, number, ret_row);
	case NOTE_LENGTH:
		in->offset += number;
		return end_row(in, in->offset, ret_row);
	case NOTE_FILE:
		in->file = number;
		return false;
	case NOTE_LINE:
		in->line += with_sign(number);
		return false;
	default:
		return false; /* columns, ends of lines, kinds of ranges */
	}
}

bool pdb_inline_next(struct pdb_inline *in, struct pdb_inline_row *ret_row)
{
	uint32_t note, number, second = 0;

	while (read_number(in, &note) && note > NOTE_END && note <= NOTE_COLUMN_END &&
	       read_number(in, &number)) {
		if (note == NOTE_LENGTH_AND_CODE && !read_number(in, &second))
			break;
		if (follow(in, note, number, second, ret_row))
			return true;
	}
	in->at = in->end;
	/* What began and was never ended is not known to cover anything. */
	return in->row.end && end_row(in, 0, ret_row);
}
