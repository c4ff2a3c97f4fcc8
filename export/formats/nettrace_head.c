/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The beginning of a nettrace file: what it says about the trace as a whole, and the description of all its events.
 * Called by the nettrace writer.
 * Must not know how events are written.
 */
#include <errno.h>
#include <inttypes.h>
#include <strings.h>

#include "base/macros.h"
#include "base/text.h"
#include "export/formats/nettrace_private.h"

#define TICKS_PER_SECOND 1000000000
#define NS_PER_MS        1000000
#define PAGE_BYTES_USUAL 4096

static void put_literal(struct buffer *b, const char *text)
{
	nettrace_put_string(b, text, strlen(text));
}

/* ---- the trace as a whole ----------------------------------------------------------------------------------- */

struct facts {
	struct nettrace *n;
	struct buffer pairs;
	uint32_t nr;
};

static void add_fact(struct facts *f, const char *key, const char *text)
{
	if (!*text)
		return;
	put_literal(&f->pairs, key);
	put_literal(&f->pairs, text);
	f->nr++;
}

static void add_number_fact(struct facts *f, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	add_fact(f, key, text);
}

/* What became of the samples of a kind; the rest of the ledger has no place in this format. */
static void add_ledger_facts(struct facts *f, const struct oc_ledger_kind *kind)
{
	char key[128];

	snprintf(key, sizeof(key), "onecollect.%s.taken", kind->name);
	add_number_fact(f, key, kind->taken);
	snprintf(key, sizeof(key), "onecollect.%s.kept", kind->name);
	add_number_fact(f, key, kind->kept);
	for (int i = 0; i < OC_LOSS_COUNT; i++) {
		if (!kind->lost[i])
			continue;
		snprintf(key, sizeof(key), "onecollect.%s.lost.%s", kind->name,
			 oc_loss_name((enum oc_loss)i));
		add_number_fact(f, key, kind->lost[i]);
	}
}

/* Nanoseconds between the ticks of the first kind that has some; 0 = none has. */
static uint64_t period_of_ticks(const struct oc_machine *m)
{
	for (oc_kind_id id = 1; id <= oc_machine_nr_kinds(m); id++) {
		if (nettrace_is_tick(oc_machine_kind(m, id)))
			return oc_machine_kind(m, id)->period_ns;
	}
	return 0;
}

static void add_facts(struct facts *f)
{
	const struct oc_machine *m = f->n->m;
	const struct oc_recording_info *info = f->n->info;
	const struct oc_ledger *ledger = oc_machine_ledger_const(m);
	uint64_t period_ns = period_of_ticks(m);

	/*
	 * The first three names are the format's own, and readers keep 31 bits of them. What a recording does not say
	 * is what it is at least or usually, for they compute with these.
	 */
	add_number_fact(f, "HardwareThreadCount", MAX(info->nr_cpus, 1U));
	if (period_ns)
		add_number_fact(f, "ExpectedCPUSamplingRate", MIN(period_ns, (uint64_t)INT32_MAX));
	add_number_fact(f, "SystemPageSize", info->page_size ? info->page_size : PAGE_BYTES_USUAL);
	add_fact(f, "onecollect.tool", oc_machine_string(m, info->tool, NULL));
	add_fact(f, "onecollect.host", oc_machine_string(m, info->hostname, NULL));
	add_fact(f, "onecollect.os", oc_machine_string(m, info->os, NULL));
	add_fact(f, "onecollect.command", oc_machine_string(m, info->command, NULL));
	for (uint32_t i = 0; i < ledger->nr_kinds; i++)
		add_ledger_facts(f, &ledger->kinds[i]);
	if (f->n->inlined_left_out)
		add_number_fact(f, "onecollect.inlined_frames_left_out", f->n->inlined_left_out);
	if (f->n->on_high_cpus)
		add_number_fact(f, "onecollect.samples_on_cpus_above_255", f->n->on_high_cpus);
}

/* A time of day as eight 16-bit numbers; readers know milliseconds. */
static void put_system_time(struct buffer *b, uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / TICKS_PER_SECOND);
	struct tm tm = { .tm_mday = 1, .tm_year = 70, .tm_wday = 4 };

	gmtime_r(&seconds, &tm);
	nettrace_put_u16(b, (uint16_t)(tm.tm_year + 1900));
	nettrace_put_u16(b, (uint16_t)(tm.tm_mon + 1));
	nettrace_put_u16(b, (uint16_t)tm.tm_wday); /* 0 = Sunday */
	nettrace_put_u16(b, (uint16_t)tm.tm_mday);
	nettrace_put_u16(b, (uint16_t)tm.tm_hour);
	nettrace_put_u16(b, (uint16_t)tm.tm_min);
	nettrace_put_u16(b, (uint16_t)tm.tm_sec);
	nettrace_put_u16(b, (uint16_t)(wall_ns % TICKS_PER_SECOND / NS_PER_MS));
}

