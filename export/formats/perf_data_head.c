/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a perf.data file that we write holds besides its records: head, events, features.
 * Called by perf_data.c, which knows how many bytes of records there are.
 * Must not know records.
 */
#include <endian.h>
#include <errno.h>
#include <time.h>

#include "base/macros.h"
#include "export/formats/perf_data_writer.h"

/* Of the attributes, what perf has known since Linux 5.5. */
#define ATTR_BYTES  120
#define ENTRY_BYTES (ATTR_BYTES + PERF_DATA_SECTION_BYTES)
/* perf pads texts so. */
#define TEXT_ALIGN 64

/* Features in the order of their numbers, as their sections have to stand. */
static const uint32_t features[] = {
	PERF_DATA_BUILD_ID, PERF_DATA_HOSTNAME,   PERF_DATA_OSRELEASE,  PERF_DATA_ARCH,
	PERF_DATA_NRCPUS,   PERF_DATA_CMDLINE,    PERF_DATA_EVENT_DESC, PERF_DATA_SAMPLE_TIME,
	PERF_DATA_CLOCKID,  PERF_DATA_CLOCK_DATA,
};

void perf_data_put(struct buffer *b, uint64_t value, size_t size)
{
	value = htole64(value);
	buffer_append(b, &value, size);
}

static void pad(struct buffer *b, size_t size)
{
	static const char zeros[TEXT_ALIGN];

	buffer_append(b, zeros, size);
}

void perf_data_put_padded(struct buffer *b, const char *text, size_t len, size_t align)
{
	buffer_append(b, text, len);
	pad(b, align - len % align);
}

/* A text as features have it: its padded length, then itself. */
static void put_text(struct buffer *b, const char *text, size_t len)
{
	perf_data_put(b, len + TEXT_ALIGN - len % TEXT_ALIGN, 4);
	perf_data_put_padded(b, text, len, TEXT_ALIGN);
}

/* ---- events -------------------------------------------------------------------------------------------------- */

/*
 * What perf is told that a kind is: time is one of its clocks, whose period counts nanoseconds; what it cannot know is a
 * raw event, with our name.
 */
static struct perf_event_attr attr_of(const struct perf_data_writer *w, oc_kind_id id)
{
	const struct oc_kind *kind = oc_machine_kind(w->m, id);
	struct perf_event_attr attr = {
		.type = PERF_TYPE_RAW,
		.size = ATTR_BYTES,
		.config = id,
		.sample_period = 1,
		.sample_type = w->sample_type,
		.inherit = 1,
		.mmap = 1,
		.comm = 1,
		.task = 1,
		.sample_id_all = 1,
		.mmap2 = 1,
		.comm_exec = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};

	if (!kind || (amount_unit(kind) == OC_UNIT_NANOSECONDS && kind->period_ns)) {
		attr.type = PERF_TYPE_SOFTWARE;
		attr.config = PERF_COUNT_SW_CPU_CLOCK;
		attr.sample_period = kind ? kind->period_ns : 1;
	} else if (amount_unit(kind) == OC_UNIT_NANOSECONDS) {
		attr.type = PERF_TYPE_SOFTWARE;
		attr.config = PERF_COUNT_SW_TASK_CLOCK;
	} else if (amount_unit(kind) == OC_UNIT_CYCLES) {
		attr.type = PERF_TYPE_HARDWARE;
		attr.config = PERF_COUNT_HW_CPU_CYCLES;
	}
	return attr;
}

static void put_attr(struct buffer *b, const struct perf_data_writer *w, oc_kind_id kind)
{
	struct perf_event_attr attr = attr_of(w, kind);

	buffer_append(b, &attr, ATTR_BYTES);
}

static void put_event_desc(struct buffer *b, const struct perf_data_writer *w)
{
	perf_data_put(b, w->nr_events, 4);
	perf_data_put(b, ATTR_BYTES, 4);
	for (uint32_t i = 1; i <= w->nr_events; i++) {
		const struct oc_kind *kind = oc_machine_kind(w->m, i);
		const char *name = kind ? kind->name : "cpu";

		put_attr(b, w, i);
		perf_data_put(b, 1, 4);
		put_text(b, name, strlen(name));
		perf_data_put(b, i, 8);
	}
}

/* ---- features ------------------------------------------------------------------------------------------------ */

/* Word `index` of what the recording says of its system: "Linux RELEASE ARCH"; all of it where it is not so. */
static const char *word_of_os(const struct oc_machine *m, unsigned int index, size_t *ret_len)
{
	const char *os = oc_machine_string(m, oc_machine_info(m)->os, ret_len);

	if (strncmp(os, "Linux ", 6)) {
		*ret_len = index == 1 ? *ret_len : 0;
		return os;
	}
	for (; index && *os; index--)
		os += strcspn(os, " ") + (strchr(os, ' ') ? 1 : 0);
	*ret_len = strcspn(os, " ");
	return os;
}

static void put_command(struct buffer *b, const struct oc_machine *m)
{
	size_t len;
	const char *command = oc_machine_string(m, oc_machine_info(m)->command, &len);

	perf_data_put(b, 1, 4);
	put_text(b, command, len);
}

