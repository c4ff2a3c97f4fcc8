/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking a perf.data file apart into records: head, features, packed pieces, and what a pipe has instead of a head.
 * Called by src/perf_data_tell.c.
 * Must not know what the records of the kernel hold.
 */
#include "export/formats/perf_data_file.h"

#include <errno.h>
#include <inttypes.h>
#include <zstd.h>

#include "base/macros.h"
#include "export/formats/perf_data_private.h"

/* Read from the file at a time; a record is at most 64 KiB. */
#define WINDOW_BYTES (256 * 1024)
/* A feature that is larger is not read: the lists of all build-ids of a machine have some 100 KiB. */
#define FEATURE_BYTES_MAX (64u << 20)
/* Unpacked bytes that wait for being a whole record, and as many more. */
#define UNPACKED_BYTES (128 * 1024)
/* Memory that a packed stream may ask for: 128 MiB, the most that zstd's ordinary levels use. */
#define ZSTD_WINDOW_LOG_MAX 27

/* Packed data of the present piece, in the window, and what came out of it. */
struct unpacker {
	ZSTD_DStream *stream;
	ZSTD_inBuffer in;
	uint8_t *data; /* [UNPACKED_BYTES] */
	size_t start;
	size_t end;
	uint64_t offset; /* of the piece in the file */
};

struct perf_data_file {
	const struct oc_input *in;
	struct perf_data_head head;
	struct perf_data_counts counts;
	bool is_pipe;
	bool is_named;
	uint8_t *window; /* [WINDOW_BYTES] */
	size_t start;
	size_t filled;
	uint64_t at;  /* of window[start] in the file */
	uint64_t end; /* of the records in the file; UINT64_MAX = that of the file */
	struct unpacker unpacker;
};

static int fail(const struct perf_data_file *f, int rc, uint64_t offset, const char *what,
		struct oc_error *err)
{
	if (rc == -EBADMSG)
		return oc_error_set(err, rc, "'%s' is damaged at byte %" PRIu64 ": %s",
				    oc_input_name(f->in), offset, what);
	return oc_error_set(err, rc, "cannot read '%s': %s", oc_input_name(f->in), strerror(-rc));
}

/* ---- bytes of the file --------------------------------------------------------------------------------------- */

/* Makes up to `size` bytes of the file be there at the window's start. Returns how many are, or -EIO and the like. */
static int64_t fill(struct perf_data_file *f, size_t size)
{
	int64_t n;

	if (f->filled - f->start >= size)
		return (int64_t)size;
	memmove(f->window, f->window + f->start, f->filled - f->start);
	f->filled -= f->start;
	f->start = 0;
	n = oc_input_read_at(f->in, f->at + f->filled, f->window + f->filled,
			     WINDOW_BYTES - f->filled);
	if (n < 0)
		return n;
	f->filled += (size_t)n;
	return (int64_t)MIN(f->filled, size);
}

static void skip(struct perf_data_file *f, uint64_t size)
{
	size_t there = f->filled - f->start;

	f->at = size > UINT64_MAX - f->at ? UINT64_MAX : f->at + size;
	if (size <= there) {
		f->start += (size_t)size;
	} else {
		f->start = 0;
		f->filled = 0;
	}
}

/* Reads exactly size bytes at offset. Returns 0, -ENODATA (the file ends before), or what the input says. */
static int read_exactly(const struct perf_data_file *f, uint64_t offset, void *data, size_t size)
{
	int64_t n = oc_input_read_at(f->in, offset, data, size);

	return n < 0 ? (int)n : (size_t)n < size ? -ENODATA : 0;
}

/* ---- head ---------------------------------------------------------------------------------------------------- */

struct section {
	uint64_t offset;
	uint64_t size;
};

static struct section section_at(const uint8_t *p)
{
	return (struct section){ le64(p), le64(p + 8) };
}