static void write_trace_block(struct nettrace *n)
{
	struct buffer block = BUFFER_INIT;
	struct facts facts = { .n = n };
	uint64_t below_ms = n->info->start_wall_ns % NS_PER_MS;

	add_facts(&facts);
	put_system_time(&block, n->info->start_wall_ns);
	/* The moment that the time of day, cut to milliseconds, names. */
	nettrace_put_u64(&block, n->start - MIN(below_ms, n->start));
	nettrace_put_u64(&block, TICKS_PER_SECOND);
	nettrace_put_u32(&block, 8); /* bytes of an address */
	nettrace_put_u32(&block, facts.nr);
	buffer_append(&block, facts.pairs.data, facts.pairs.len);
	if (block.error || facts.pairs.error)
		nettrace_fail(n, -ENOMEM);
	else
		nettrace_stream_block(&n->stream, NETTRACE_TRACE, block.data, block.len);
	buffer_done(&block);
	buffer_done(&facts.pairs);
}

/* ---- metadata ----------------------------------------------------------------------------------------------- */

/* Type codes of fields. A text is an array, with a 16-bit length, of UTF-8 code units. */
static const char type_number[] = "\x15";
static const char type_text[] = "\x13\x17";

struct field {
	const char *name;
	const char *type;
};

#define FIELDS_MAX 6

static const struct system_description {
	const char *name;
	struct field fields[FIELDS_MAX + 1]; /* ended by one without a name */
} system_events[SYSTEM_EVENTS] = {
	[EXISTING_PROCESS] = { "ExistingProcess",
			       { { "NamespaceId", type_number },
				 { "Name", type_text },
				 { "NamespaceName", type_text } } },
	[PROCESS_CREATE] = { "ProcessCreate",
			     { { "NamespaceId", type_number },
			       { "Name", type_text },
			       { "NamespaceName", type_text } } },
	[PROCESS_EXIT] = { "ProcessExit", { { 0 } } },
	[PROCESS_MAPPING] = { "ProcessMapping",
			      { { "Id", type_number },
				{ "StartAddress", type_number },
				{ "EndAddress", type_number },
				{ "FileOffset", type_number },
				{ "FileName", type_text },
				{ "MetadataId", type_number } } },
	[PROCESS_SYMBOL] = { "ProcessSymbol",
			     { { "Id", type_number },
			       { "MappingId", type_number },
			       { "StartAddress", type_number },
			       { "EndAddress", type_number },
			       { "Name", type_text } } },
	[PROCESS_MAPPING_METADATA] = { "ProcessMappingMetadata",
				       { { "Id", type_number },
					 { "SymbolMetadata", type_text },
					 { "VersionMetadata", type_text } } },
};

/* GUIDs as they are stored: a 32-bit and two 16-bit little-endian numbers, then eight bytes. */
static const uint8_t system_guid[16] = { 0x6c, 0x7b, 0x10, 0x8c, 0xf8, 0x79, 0x31, 0x52,
					 0x4d, 0xe6, 0x2a, 0x0e, 0x20, 0xa3, 0xf5, 0x62 };
static const uint8_t events_guid[16] = { 0x63, 0x5d, 0x5e, 0xbc, 0x99, 0x97, 0x73, 0x58,
					 0x33, 0xd9, 0xfb, 0xa8, 0x31, 0x6c, 0xef, 0x71 };
enum { OPTION_OPCODE = 1, OPTION_PROVIDER_GUID = 7 };

/* PerfView's name for the time that threads are off the CPU; its views of thread time look for it. */
static const char waits_name[] = "cswitch";

static bool is_wait(const struct oc_kind *kind)
{
	return kind->unit == OC_UNIT_NANOSECONDS && !kind->period_ns &&
	       (!strcmp(kind->name, "off-cpu") || !strcmp(kind->name, "off_cpu"));
}