static void put_build_ids(struct buffer *b, const struct oc_machine *m)
{
	for (oc_module_id id = 1; id <= oc_machine_nr_modules(m); id++) {
		const struct oc_module *module = oc_machine_module(m, id);
		bool in_kernel = module->type == OC_MODULE_KERNEL;
		char storage[PERF_DATA_NAME_MAX + 1];
		size_t size, len;
		const char *path = perf_data_path(m, module, storage, &len);

		if (!module->build_id_size || !len)
			continue;
		size = PERF_DATA_BUILD_ID_BYTES + len + TEXT_ALIGN - len % TEXT_ALIGN;
		perf_data_put(b, 0, 4);
		perf_data_put(b,
			      (in_kernel ? PERF_RECORD_MISC_KERNEL : PERF_RECORD_MISC_USER) |
				      PERF_DATA_MISC_BUILD_ID_SIZE,
			      2);
		perf_data_put(b, size, 2);
		perf_data_put(b, UINT32_MAX, 4);
		buffer_append(b, module->build_id, module->build_id_size);
		pad(b, OC_BUILD_ID_MAX - module->build_id_size);
		perf_data_put(b, module->build_id_size, 4);
		perf_data_put_padded(b, path, len, TEXT_ALIGN);
	}
}

/* Appends the content of a feature; nothing when it is not known. */
static void put_feature(struct buffer *b, const struct perf_data_writer *w, uint32_t feature)
{
	const struct oc_recording_info *info = oc_machine_info(w->m);
	const char *text;
	size_t len = 0;

	switch (feature) {
	case PERF_DATA_BUILD_ID:
		put_build_ids(b, w->m);
		return;
	case PERF_DATA_HOSTNAME:
		text = oc_machine_string(w->m, info->hostname, &len);
		break;
	case PERF_DATA_OSRELEASE:
		text = word_of_os(w->m, 1, &len);
		break;
	case PERF_DATA_ARCH:
		text = word_of_os(w->m, 2, &len);
		break;
	case PERF_DATA_NRCPUS:
		perf_data_put(b, info->nr_cpus, 4);
		perf_data_put(b, info->nr_cpus, 4);
		return;
	case PERF_DATA_CMDLINE:
		if (info->command)
			put_command(b, w->m);
		return;
	case PERF_DATA_EVENT_DESC:
		put_event_desc(b, w);
		return;
	case PERF_DATA_SAMPLE_TIME:
		perf_data_put(b, info->start_mono_ns, 8);
		perf_data_put(b, info->end_mono_ns, 8);
		return;
	case PERF_DATA_CLOCKID:
		perf_data_put(b, 1, 8); /* its resolution in nanoseconds */
		return;
	default: /* PERF_DATA_CLOCK_DATA */
		perf_data_put(b, 1, 4);
		perf_data_put(b, CLOCK_MONOTONIC, 4);
		perf_data_put(b, info->start_wall_ns, 8);
		perf_data_put(b, info->start_mono_ns, 8);
		return;
	}
	if (len)
		put_text(b, text, len);
}

/* ---- file ---------------------------------------------------------------------------------------------------- */

static void put_section(struct buffer *b, uint64_t offset, uint64_t size)
{
	perf_data_put(b, offset, 8);
	perf_data_put(b, size, 8);
}

/* Where the records begin: behind the head, the events and their ids. */
static uint64_t records_offset(const struct perf_data_writer *w)
{
	return PERF_DATA_HEADER_BYTES + (uint64_t)w->nr_events * (ENTRY_BYTES + 8);
}

int perf_data_put_features(struct perf_data_writer *w, uint64_t records_bytes)
{
	uint64_t at = records_offset(w) + records_bytes;
	struct buffer *b = &w->content;
	size_t ends[ARRAY_SIZE(features)], nr = 0;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		put_feature(b, w, features[i]);
		ends[i] = b->len;
		nr += ends[i] > (i ? ends[i - 1] : 0);
	}
	at += nr * PERF_DATA_SECTION_BYTES;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		size_t start = i ? ends[i - 1] : 0;

		if (ends[i] == start)
			continue;
		w->feature_bits |= 1ULL << features[i];
		put_section(&w->sections, at + start, ends[i] - start);
	}
	return b->error ? b->error : w->sections.error;
}

int perf_data_put_head(const struct perf_data_writer *w, uint64_t records_bytes, struct buffer *b)
{
	uint64_t ids = PERF_DATA_HEADER_BYTES + (uint64_t)w->nr_events * ENTRY_BYTES;

	buffer_append(b, PERF_DATA_MAGIC, 8);
	perf_data_put(b, PERF_DATA_HEADER_BYTES, 8);
	perf_data_put(b, ENTRY_BYTES, 8);
	put_section(b, PERF_DATA_HEADER_BYTES, (uint64_t)w->nr_events * ENTRY_BYTES);
	put_section(b, records_offset(w), records_bytes);
	put_section(b, 0, 0);
	perf_data_put(b, w->feature_bits, 8);
	pad(b, 24);
	for (uint32_t i = 1; i <= w->nr_events; i++) {
		put_attr(b, w, i);
		put_section(b, ids + 8 * (uint64_t)(i - 1), 8);
	}
	for (uint32_t i = 1; i <= w->nr_events; i++)
		perf_data_put(b, i, 8);
	return b->error;
}
