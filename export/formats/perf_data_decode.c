/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding samples and the ids of other records, in the order in which the kernel writes their fields.
 * Called by src/perf_data_tell.c.
 * Must not know the container.
 */
#include "export/formats/perf_data_decode.h"

#include <errno.h>

#include "base/macros.h"
#include "export/formats/perf_data_private.h"

/* Linux 6.8: a word for each entry behind the branches. Not in the headers of Debian 12. */
#define BRANCH_COUNTERS    (1ULL << 19)
#define BRANCH_ENTRY_BYTES 24

void perf_data_layout_init(struct perf_data_layout *ret_layout, const struct perf_data_file *file)
{
	size_t nr;
	const struct perf_data_event *events = perf_data_events(file, &nr);

	*ret_layout = (struct perf_data_layout){ .has_identifier = nr };
	if (!nr)
		return;
	ret_layout->sample_type = events[0].attr.sample_type;
	for (size_t i = 0; i < nr; i++) {
		if (!(events[i].attr.sample_type & PERF_SAMPLE_IDENTIFIER))
			ret_layout->has_identifier = false;
		ret_layout->sample_id_all |= events[i].attr.sample_id_all;
	}
}

/* ---- ids ----------------------------------------------------------------------------------------------------- */

size_t perf_data_id_bytes(const struct perf_data_layout *layout)
{
	static const uint64_t fields[] = {
		PERF_SAMPLE_TID,       PERF_SAMPLE_TIME, PERF_SAMPLE_ID,
		PERF_SAMPLE_STREAM_ID, PERF_SAMPLE_CPU,  PERF_SAMPLE_IDENTIFIER,
	};
	size_t size = 0;

	for (size_t i = 0; layout->sample_id_all && i < ARRAY_SIZE(fields); i++)
		size += layout->sample_type & fields[i] ? 8 : 0;
	return size;
}

int perf_data_decode_id(const struct perf_data_layout *layout,
			const struct perf_data_record *record, struct perf_data_id *ret_id)
{
	size_t size = perf_data_id_bytes(layout);
	uint64_t type = layout->sample_id_all ? layout->sample_type : 0;
	struct perf_data_id id = { .cpu = UINT32_MAX };
	struct perf_data_bytes b = { 0 };

	if (record->size < PERF_DATA_RECORD_BYTES + size)
		return -EBADMSG;
	b = (struct perf_data_bytes){ record->data + record->size - size, size, false };
	if (type & PERF_SAMPLE_TID) {
		id.pid = perf_data_u32(&b);
		id.tid = perf_data_u32(&b);
	}
	if (type & PERF_SAMPLE_TIME)
		id.time_ns = perf_data_u64(&b);
	if (type & PERF_SAMPLE_ID)
		id.id = perf_data_u64(&b);
	if (type & PERF_SAMPLE_STREAM_ID)
		perf_data_u64(&b);
	if (type & PERF_SAMPLE_CPU) {
		id.cpu = perf_data_u32(&b);
		perf_data_u32(&b);
	}
	if (type & PERF_SAMPLE_IDENTIFIER)
		id.id = perf_data_u64(&b);
	*ret_id = id;
	return 0;
}

/* ---- samples ------------------------------------------------------------------------------------------------- */

/* The id of the event of a sample, where it can be found without knowing the event. */
static uint64_t sample_event_id(const struct perf_data_layout *layout,
				const struct perf_data_record *record)
{
	static const uint64_t before[] = { PERF_SAMPLE_IDENTIFIER, PERF_SAMPLE_IP, PERF_SAMPLE_TID,
					   PERF_SAMPLE_TIME, PERF_SAMPLE_ADDR };
	size_t at = PERF_DATA_RECORD_BYTES;

	if (!layout->has_identifier && !(layout->sample_type & PERF_SAMPLE_ID))
		return 0;
	for (size_t i = 0; !layout->has_identifier && i < ARRAY_SIZE(before); i++)
		at += layout->sample_type & before[i] ? 8 : 0;
	return record->size >= at + 8 ? le64(record->data + at) : 0;
}

static const struct perf_event_attr *sample_attr(const struct perf_data_layout *layout,
						 const struct perf_data_file *file,
						 const struct perf_data_record *record,
						 uint32_t *ret_event)
{
	size_t nr;
	const struct perf_data_event *events = perf_data_events(file, &nr);

	*ret_event = perf_data_event_of(file, sample_event_id(layout, record));
	return nr ? &events[*ret_event].attr : NULL;
}

static void skip_read(struct perf_data_bytes *b, uint64_t format)
{
	uint64_t times = !!(format & PERF_FORMAT_TOTAL_TIME_ENABLED) +
			 !!(format & PERF_FORMAT_TOTAL_TIME_RUNNING);
	uint64_t values = 1 + !!(format & PERF_FORMAT_ID) + !!(format & PERF_DATA_FORMAT_LOST);
	uint64_t nr = format & PERF_FORMAT_GROUP ? perf_data_u64(b) : 1;

	if (nr > UINT16_MAX)
		b->failed = true;
	else
		perf_data_take(b, 8 * (times + nr * values));
}