/* What the format calls a kind: its own name, but for the first one of waits. */
static const char *event_name(const struct oc_machine *m, oc_kind_id id)
{
	const struct oc_kind *kind = oc_machine_kind(m, id);

	if (!is_wait(kind))
		return kind->name;
	for (oc_kind_id other = 1; other <= oc_machine_nr_kinds(m); other++) {
		const struct oc_kind *known = oc_machine_kind(m, other);

		if (!strcmp(known->name, waits_name) || (other < id && is_wait(known)))
			return kind->name;
	}
	return waits_name;
}

uint32_t nettrace_system_metadata(const struct nettrace *n, enum system_event event)
{
	return oc_machine_nr_kinds(n->m) + 1 + (uint32_t)event;
}

bool nettrace_is_tick(const struct oc_kind *kind)
{
	return kind->period_ns && kind->unit != OC_UNIT_SPAN;
}

static void put_fields(struct buffer *row, const struct field *fields)
{
	uint16_t nr = 0;

	while (fields[nr].name)
		nr++;
	nettrace_put_u16(row, nr);
	for (uint16_t i = 0; i < nr; i++) {
		size_t name_len = strlen(fields[i].name), type_len = strlen(fields[i].type);

		/* All names are below 128 bytes, so that their length takes one byte. */
		nettrace_put_u16(row, (uint16_t)(1 + name_len + type_len));
		put_literal(row, fields[i].name);
		buffer_append(row, fields[i].type, type_len);
	}
}

/* Readers cut these words off a name unless an opcode is said. */
static bool ends_in(const char *name, const char *word)
{
	size_t len = strlen(name), word_len = strlen(word);

	return len >= word_len && !strcasecmp(name + len - word_len, word);
}

static void put_metadata(struct buffer *block, uint32_t id, uint32_t event_id, const char *provider,
			 const char *name, const struct field *fields)
{
	bool is_system = !strcmp(provider, "Universal.System");
	bool needs_opcode = ends_in(name, "start") || ends_in(name, "stop");
	struct buffer row = BUFFER_INIT;

	nettrace_put_varuint(&row, id);
	put_literal(&row, provider);
	nettrace_put_varuint(&row, event_id);
	put_literal(&row, name);
	put_fields(&row, fields);
	nettrace_put_u16(&row, (uint16_t)(1 + sizeof(system_guid) + (needs_opcode ? 2 : 0)));
	if (needs_opcode) {
		buffer_putc(&row, OPTION_OPCODE);
		buffer_putc(&row, 0);
	}
	buffer_putc(&row, OPTION_PROVIDER_GUID);
	buffer_append(&row, is_system ? system_guid : events_guid, sizeof(system_guid));
	nettrace_put_u16(block, (uint16_t)row.len);
	buffer_append(block, row.data, row.len);
	block->error = block->error ? block->error : row.error;
	buffer_done(&row);
}

static void put_kind_metadata(struct buffer *block, const struct oc_machine *m, oc_kind_id id)
{
	const struct oc_kind *kind = oc_machine_kind(m, id);
	const char *kind_name = event_name(m, id);
	struct field fields[4] = { { "Value", type_number } };
	struct buffer name = BUFFER_INIT;

	if (!nettrace_is_tick(kind))
		fields[1] = (struct field){ "Count", type_number };
	if (kind->unit == OC_UNIT_SPAN)
		fields[2] = (struct field){ "Name", type_text };
	text_clean(&name, kind_name, strlen(kind_name));
	block->error = block->error ? block->error : name.error;
	if (!name.error)
		put_metadata(block, id, id, "Universal.Events", name.data, fields);
	buffer_done(&name);
}

static void write_metadata_block(struct nettrace *n)
{
	struct buffer block = BUFFER_INIT;

	nettrace_put_u16(&block, 0); /* no header */
	for (oc_kind_id id = 1; id <= oc_machine_nr_kinds(n->m); id++)
		put_kind_metadata(&block, n->m, id);
	for (uint32_t i = 0; i < SYSTEM_EVENTS; i++)
		put_metadata(&block, nettrace_system_metadata(n, (enum system_event)i), i,
			     "Universal.System", system_events[i].name, system_events[i].fields);
	if (block.error)
		nettrace_fail(n, -ENOMEM);
	else
		nettrace_stream_block(&n->stream, NETTRACE_METADATA, block.data, block.len);
	buffer_done(&block);
}

void nettrace_write_head(struct nettrace *n)
{
	write_trace_block(n);
	write_metadata_block(n);
}