/* The ids of an event, which stand elsewhere in the file. */
static int read_ids(struct perf_data_file *f, struct section ids, uint32_t event)
{
	uint8_t bytes[4096];
	int rc = 0;

	/* An event has an id for each CPU and thread. More than the file holds are not believed. */
	if (ids.size > oc_input_size(f->in))
		return -EBADMSG;
	while (!rc && ids.size >= 8) {
		size_t size = (size_t)MIN(ids.size, sizeof(bytes)) & ~(size_t)7;

		rc = read_exactly(f, ids.offset, bytes, size);
		for (size_t i = 0; !rc && i < size; i += 8)
			rc = perf_data_add_id(&f->head, le64(bytes + i), event);
		ids.offset += size;
		ids.size -= size;
	}
	return rc;
}

static int read_attrs(struct perf_data_file *f, struct section attrs, uint64_t entry_size)
{
	uint8_t entry[sizeof(struct perf_event_attr) + PERF_DATA_SECTION_BYTES];
	uint64_t attr_size = entry_size - PERF_DATA_SECTION_BYTES;
	int rc = 0;

	if (entry_size < PERF_ATTR_SIZE_VER0 + PERF_DATA_SECTION_BYTES || entry_size > UINT16_MAX)
		return -EBADMSG;
	for (; !rc && attrs.size >= entry_size; attrs.size -= entry_size) {
		size_t size = (size_t)MIN(attr_size, sizeof(struct perf_event_attr));

		rc = read_exactly(f, attrs.offset, entry, size);
		if (!rc)
			rc = read_exactly(f, attrs.offset + attr_size, entry + size,
					  PERF_DATA_SECTION_BYTES);
		if (!rc)
			rc = perf_data_add_event(&f->head, entry, size);
		if (!rc)
			rc = read_ids(f, section_at(entry + size), (uint32_t)f->head.nr_events - 1);
		attrs.offset += entry_size;
	}
	return rc;
}

static int read_feature(struct perf_data_file *f, uint32_t feature, struct section section)
{
	uint8_t *data;
	int rc;

	if (section.size > FEATURE_BYTES_MAX) {
		f->counts.skipped++;
		return 0;
	}
	if (section.size > oc_input_size(f->in))
		return -ENODATA;
	data = malloc((size_t)section.size + 1);
	if (!data)
		return -ENOMEM;
	rc = read_exactly(f, section.offset, data, (size_t)section.size);
	if (!rc)
		rc = perf_data_take_feature(&f->head, feature, data, (size_t)section.size);
	free(data);
	/* A feature that is wrong is one fact less; the records can still be right. */
	if (rc != -EBADMSG)
		return rc;
	f->counts.skipped++;
	return 0;
}

/* The list of features stands behind the records, one section for each bit that is set in the head. */
static int read_features(struct perf_data_file *f, const uint8_t *bits, uint64_t offset)
{
	for (uint32_t feature = 0; feature < PERF_DATA_FEATURES; feature++) {
		uint8_t entry[PERF_DATA_SECTION_BYTES];
		int rc;

		if (!(bits[feature / 8] & 1 << feature % 8))
			continue;
		rc = read_exactly(f, offset, entry, sizeof(entry));
		if (!rc)
			rc = read_feature(f, feature, section_at(entry));
		if (rc)
			return rc;
		offset += sizeof(entry);
	}
	return 0;
}

/* A recorder that was killed has not said how many records there are, nor written features. */
static int read_rest_of_head(struct perf_data_file *f, struct section data, const uint8_t *bits)
{
	uint64_t size = oc_input_size(f->in);
	int rc;

	f->at = data.offset;
	f->end = data.offset + data.size;
	if (data.size && f->end >= data.offset && f->end <= size) {
		rc = read_features(f, bits, f->end);
		f->counts.is_partial = rc == -ENODATA;
		return rc == -ENODATA ? 0 : rc;
	}
	f->end = UINT64_MAX;
	f->counts.is_partial = true;
	return 0;
}