static void skip_branches(struct perf_data_bytes *b, uint64_t type)
{
	uint64_t nr = perf_data_u64(b);

	if (type & PERF_SAMPLE_BRANCH_HW_INDEX)
		perf_data_u64(b);
	if (nr > UINT16_MAX)
		b->failed = true;
	else
		perf_data_take(b, nr * (BRANCH_ENTRY_BYTES + (type & BRANCH_COUNTERS ? 8 : 0)));
}

/* What stands before the callchain. */
static void take_head(struct perf_data_bytes *b, const struct perf_event_attr *attr,
		      struct perf_data_sample *sample)
{
	uint64_t type = attr->sample_type;

	if (type & PERF_SAMPLE_IDENTIFIER)
		sample->id.id = perf_data_u64(b);
	if (type & PERF_SAMPLE_IP)
		sample->ip = perf_data_u64(b);
	if (type & PERF_SAMPLE_TID) {
		sample->id.pid = perf_data_u32(b);
		sample->id.tid = perf_data_u32(b);
	}
	if (type & PERF_SAMPLE_TIME)
		sample->id.time_ns = perf_data_u64(b);
	if (type & PERF_SAMPLE_ADDR)
		perf_data_u64(b);
	if (type & PERF_SAMPLE_ID)
		sample->id.id = perf_data_u64(b);
	if (type & PERF_SAMPLE_STREAM_ID)
		perf_data_u64(b);
	if (type & PERF_SAMPLE_CPU) {
		sample->id.cpu = perf_data_u32(b);
		perf_data_u32(b);
	}
	sample->period = attr->sample_period;
	if (type & PERF_SAMPLE_PERIOD)
		sample->period = perf_data_u64(b);
}

static void take_user_part(struct perf_data_bytes *b, const struct perf_event_attr *attr,
			   struct perf_data_sample *sample)
{
	if (attr->sample_type & PERF_SAMPLE_REGS_USER) {
		sample->regs_abi = perf_data_u64(b);
		if (sample->regs_abi)
			sample->regs = perf_data_take(
				b, 8 * (uint64_t)__builtin_popcountll(attr->sample_regs_user));
	}
	if (attr->sample_type & PERF_SAMPLE_STACK_USER) {
		uint64_t size = perf_data_u64(b), filled;

		sample->stack = perf_data_take(b, size);
		filled = size ? perf_data_u64(b) : 0;
		sample->stack_size = MIN(size, filled);
	}
}

int perf_data_decode_sample(const struct perf_data_layout *layout,
			    const struct perf_data_file *file,
			    const struct perf_data_record *record,
			    struct perf_data_sample *ret_sample)
{
	struct perf_data_bytes b = { record->data, record->size, false };
	struct perf_data_sample sample = { .id.cpu = UINT32_MAX };
	const struct perf_event_attr *attr = sample_attr(layout, file, record, &sample.event);

	if (!attr)
		return -EBADMSG;
	perf_data_take(&b, PERF_DATA_RECORD_BYTES);
	take_head(&b, attr, &sample);
	if (attr->sample_type & PERF_SAMPLE_READ)
		skip_read(&b, attr->read_format);
	if (attr->sample_type & PERF_SAMPLE_CALLCHAIN) {
		sample.has_callchain = true;
		sample.nr_ips = perf_data_u64(&b);
		if (sample.nr_ips > UINT16_MAX)
			return -EBADMSG;
		sample.ips = perf_data_take(&b, sample.nr_ips * 8);
	}
	if (attr->sample_type & PERF_SAMPLE_RAW)
		perf_data_take(&b, perf_data_u32(&b));
	if (attr->sample_type & PERF_SAMPLE_BRANCH_STACK)
		skip_branches(&b, attr->branch_sample_type);
	take_user_part(&b, attr, &sample);
	if (b.failed)
		return -EBADMSG;
	*ret_sample = sample;
	return 0;
}

uint64_t perf_data_time(const struct perf_data_layout *layout, const struct perf_data_file *file,
			const struct perf_data_record *record)
{
	struct perf_data_bytes b = { record->data, record->size, false };
	struct perf_data_sample sample = { 0 };
	const struct perf_event_attr *attr;
	struct perf_data_id id;

	if (record->type != PERF_RECORD_SAMPLE)
		return perf_data_decode_id(layout, record, &id) ? 0 : id.time_ns;
	attr = sample_attr(layout, file, record, &sample.event);
	if (!attr)
		return 0;
	perf_data_take(&b, PERF_DATA_RECORD_BYTES);
	take_head(&b, attr, &sample);
	return b.failed ? 0 : sample.id.time_ns;
}
