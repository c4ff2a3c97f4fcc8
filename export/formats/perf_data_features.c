/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a perf.data file tells besides its records: events, host, command, times, build-ids.
 * Called by perf_data_file.c with bytes of the file, or of a record of a pipe.
 * Must not know where they stand.
 */
#include <errno.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/text.h"
#include "export/formats/perf_data_private.h"

/* Attributes up to here were in the first kernels with perf events; shorter ones are none. */
#define ATTR_BYTES_MIN PERF_ATTR_SIZE_VER0

void perf_data_head_done(struct perf_data_head *head)
{
	struct perf_data_facts *facts = &head->facts;

	free(head->events);
	free(head->build_ids);
	u64_map_done(&head->event_by_id);
	id_table_done(&head->build_id_index);
	arena_done(&head->texts);
	buffer_done(&facts->hostname);
	buffer_done(&facts->release);
	buffer_done(&facts->version);
	buffer_done(&facts->arch);
	buffer_done(&facts->command);
	*head = (struct perf_data_head){ 0 };
}

/* ---- events -------------------------------------------------------------------------------------------------- */

int perf_data_add_event(struct perf_data_head *head, const void *attr, size_t size)
{
	struct perf_data_event *event;

	if (size < ATTR_BYTES_MIN)
		return -EBADMSG;
	if (head->nr_events >= PERF_DATA_EVENTS_MAX)
		return -EFBIG;
	if (array_reserve(&head->events, &head->events_cap, head->nr_events + 1,
			  sizeof(*head->events)))
		return -ENOMEM;
	event = &head->events[head->nr_events++];
	*event = (struct perf_data_event){ 0 };
	memcpy(&event->attr, attr, MIN(size, sizeof(event->attr)));
	return 0;
}

int perf_data_add_id(struct perf_data_head *head, uint64_t id, uint32_t event)
{
	/* 0 is nobody's; the first event is what an unknown id stands for anyway. */
	return id ? u64_map_set(&head->event_by_id, id, event) : 0;
}

/* As perf calls them; enum perf_hw_id and enum perf_sw_ids. */
static const char *known_name(const struct perf_event_attr *attr)
{
	static const char *const hardware[] = {
		"cycles",
		"instructions",
		"cache-references",
		"cache-misses",
		"branches",
		"branch-misses",
		"bus-cycles",
		"stalled-cycles-frontend",
		"stalled-cycles-backend",
		"ref-cycles",
	};
	static const char *const software[] = {
		"cpu-clock",        "task-clock",   "page-faults",  "context-switches",
		"cpu-migrations",   "minor-faults", "major-faults", "alignment-faults",
		"emulation-faults", "dummy",        "bpf-output",   "cgroup-switches",
	};

	if (attr->type == PERF_TYPE_HARDWARE && attr->config < ARRAY_SIZE(hardware))
		return hardware[attr->config];
	if (attr->type == PERF_TYPE_SOFTWARE && attr->config < ARRAY_SIZE(software))
		return software[attr->config];
	return NULL;
}

void perf_data_name_events(struct perf_data_head *head)
{
	for (size_t i = 0; i < head->nr_events; i++) {
		struct perf_data_event *event = &head->events[i];
		const char *known = known_name(&event->attr);

		if (event->name[0])
			continue;
		if (known)
			snprintf(event->name, sizeof(event->name), "%s", known);
		else
			snprintf(event->name, sizeof(event->name), "event-%u-%llx",
				 event->attr.type, (unsigned long long)event->attr.config);
	}
}

static void set_name(struct perf_data_event *event, const char *text, size_t len)
{
	struct buffer clean = BUFFER_INIT;

	text_clean(&clean, text, strnlen(text, len));
	if (!clean.error && clean.len)
		snprintf(event->name, sizeof(event->name), "%.*s",
			 (int)text_whole_characters(clean.data, clean.len, sizeof(event->name) - 1),
			 clean.data);
	buffer_done(&clean);
}

/* ---- features ------------------------------------------------------------------------------------------------ */

/* A text: length, bytes, of which the first NUL ends it. NULL with *ret_len = 0 after a failure. */
static const char *take_text(struct perf_data_bytes *b, size_t *ret_len)
{
	uint32_t size = perf_data_u32(b);
	const char *text = (const char *)perf_data_take(b, size);

	*ret_len = text ? strnlen(text, size) : 0;
	return text;
}

static int take_fact(struct perf_data_bytes *b, struct buffer *fact)
{
	size_t len;
	const char *text = take_text(b, &len);

	buffer_clear(fact);
	buffer_append(fact, text, len);
	return fact->error;
}

static int take_command(struct perf_data_bytes *b, struct buffer *command)
{
	uint32_t nr = perf_data_u32(b);

	buffer_clear(command);
	for (uint32_t i = 0; i < nr && !b->failed; i++) {
		size_t len;
		const char *word = take_text(b, &len);

		if (i)
			buffer_putc(command, ' ');
		buffer_append(command, word, len);
	}
	return command->error;
}

/* The events again, with names. They stand in the same order; one that is not known is not used. */
static int take_event_desc(struct perf_data_head *head, struct perf_data_bytes *b)
{
	uint32_t nr = perf_data_u32(b), attr_size = perf_data_u32(b);

	for (uint32_t i = 0; i < nr && !b->failed; i++) {
		const uint8_t *attr = perf_data_take(b, attr_size);
		uint32_t nr_ids = perf_data_u32(b);
		size_t len;
		const char *name = take_text(b, &len);

		if (name && attr && i < head->nr_events)
			set_name(&head->events[i], name, len);
		for (uint32_t k = 0; k < nr_ids && !b->failed; k++) {
			uint64_t id = perf_data_u64(b);

			if (!b->failed && i < head->nr_events && perf_data_add_id(head, id, i))
				return -ENOMEM;
		}
	}
	return 0;
}