static int read_file_head(struct perf_data_file *f)
{
	uint8_t head[PERF_DATA_HEADER_BYTES];
	int rc = read_exactly(f, 0, head, sizeof(head));

	if (!rc)
		rc = read_attrs(f, section_at(head + 24), le64(head + 16));
	if (!rc && !f->head.nr_events)
		rc = -EBADMSG;
	if (!rc)
		rc = read_rest_of_head(f, section_at(head + 40), head + 72);
	return rc == -ENODATA ? -EBADMSG : rc;
}

static int read_head(struct perf_data_file *f, struct oc_error *err)
{
	uint8_t head[PERF_DATA_PIPE_HEADER_BYTES];
	int rc = read_exactly(f, 0, head, sizeof(head));

	if (rc)
		return fail(f, rc == -ENODATA ? -EBADMSG : rc, 0, "it ends in its head", err);
	if (!memcmp(head, PERF_DATA_SWAPPED_MAGIC, 8))
		return oc_error_set(err, -EOPNOTSUPP,
				    "'%s' was recorded on a big-endian machine, which is not "
				    "supported",
				    oc_input_name(f->in));
	if (!memcmp(head, PERF_DATA_OLD_MAGIC, 8))
		return oc_error_set(
			err, -EOPNOTSUPP,
			"'%s' is of the first version of perf.data, which no perf since "
			"2009 writes",
			oc_input_name(f->in));
	if (memcmp(head, PERF_DATA_MAGIC, 8))
		return oc_error_set(err, -EBADMSG, "'%s' is no perf.data file",
				    oc_input_name(f->in));
	f->is_pipe = le64(head + 8) == PERF_DATA_PIPE_HEADER_BYTES;
	f->at = PERF_DATA_PIPE_HEADER_BYTES;
	f->end = UINT64_MAX;
	if (f->is_pipe)
		return 0;
	rc = read_file_head(f);
	return rc ? fail(f, rc, 0, "its head points to what is not there", err) : 0;
}

int perf_data_open(const struct oc_input *in, struct perf_data_file **ret_file,
		   struct oc_error *err)
{
	struct perf_data_file *f = calloc(1, sizeof(*f));
	int rc = -ENOMEM;

	if (f) {
		f->in = in;
		f->window = malloc(WINDOW_BYTES);
	}
	if (!f || !f->window)
		oc_error_set(err, rc, "out of memory");
	else
		rc = read_head(f, err);
	if (rc)
		perf_data_close(f);
	else
		*ret_file = f;
	return rc;
}

void perf_data_close(struct perf_data_file *f)
{
	if (!f)
		return;
	perf_data_head_done(&f->head);
	ZSTD_freeDStream(f->unpacker.stream);
	free(f->unpacker.data);
	free(f->window);
	free(f);
}

/* ---- packed records ------------------------------------------------------------------------------------------ */

