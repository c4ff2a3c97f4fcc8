/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What writer and reader of .octrace files share: constants, tables and their columns, as docs/octrace.md says.
 * Included by octrace*.c only; knows nothing of machines but their type.
 */
#ifndef OCTRACE_PRIVATE_H
#define OCTRACE_PRIVATE_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>

#include <onecollect/input.h>
#include <onecollect/machine.h>
#include <onecollect/output.h>

#include "base/macros.h"

#define OCTRACE_MAGIC         "\x89OCTR\r\n\x1a"
#define OCTRACE_CHUNK_MAGIC   "OCch"
#define OCTRACE_TRAILER_MAGIC "OCTREND\n"
#define OCTRACE_MAJOR         1
#define OCTRACE_MINOR         0

#define OCTRACE_FILE_HEADER  24u
#define OCTRACE_CHUNK_HEADER 40u
#define OCTRACE_TRAILER      16u
#define OCTRACE_RAW_MAX      (64u << 20)
#define OCTRACE_INDEX_MAX    1000000u
#define OCTRACE_OPTIONAL     (1u << 31)

#define OCTRACE_STORED 0
#define OCTRACE_ZSTD   1

enum octrace_type {
	OCTRACE_INFO = 1,
	OCTRACE_STRING,
	OCTRACE_KIND,
	OCTRACE_PROCESS,
	OCTRACE_THREAD,
	OCTRACE_MODULE,
	OCTRACE_MAPPING,
	OCTRACE_FUNCTION,
	OCTRACE_LOCATION,
	OCTRACE_LINES,
	OCTRACE_STACK,
	OCTRACE_ATTRS,
	OCTRACE_LINK,
	OCTRACE_SPAN,
	OCTRACE_SAMPLE,
	OCTRACE_LAYOUT_NODE,
	OCTRACE_LAYOUT_VERSION,
	OCTRACE_LEDGER,
	OCTRACE_END,
	OCTRACE_STACK_COUNTS,
	OCTRACE_SYMBOL_FILE,
	OCTRACE_NR_TYPES,
};

/* Instead of a reason, in the table of stack counts. */
#define OCTRACE_COMPLETE 255

/* Items of the ledger table. */
enum octrace_item {
	OCTRACE_ITEM_DURATION = 1,
	OCTRACE_ITEM_EXIT_CODE,
	OCTRACE_ITEM_COMMAND_END,
	OCTRACE_ITEM_COMMAND_CODE,
	OCTRACE_ITEM_USER_S = 16,
	OCTRACE_ITEM_SYSTEM_S,
	OCTRACE_ITEM_HAS_BPF_TIME,
	OCTRACE_ITEM_BPF_NS,
	OCTRACE_ITEM_BPF_RUNS,
	OCTRACE_ITEM_PEAK_RSS,
	OCTRACE_ITEM_MAP_BYTES,
	OCTRACE_ITEM_KERNEL_TO_USER,
	OCTRACE_ITEM_START_MS,
	OCTRACE_ITEM_STOP_MS,
	OCTRACE_ITEM_DUE = 32,
	OCTRACE_ITEM_IDLE,
	OCTRACE_ITEM_FILTERED,
	OCTRACE_ITEM_TAKEN,
	OCTRACE_ITEM_KEPT,
	OCTRACE_ITEM_STACKS,
	OCTRACE_ITEM_COMPLETE,
	OCTRACE_ITEM_LOST = 256,
	OCTRACE_ITEM_INCOMPLETE = 512,
	OCTRACE_ITEM_NOTE = 768,
};

/* A number of the ledger: item, kind (0 = of the whole recording), and where it lives in a struct oc_ledger. */
struct octrace_ledger_number {
	uint32_t item;
	uint32_t kind;
	union {
		uint64_t *u64;
		double *f64;
		int *i32;
		bool *flag;
		enum oc_command_end *end;
	} at;
	char type; /* 'u', 'd', 'i', 'b' or 'e': the member of `at` */
};

/* Calls fn for each number that a ledger with its present kinds has; stops when fn returns nonzero, returns that. */
int octrace_each_number(struct oc_ledger *ledger,
			int (*fn)(void *arg, const struct octrace_ledger_number *number),
			void *arg);

/* ---- tables ------------------------------------------------------------------------------------------------- */

#define OCTRACE_COLUMNS_MAX 11

/* The columns of a table: each digit is the width of one, in bytes. */
struct octrace_schema {
	const char *name;
	const char *rows;
	const char *elements;
	bool has_ids;
	bool may_change;
};

/* The columns of a type, or NULL when there is no such type. */
const struct octrace_schema *octrace_schema(uint32_t type);
/* Number of columns of both lists; widths[OCTRACE_COLUMNS_MAX] is filled in, *ret_row_columns of them are of rows. */
unsigned int octrace_widths(const struct octrace_schema *schema, uint8_t *widths,
			    unsigned int *ret_row_columns);

struct octrace_chunk_header {
	uint32_t type;
	uint32_t rows;
	uint32_t elements;
	uint32_t first;
	uint32_t raw_size;
	uint32_t stored_size;
	uint32_t encoding;
	uint64_t checksum;
};

/* XXH64 with seed 0 of a chunk header's first 32 bytes and of its content. */
uint64_t octrace_checksum(const uint8_t *header, const void *content, size_t size);
/* XXH64 with seed 0 of the first 16 bytes of a file header. */
uint64_t octrace_header_checksum(const uint8_t *header);

static inline void octrace_put(uint8_t *at, uint64_t value, unsigned int width)
{
	uint64_t le = htole64(value);

	memcpy(at, &le, width);
}

