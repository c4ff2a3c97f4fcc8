/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making perf.data files by hand.
 * Called by tests of the reader.
 * Must not use anything of the reader or the writer.
 */
#include "perf_data_file.h"

#include <string.h>
#include <sys/mman.h>

#include "base/macros.h"

#define HEAD_BYTES     104
#define ATTR_ENTRY     (sizeof(struct perf_event_attr) + 16)
#define RECORD_ATTR    64
#define FINISHED_ROUND 68

static void put(struct buffer *b, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		buffer_putc(b, (char)(i < sizeof(value) ? value >> (8 * i) : 0));
}

void hand_done(struct hand_file *f)
{
	buffer_done(&f->attrs);
	buffer_done(&f->records);
}

void hand_event(struct hand_file *f, struct perf_event_attr attr)
{
	attr.size = sizeof(attr);
	attr.sample_type = attr.sample_type ? attr.sample_type : HAND_SAMPLE_TYPE;
	attr.sample_id_all = 1;
	buffer_append(&f->attrs, &attr, sizeof(attr));
	f->nr_events++;
}

void hand_clock(struct hand_file *f, uint64_t period_ns)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.config = PERF_COUNT_SW_CPU_CLOCK,
					.sample_period = period_ns };

	hand_event(f, attr);
}

/* ---- records ------------------------------------------------------------------------------------------------- */

void hand_put(struct hand_file *f, uint64_t value, size_t size)
{
	put(&f->records, value, size);
}

void hand_text(struct hand_file *f, const char *text)
{
	size_t len = strlen(text) + 1;

	buffer_append(&f->records, text, len);
	put(&f->records, 0, -len & 7);
}

void hand_begin(struct hand_file *f, uint32_t type, uint16_t misc)
{
	f->record = f->records.len;
	hand_put(f, type, 4);
	hand_put(f, misc, 2);
	hand_put(f, 0, 2);
}

void hand_end_plain(struct hand_file *f)
{
	size_t size = f->records.len - f->record;

	f->records.data[f->record + 6] = (char)size;
	f->records.data[f->record + 7] = (char)(size >> 8);
}

void hand_end(struct hand_file *f, uint64_t time_ns)
{
	hand_put(f, 0, 8); /* pid and tid */
	hand_put(f, time_ns, 8);
	hand_put(f, 0, 8); /* CPU */
	hand_put(f, 100, 8);
	hand_end_plain(f);
}

void hand_comm(struct hand_file *f, uint32_t pid, uint32_t tid, const char *comm, bool is_exec,
	       uint64_t time_ns)
{
	hand_begin(f, PERF_RECORD_COMM, is_exec ? PERF_RECORD_MISC_COMM_EXEC : 0);
	hand_put(f, pid, 4);
	hand_put(f, tid, 4);
	hand_text(f, comm);
	hand_end(f, time_ns);
}

void hand_task(struct hand_file *f, uint32_t type, struct hand_task task, uint64_t time_ns)
{
	hand_begin(f, type, 0);
	hand_put(f, task.pid, 4);
	hand_put(f, task.parent_pid, 4);
	hand_put(f, task.tid, 4);
	hand_put(f, task.parent_tid, 4);
	hand_put(f, time_ns, 8);
	hand_end(f, time_ns);
}

void hand_map(struct hand_file *f, uint32_t pid, uint64_t start, const char *path, uint64_t time_ns)
{
	hand_begin(f, PERF_RECORD_MMAP2, PERF_RECORD_MISC_USER);
	hand_put(f, pid, 4);
	hand_put(f, pid, 4);
	hand_put(f, start, 8);
	hand_put(f, 0x10000, 8);
	hand_put(f, 0x1000, 8);       /* offset in the file */
	hand_put(f, 8, 4);            /* major */
	hand_put(f, 1, 4);            /* minor */
	hand_put(f, strlen(path), 8); /* inode */
	hand_put(f, 0, 8);            /* its generation */
	hand_put(f, PROT_READ | PROT_EXEC, 4);
	hand_put(f, MAP_PRIVATE, 4);
	hand_text(f, path);
	hand_end(f, time_ns);
}

void hand_sample(struct hand_file *f, const struct hand_sample *sample)
{
	hand_begin(f, PERF_RECORD_SAMPLE, sample->mode);
	hand_put(f, 100 + sample->event, 8);
	hand_put(f, sample->nr_ips > 1 ? sample->ips[1] : 0, 8);
	hand_put(f, sample->pid, 4);
	hand_put(f, sample->tid, 4);
	hand_put(f, sample->time_ns, 8);
	hand_put(f, 1, 8); /* CPU */
	hand_put(f, sample->period, 8);
	hand_put(f, sample->nr_ips, 8);
	for (uint64_t i = 0; i < sample->nr_ips; i++)
		hand_put(f, sample->ips[i], 8);
	hand_end_plain(f);
}

void hand_round(struct hand_file *f)
{
	hand_begin(f, FINISHED_ROUND, 0);
	hand_end_plain(f);
}

/* ---- files --------------------------------------------------------------------------------------------------- */

static void put_section(struct buffer *b, uint64_t offset, uint64_t size)
{
	put(b, offset, 8);
	put(b, size, 8);
}

struct buffer hand_file(const struct hand_file *f, uint32_t feature, const void *data, size_t size)
{
	struct buffer out = BUFFER_INIT;
	size_t attrs = f->nr_events * ATTR_ENTRY, ids = HEAD_BYTES + attrs;
	size_t records = ids + 8 * (size_t)f->nr_events;

	buffer_append(&out, "PERFILE2", 8);
	put(&out, HEAD_BYTES, 8);
	put(&out, ATTR_ENTRY, 8);
	put_section(&out, HEAD_BYTES, attrs);
	put_section(&out, records, f->records.len);
	put_section(&out, 0, 0);
	for (uint32_t i = 0; i < 4; i++)
		put(&out, size && feature / 64 == i ? 1ULL << feature % 64 : 0, 8);
	for (uint32_t i = 0; i < f->nr_events; i++) {
		buffer_append(&out, f->attrs.data + i * sizeof(struct perf_event_attr),
			      sizeof(struct perf_event_attr));
		put_section(&out, ids + 8 * (size_t)i, 8);
	}
	for (uint32_t i = 0; i < f->nr_events; i++)
		put(&out, 100 + i, 8);
	buffer_append(&out, f->records.data, f->records.len);
	if (size) {
		put_section(&out, out.len + 16, size);
		buffer_append(&out, data, size);
	}
	return out;
}

struct buffer hand_pipe(const struct hand_file *f)
{
	struct buffer out = BUFFER_INIT;

	buffer_append(&out, "PERFILE2", 8);
	put(&out, 16, 8);
	for (uint32_t i = 0; i < f->nr_events; i++) {
		put(&out, RECORD_ATTR, 4);
		put(&out, 0, 2);
		put(&out, 8 + sizeof(struct perf_event_attr) + 8, 2);
		buffer_append(&out, f->attrs.data + i * sizeof(struct perf_event_attr),
			      sizeof(struct perf_event_attr));
		put(&out, 100 + i, 8);
	}
	buffer_append(&out, f->records.data, f->records.len);
	return out;
}