static int unpacker_begin(struct perf_data_file *f, const uint8_t *data, size_t size,
			  uint64_t offset)
{
	struct unpacker *u = &f->unpacker;

	if (!u->stream) {
		u->stream = ZSTD_createDStream();
		u->data = malloc(UNPACKED_BYTES);
		if (!u->stream || !u->data)
			return -ENOMEM;
		ZSTD_DCtx_setParameter(u->stream, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
	}
	u->in = (ZSTD_inBuffer){ data, size, 0 };
	u->offset = offset;
	return 0;
}

/* Unpacks as much as there is room for. Returns 1 when something came out, 0 when the piece is used up, -EBADMSG. */
static int unpack(struct unpacker *u)
{
	ZSTD_outBuffer out = { u->data, UNPACKED_BYTES, 0 };
	size_t rc;

	memmove(u->data, u->data + u->start, u->end - u->start);
	u->end -= u->start;
	u->start = 0;
	out.pos = u->end;
	/* Also without input: what did not fit last time is still inside. */
	rc = ZSTD_decompressStream(u->stream, &out, &u->in);
	if (ZSTD_isError(rc))
		return -EBADMSG;
	if (out.pos == u->end)
		return u->in.pos < u->in.size ? -EBADMSG : 0;
	u->end = out.pos;
	return 1;
}

/* The next record that was packed. Returns 1, 0 = there is none before more of the file is read, or -EBADMSG. */
static int next_unpacked(struct unpacker *u, struct perf_data_record *ret_record)
{
	while (u->data) {
		const uint8_t *at = u->data + u->start;
		size_t left = u->end - u->start;
		size_t size = left < PERF_DATA_RECORD_BYTES ? 0 : le16(at + 6);
		int rc;

		if (size && left >= size) {
			if (size < PERF_DATA_RECORD_BYTES)
				return -EBADMSG;
			*ret_record = (struct perf_data_record){ at, le32(at), le16(at + 4),
								 (uint16_t)size, u->offset };
			u->start += size;
			return 1;
		}
		if (!size && left >= PERF_DATA_RECORD_BYTES)
			return -EBADMSG;
		rc = unpack(u);
		if (rc <= 0)
			return rc;
	}
	return 0;
}

/* ---- records ------------------------------------------------------------------------------------------------- */

/* The next record as it stands in the file. Returns 1, 0 at the end, -EBADMSG or what the input says. */
static int next_in_file(struct perf_data_file *f, struct perf_data_record *ret_record)
{
	uint64_t left = f->end - f->at;
	const uint8_t *data;
	int64_t n;
	uint16_t size;

	if (f->at >= f->end)
		return 0;
	n = fill(f, PERF_DATA_RECORD_BYTES);
	if (n < 0)
		return (int)n;
	if ((size_t)n < PERF_DATA_RECORD_BYTES || left < PERF_DATA_RECORD_BYTES) {
		/* A pipe ends where its writer ended it. */
		f->counts.is_partial |= n || !f->is_pipe;
		return 0;
	}
	size = le16(f->window + f->start + 6);
	if (size < PERF_DATA_RECORD_BYTES)
		return -EBADMSG;
	n = fill(f, size);
	if (n < 0)
		return (int)n;
	if ((size_t)n < size || left < size) {
		f->counts.is_partial = true;
		return 0;
	}
	data = f->window + f->start;
	*ret_record = (struct perf_data_record){ data, le32(data), le16(data + 4), size, f->at };
	skip(f, size);
	return 1;
}

/* Skips what stands behind a record and is no record. */
static int skip_payload(struct perf_data_file *f, const struct perf_data_record *record,
			size_t width)
{
	const uint8_t *p = record->data + PERF_DATA_RECORD_BYTES;
	uint64_t size;

	if (record->size < PERF_DATA_RECORD_BYTES + width)
		return -EBADMSG;
	size = width == 8 ? le64(p) : le32(p);
	f->counts.is_partial |= f->at + size > oc_input_size(f->in) || f->at + size < f->at;
	skip(f, size);
	return 0;
}

/* In a pipe: attributes, then the ids of the event. */
static int take_attr(struct perf_data_file *f, const struct perf_data_record *record)
{
	const uint8_t *attr = record->data + PERF_DATA_RECORD_BYTES;
	size_t left = record->size - PERF_DATA_RECORD_BYTES;
	uint32_t size;
	int rc;

	if (left < PERF_ATTR_SIZE_VER0)
		return -EBADMSG;
	size = le32(attr + offsetof(struct perf_event_attr, size));
	size = size ? size : PERF_ATTR_SIZE_VER0;
	if (size > left)
		return -EBADMSG;
	rc = perf_data_add_event(&f->head, attr, size);
	for (size_t at = size; !rc && at + 8 <= left; at += 8)
		rc = perf_data_add_id(&f->head, le64(attr + at), (uint32_t)f->head.nr_events - 1);
	f->is_named = false;
	return rc;
}

static int take_feature(struct perf_data_file *f, const struct perf_data_record *record)
{
	const size_t head = PERF_DATA_RECORD_BYTES + 8;
	uint64_t feature;
	int rc;

	if (record->size < head)
		return -EBADMSG;
	feature = le64(record->data + PERF_DATA_RECORD_BYTES);
	if (feature >= PERF_DATA_FEATURES)
		return 0;
	rc = perf_data_take_feature(&f->head, (uint32_t)feature, record->data + head,
				    record->size - head);
	f->is_named = false;
	if (rc != -EBADMSG)
		return rc;
	f->counts.skipped++;
	return 0;
}

static int take_packed(struct perf_data_file *f, const struct perf_data_record *record)
{
	const uint8_t *data = record->data + PERF_DATA_RECORD_BYTES;
	uint64_t size = record->size - PERF_DATA_RECORD_BYTES;

	if (record->type == PERF_DATA_RECORD_COMPRESSED2) {
		if (size < 8 || le64(data) > size - 8)
			return -EBADMSG;
		size = le64(data);
		data += 8;
	}
	return unpacker_begin(f, data, (size_t)size, record->offset);
}

/* Takes a record of the container. Returns 1 when it was one, 0 when not, or a negative errno value. */
static int take_own(struct perf_data_file *f, const struct perf_data_record *record)
{
	int rc;

	switch (record->type) {
	case PERF_DATA_RECORD_COMPRESSED:
	case PERF_DATA_RECORD_COMPRESSED2:
		rc = take_packed(f, record);
		break;
	case PERF_DATA_RECORD_ATTR:
		rc = take_attr(f, record);
		break;
	case PERF_DATA_RECORD_FEATURE:
		rc = take_feature(f, record);
		break;
	case PERF_DATA_RECORD_EVENT_UPDATE:
		rc = perf_data_take_update(&f->head, record->data, record->size);
		break;
	case PERF_DATA_RECORD_BUILD_ID:
		rc = perf_data_take_build_id(&f->head, record->data, record->size);
		break;
	case PERF_DATA_RECORD_TRACING_DATA:
		rc = skip_payload(f, record, 4);
		break;
	case PERF_DATA_RECORD_AUXTRACE:
		f->counts.skipped++;
		rc = skip_payload(f, record, 8);
		break;
	default:
		return 0;
	}
	return rc ? rc : 1;
}

int perf_data_next(struct perf_data_file *f, struct perf_data_record *ret_record,
		   struct oc_error *err)
{
	int rc;

	do {
		rc = next_unpacked(&f->unpacker, ret_record);
		if (rc < 0)
			return fail(f, rc, f->unpacker.offset, "a packed record is none", err);
		/* Only records of the kernel are packed. */
		if (rc)
			break;
		rc = next_in_file(f, ret_record);
		if (rc < 0)
			return fail(f, rc, f->at, "a record has no size", err);
		if (!rc) {
			f->counts.is_partial |= f->unpacker.end > f->unpacker.start;
			return 0;
		}
		rc = take_own(f, ret_record);
		if (rc < 0)
			return fail(f, rc, ret_record->offset, "a record ends too early", err);
	} while (rc);
	if (!f->is_named) {
		f->is_named = true;
		perf_data_name_events(&f->head);
	}
	return 1;
}

/* ---- what is known ------------------------------------------------------------------------------------------- */

const struct perf_data_event *perf_data_events(const struct perf_data_file *f, size_t *ret_nr)
{
	*ret_nr = f->head.nr_events;
	return f->head.events;
}

uint32_t perf_data_event_of(const struct perf_data_file *f, uint64_t id)
{
	const uint64_t *event = id ? u64_map_find(&f->head.event_by_id, id) : NULL;

	return event ? (uint32_t)*event : 0;
}

const struct perf_data_facts *perf_data_facts(const struct perf_data_file *f)
{
	return &f->head.facts;
}

const struct perf_data_counts *perf_data_counts(const struct perf_data_file *f)
{
	return &f->counts;
}

const uint8_t *perf_data_build_id(const struct perf_data_file *f, const char *path,
				  uint8_t *ret_size)
{
	return perf_data_head_build_id(&f->head, path, ret_size);
}