static inline uint64_t octrace_get(const uint8_t *at, unsigned int width)
{
	uint64_t le64;
	uint32_t le32;
	uint16_t le16;

	switch (width) {
	case 1:
		return *at;
	case 2:
		memcpy(&le16, at, sizeof(le16));
		return le16toh(le16);
	case 4:
		memcpy(&le32, at, sizeof(le32));
		return le32toh(le32);
	default:
		memcpy(&le64, at, sizeof(le64));
		return le64toh(le64);
	}
}

/* ---- chunks being written (octrace_chunk.c) ----------------------------------------------------------------- */

/* A growing column; 8 bytes behind len are always free, so that any value is stored by one move. */
struct octrace_column {
	uint8_t *data;
	size_t len;
	size_t cap;
};

/* Writes chunks one after the other, gathered row by row. The first error sticks. */
struct octrace_chunks {
	struct oc_output *out;
	void *zstd; /* ZSTD_CCtx */
	int error;

	/* The chunk that is being gathered. */
	uint32_t type;
	uint32_t rows;
	uint32_t elements;
	uint32_t first;
	size_t bytes;
	unsigned int nr_columns;
	unsigned int row_columns;
	uint8_t widths[OCTRACE_COLUMNS_MAX];
	struct octrace_column columns[OCTRACE_COLUMNS_MAX];

	uint8_t *raw;
	size_t raw_cap;
	uint8_t *stored;
	size_t stored_cap;

	struct octrace_index_entry {
		uint32_t type;
		uint32_t rows;
		uint64_t offset;
	} * index; /* [nr_chunks], no more than OCTRACE_INDEX_MAX */
	size_t nr_chunks;
	size_t index_cap;
};

/* Writes the file header. Returns 0 or a negative errno value; octrace_chunks_done() is due in either case. */
int octrace_chunks_init(struct octrace_chunks *c, struct oc_output *out);
void octrace_chunks_done(struct octrace_chunks *c);
/* Begins a chunk whose first row has the id `first`. */
void octrace_chunk_begin(struct octrace_chunks *c, enum octrace_type type, uint32_t first);
/* Ends a row: a chunk that is large enough is written, and the next one of the same type begun. */
void octrace_row_end(struct octrace_chunks *c);
/* Writes what was gathered, if there is any row. Returns 0 or the error that sticks. */
int octrace_chunk_end(struct octrace_chunks *c);
/* Writes index, totals and trailer. totals: [nr_kinds][3], rows, count and value. Returns 0 or the error that sticks. */
int octrace_chunks_finish(struct octrace_chunks *c, const uint64_t (*totals)[3], uint32_t nr_kinds);

/* Makes room for `size` more bytes, plus 8. False = no memory, which sticks. */
bool octrace_column_reserve(struct octrace_chunks *c, unsigned int column, size_t size);

/* Appends one value to a column. */
static inline void octrace_column_put(struct octrace_chunks *c, unsigned int column, uint64_t value)
{
	struct octrace_column *to = &c->columns[column];

	if (to->cap - to->len < 2 * sizeof(value) &&
	    !octrace_column_reserve(c, column, sizeof(value)))
		return;
	octrace_put(to->data + to->len, value, sizeof(value));
	to->len += c->widths[column];
	c->bytes += c->widths[column];
}

/* Appends data[size] to a column of bytes. */
void octrace_column_put_bytes(struct octrace_chunks *c, unsigned int column, const void *data,
			      size_t size);

/* ---- chunks being read (octrace_parse.c) -------------------------------------------------------------------- */

/* A chunk that was read and checked: every column is whole. */
struct octrace_chunk {
	struct octrace_chunk_header header;
	uint64_t offset; /* in the file */
	unsigned int row_columns;
	uint8_t widths[OCTRACE_COLUMNS_MAX];
	const uint8_t *columns[OCTRACE_COLUMNS_MAX];
};

struct octrace_parser {
	const struct oc_input *in;
	struct oc_error *err;
	void *zstd;      /* ZSTD_DCtx */
	uint64_t offset; /* of what comes next */
	uint64_t raw_bytes;
	uint64_t nr_chunks; /* read so far, skipped ones included */
	uint8_t *stored;
	size_t stored_cap;
	uint8_t *raw;
	size_t raw_cap;
};

/* True when a file that begins with head[size] is an .octrace file. */
bool octrace_sniff(const void *head, size_t size);
/* Checks the file header. Returns 0 or a negative errno value; octrace_parser_done() is due in either case. */
int octrace_parser_init(struct octrace_parser *p, const struct oc_input *in, struct oc_error *err);
void octrace_parser_done(struct octrace_parser *p);
/*
 * Reads the next chunk of a type that is known, valid until the next call.
 * Returns 1; 0 when the file ends where no chunk begins or within one; a negative errno value with *err filled in:
 * -EBADMSG (damaged), -EOPNOTSUPP (of a newer version), -ENOMEM, -EIO, ...
 */
int octrace_next_chunk(struct octrace_parser *p, struct octrace_chunk *ret_chunk);
/* Checks that the trailer, and nothing behind it, follows the END chunk at `offset`. Returns 1 = it does, 0 = it is
 * missing, -EBADMSG. */
int octrace_check_trailer(struct octrace_parser *p, uint64_t offset);

/* A value of a column; row (or element) must be below the number that the header tells. */
static inline uint64_t octrace_value(const struct octrace_chunk *c, unsigned int column,
				     uint32_t row)
{
	unsigned int width = c->widths[column];

	return octrace_get(c->columns[column] + (size_t)row * width, width);
}

#endif
