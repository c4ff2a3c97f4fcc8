/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks up records of PDB files by number and puts names of functions together.
 * Called by pdb_symbols.c.
 * Must not know addresses. Source of the layouts: LLVM's "The PDB TPI and IPI Streams" and "CodeView Type Records".
 */
#include "symbolize/pdb_types.h"

#include <errno.h>

#include "base/array.h"
#include "base/le.h"
#include "base/macros.h"

enum { STREAM_TYPES = 2, STREAM_IDS = 4 };

#define HEADER_SIZE    56u
#define RECORDS_A_MARK 64u
#define NAME_MAX_BYTES 4096u
/* Bytes read at once to find one record: about as many as there are between two marks. */
#define LOOKUP_SIZE 4096u

enum {
	LF_CLASS = 0x1504,
	LF_STRUCTURE = 0x1505,
	LF_UNION = 0x1506,
	LF_ENUM = 0x1507,
	LF_INTERFACE = 0x1519,
	LF_FUNC_ID = 0x1601,
	LF_MFUNC_ID = 0x1602,
	LF_STRING_ID = 0x1605,
};

void pdb_types_init(struct pdb_types *t, const struct msf_file *msf)
{
	*t = (struct pdb_types){ .msf = msf,
				 .ids = { .stream = STREAM_IDS },
				 .types = { .stream = STREAM_TYPES } };
}

void pdb_types_done(struct pdb_types *t)
{
	free(t->ids.marks);
	free(t->types.marks);
	buffer_done(&t->part);
	*t = (struct pdb_types){ 0 };
}

/* Goes through a stream once and notes where every 64th record is. */
static int mark_records(const struct pdb_types *t, struct pdb_numbered *n, uint32_t from,
			struct oc_error *err)
{
	struct msf_records it __cleanup(msf_records_done) = { 0 };
	struct msf_record record;
	size_t cap = 0;
	int rc;

	msf_records_init(&it, t->msf, n->stream, from, n->end);
	while ((rc = msf_records_next(&it, &record, err)) > 0) {
		uint32_t mark = n->nr / RECORDS_A_MARK;

		if (n->nr % RECORDS_A_MARK == 0) {
			if (array_reserve(&n->marks, &cap, (size_t)mark + 1, sizeof(*n->marks)))
				return oc_error_set(err, -ENOMEM, "out of memory");
			n->marks[mark] = record.offset;
		}
		n->nr++;
	}
	return rc;
}

/* Reads what is needed to find records. Returns 0, also when there are none, or an error. */
static int prepare(const struct pdb_types *t, struct pdb_numbered *n, struct oc_error *err)
{
	uint8_t header[HEADER_SIZE];
	uint32_t from, size;
	int rc;

	if (n->end || !msf_size(t->msf, n->stream))
		return 0;
	rc = msf_read(t->msf, n->stream, 0, header, sizeof(header), err);
	if (rc)
		return rc;
	from = le32(header + 4);
	size = le32(header + 16);
	if (from < HEADER_SIZE || size > UINT32_MAX - from)
		return msf_damaged(t->msf, n->stream, 4, "a header of unknown form", err);
	n->first = le32(header + 8);
	n->end = from + size;
	return mark_records(t, n, from, err);
}

/* Begins `it` at a record. Returns 1 with the record, 0 = there is none of this number, or an error. */
static int find(const struct pdb_types *t, struct pdb_numbered *n, uint32_t number,
		struct msf_records *it, struct msf_record *ret_record, struct oc_error *err)
{
	uint32_t index;
	int rc = prepare(t, n, err);

	if (rc)
		return rc;
	if (number < n->first || number - n->first >= n->nr)
		return 0;
	index = number - n->first;
	msf_records_init(it, t->msf, n->stream, n->marks[index / RECORDS_A_MARK], n->end);
	it->piece_size = LOOKUP_SIZE;
	rc = 1;
	for (uint32_t i = 0; rc > 0 && i <= index % RECORDS_A_MARK; i++)
		rc = msf_records_next(it, ret_record, err);
	return rc;
}

/* Appends the text that begins `offset` bytes behind the start of a record. */
static void append_text(struct buffer *out, const struct msf_record *record, uint32_t offset)
{
	size_t left;

	if (offset >= record->size)
		return;
	left = MIN(record->size - offset, NAME_MAX_BYTES);
	buffer_append(out, record->data + offset,
		      strnlen((const char *)record->data + offset, left));
}

/* Bytes of a number that stands in a record: two for a small one, else two for its kind and the number. 0 = unknown. */
static uint32_t number_size(const struct msf_record *record, uint32_t offset)
{
	static const uint8_t sizes[] = { 3, 4, 4, 6,
					 6 }; /* 8, 16, 16, 32, 32 bits: kinds 0x8000 on */
	uint32_t kind;

	if (offset + 2 > record->size)
		return 0;
	kind = le16(record->data + offset);
	if (kind < 0x8000)
		return 2;
	if (kind - 0x8000 < ARRAY_SIZE(sizes))
		return sizes[kind - 0x8000];
	return kind == 0x8009 || kind == 0x800a ? 10 : 0;
}

/* Appends the name of a class and "::". */
static int append_class(struct pdb_types *t, uint32_t number, struct buffer *out,
			struct oc_error *err)
{
	struct msf_records it __cleanup(msf_records_done) = { 0 };
	struct msf_record record;
	uint32_t at = 0;
	int rc = find(t, &t->types, number, &it, &record, err);

	if (rc <= 0)
		return rc;
	switch (record.kind) {
	case LF_CLASS:
	case LF_STRUCTURE:
	case LF_INTERFACE:
		at = 16 + number_size(&record, 16);
		break;
	case LF_UNION:
		at = 8 + number_size(&record, 8);
		break;
	case LF_ENUM:
		at = 12;
		break;
	default:
		return 0;
	}
	append_text(out, &record, at);
	buffer_puts(out, "::");
	return 0;
}

/* Appends the name of a name space and "::". */
static int append_scope(struct pdb_types *t, uint32_t number, struct buffer *out,
			struct oc_error *err)
{
	struct msf_records it __cleanup(msf_records_done) = { 0 };
	struct msf_record record;
	int rc = number ? find(t, &t->ids, number, &it, &record, err) : 0;

	if (rc <= 0 || record.kind != LF_STRING_ID)
		return rc < 0 ? rc : 0;
	append_text(out, &record, 4);
	buffer_puts(out, "::");
	return 0;
}

int pdb_types_function_name(struct pdb_types *t, uint32_t number, struct buffer *out,
			    struct oc_error *err)
{
	struct msf_records it __cleanup(msf_records_done) = { 0 };
	struct msf_record record;
	int rc = find(t, &t->ids, number, &it, &record, err);

	buffer_clear(out);
	if (rc <= 0 || (record.kind != LF_FUNC_ID && record.kind != LF_MFUNC_ID) || record.size < 8)
		return rc < 0 ? rc : 0;
	buffer_clear(&t->part);
	append_text(&t->part, &record, 8);
	rc = record.kind == LF_MFUNC_ID ? append_class(t, le32(record.data), out, err)
					: append_scope(t, le32(record.data), out, err);
	if (rc)
		return rc;
	buffer_append(out, t->part.data, t->part.len);
	if (out->error || t->part.error)
		return oc_error_set(err, -ENOMEM, "out of memory");
	if (out->len > NAME_MAX_BYTES) {
		out->len = NAME_MAX_BYTES;
		out->data[out->len] = '\0';
	}
	return 0;
}