static void take_clock(struct perf_data_facts *facts, struct perf_data_bytes *b)
{
	uint32_t version = perf_data_u32(b);
	uint64_t wall_ns, clock_ns;

	perf_data_u32(b);
	wall_ns = perf_data_u64(b);
	clock_ns = perf_data_u64(b);
	if (b->failed || version != 1)
		return;
	facts->clock_wall_ns = wall_ns;
	facts->clock_ns = clock_ns;
}

static int take_build_ids(struct perf_data_head *head, struct perf_data_bytes *b)
{
	while (b->left >= PERF_DATA_BUILD_ID_BYTES) {
		uint16_t size = le16(b->at + offsetof(struct perf_event_header, size));
		const uint8_t *record = perf_data_take(b, size);
		int rc = record ? perf_data_take_build_id(head, record, size) : -EBADMSG;

		if (rc)
			return rc;
	}
	return 0;
}

int perf_data_take_feature(struct perf_data_head *head, uint32_t feature, const void *data,
			   size_t size)
{
	struct perf_data_facts *facts = &head->facts;
	struct perf_data_bytes b = { .at = data, .left = size };
	int rc = 0;

	switch (feature) {
	case PERF_DATA_BUILD_ID:
		rc = take_build_ids(head, &b);
		break;
	case PERF_DATA_HOSTNAME:
		rc = take_fact(&b, &facts->hostname);
		break;
	case PERF_DATA_OSRELEASE:
		rc = take_fact(&b, &facts->release);
		break;
	case PERF_DATA_VERSION:
		rc = take_fact(&b, &facts->version);
		break;
	case PERF_DATA_ARCH:
		rc = take_fact(&b, &facts->arch);
		break;
	case PERF_DATA_NRCPUS:
		perf_data_u32(&b);
		facts->nr_cpus = perf_data_u32(&b);
		break;
	case PERF_DATA_CMDLINE:
		rc = take_command(&b, &facts->command);
		break;
	case PERF_DATA_EVENT_DESC:
		rc = take_event_desc(head, &b);
		break;
	case PERF_DATA_SAMPLE_TIME:
		facts->first_ns = perf_data_u64(&b);
		facts->last_ns = perf_data_u64(&b);
		break;
	case PERF_DATA_CLOCK_DATA:
		take_clock(facts, &b);
		break;
	default:
		break;
	}
	return rc ? rc : b.failed ? -EBADMSG : 0;
}

int perf_data_take_update(struct perf_data_head *head, const uint8_t *record, size_t size)
{
	struct perf_data_bytes b = { .at = record, .left = size };
	uint64_t type, id;
	const uint64_t *event;

	perf_data_take(&b, PERF_DATA_RECORD_BYTES);
	type = perf_data_u64(&b);
	id = perf_data_u64(&b);
	if (b.failed)
		return -EBADMSG;
	event = id ? u64_map_find(&head->event_by_id, id) : NULL;
	if (type == PERF_DATA_UPDATE_NAME && event)
		set_name(&head->events[*event], (const char *)b.at, b.left);
	return 0;
}

/* ---- build-ids ----------------------------------------------------------------------------------------------- */

static bool is_path(const void *owner, uint32_t id, const void *wanted)
{
	return !strcmp(((const struct perf_data_head *)owner)->build_ids[id - 1].path, wanted);
}

static struct perf_data_build_id_entry *find_build_id(const struct perf_data_head *head,
						      const char *path)
{
	uint32_t id = id_table_find(&head->build_id_index, hash_bytes(path, strlen(path)), is_path,
				    head, path);

	return id ? &head->build_ids[id - 1] : NULL;
}

int perf_data_take_build_id(struct perf_data_head *head, const uint8_t *record, size_t size)
{
	uint16_t misc = le16(record + offsetof(struct perf_event_header, misc));
	struct perf_data_build_id_entry entry = { .size = sizeof(entry.id) };
	const char *path = (const char *)record + PERF_DATA_BUILD_ID_BYTES;
	size_t nr = head->build_id_index.count, len;

	if (size < PERF_DATA_BUILD_ID_BYTES)
		return -EBADMSG;
	len = strnlen(path, size - PERF_DATA_BUILD_ID_BYTES);
	memcpy(entry.id, record + 12, sizeof(entry.id));
	if (misc & PERF_DATA_MISC_BUILD_ID_SIZE)
		entry.size = MIN(record[32], sizeof(entry.id));
	entry.path = arena_copy(&head->texts, path, len);
	if (!entry.path)
		return -ENOMEM;
	if (!len || !entry.size || find_build_id(head, entry.path))
		return 0;
	if (array_reserve(&head->build_ids, &head->build_ids_cap, nr + 1,
			  sizeof(*head->build_ids)) ||
	    id_table_add(&head->build_id_index, hash_bytes(entry.path, len), (uint32_t)nr + 1))
		return -ENOMEM;
	head->build_ids[nr] = entry;
	return 0;
}

const uint8_t *perf_data_head_build_id(const struct perf_data_head *head, const char *path,
				       uint8_t *ret_size)
{
	const struct perf_data_build_id_entry *entry = find_build_id(head, path);

	*ret_size = entry ? entry->size : 0;
	return entry ? entry->id : NULL;
}
