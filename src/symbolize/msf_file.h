/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The container that PDB files are: numbered streams made of blocks (MSF 7.00).
 * Used by the readers of PDB files; knows no stream's content. Nobody vouches for the file.
 */
#ifndef SYMBOLIZE_MSF_FILE_H
#define SYMBOLIZE_MSF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onecollect/error.h>

#include "base/buffer.h"
#include "base/byte_source.h"

/* What stands for "no stream" in 16-bit fields. */
#define MSF_NO_STREAM 0xffffu

/* An open file. All zero = closed. */
struct msf_file {
	struct byte_source source;
	uint32_t block_size;
	uint32_t nr_blocks;
	uint32_t nr_streams;
	uint32_t *sizes;     /* [nr_streams] in bytes */
	uint32_t *firsts;    /* [nr_streams] where its list of blocks begins in `directory` */
	uint32_t *directory; /* owned; lists of block numbers, as stored */
};

/*
 * Reads superblock and directory.
 * source: copied; its descriptor or memory has to stay until msf_close().
 * Returns 0; -ENOEXEC (not an MSF 7.00 file); -EBADMSG (damaged, *err tells where); -ENOMEM; or an error of pread(2).
 * After an error there is nothing to close.
 */
int msf_open(struct msf_file *msf, const struct byte_source *source, struct oc_error *err);
/* Accepts all zero. */
void msf_close(struct msf_file *msf);

/* Bytes of a stream; 0 for one that is not there. */
uint32_t msf_size(const struct msf_file *msf, uint32_t stream);

/*
 * Reads exactly size bytes at `offset` of a stream.
 * Returns 0, -EBADMSG (beyond its end, with *err), or an error of pread(2).
 */
int msf_read(const struct msf_file *msf, uint32_t stream, uint32_t offset, void *buf, size_t size,
	     struct oc_error *err);

/* Replaces what *out holds by size bytes at `offset` of a stream. Errors as msf_read(), -ENOMEM. */
int msf_load(const struct msf_file *msf, uint32_t stream, uint32_t offset, uint32_t size,
	     struct buffer *out, struct oc_error *err);

/* Says in *err what is wrong at `offset` of a stream, and where in the file that is. Returns -EBADMSG. */
int msf_damaged(const struct msf_file *msf, uint32_t stream, uint32_t offset, const char *what,
		struct oc_error *err);

/* ---- records ----------------------------------------------------------------------------------------------- */

/* Symbols and types alike are records: a 16-bit size of what follows, a 16-bit kind, a payload. */
struct msf_record {
	uint32_t offset; /* of the record in its stream */
	uint16_t kind;
	const uint8_t *data; /* [size], the payload; valid until the next record is asked for */
	uint32_t size;
};

/* Goes through the records of a part of a stream, in pieces, so that a part of any size costs the same memory. */
struct msf_records {
	const struct msf_file *msf;
	uint32_t stream;
	uint32_t at;         /* of the next record */
	uint32_t end;        /* of the part */
	uint32_t first;      /* offset in the stream of what `piece` holds */
	uint32_t piece_size; /* bytes read at once; may be changed after msf_records_init() */
	struct buffer piece;
};

/* Begins at offset `from`; a part that reaches beyond the stream ends with it. */
void msf_records_init(struct msf_records *it, const struct msf_file *msf, uint32_t stream,
		      uint32_t from, uint32_t to);
void msf_records_done(struct msf_records *it);
/* Returns 1 with the next record, 0 = no more, -EBADMSG (a record reaches beyond the part), -ENOMEM or as msf_read(). */
int msf_records_next(struct msf_records *it, struct msf_record *ret_record, struct oc_error *err);

#endif
