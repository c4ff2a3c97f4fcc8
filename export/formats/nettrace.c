/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nettrace V6 with the Universal providers, as PerfView and TraceEvent read it; docs/formats.md says what it carries.
 * Called through the format table.
 * Must not know how samples were recorded.
 *
 * One pass over the samples writes them, with processes and mappings among them in the order of time. Mappings that a
 * process did not keep are declared when a sample needs them. Symbols come last: readers look at them when the whole
 * file is read, and want each mapping of a symbol to be older than the symbol.
 * Source: UniversalProviders.md and NetTraceFormat.md of microsoft/perfview; TraceEvent's readers where they differ.
 */
#include <errno.h>

#include "base/array.h"
#include "base/macros.h"
#include "export/amount.h"
#include "export/formats/formats_private.h"
#include "export/formats/nettrace_private.h"
#include "export/sample_order.h"

/* All labels of one sample; beyond it they are counted in one more label. */
#define LABELS_BYTES_MAX (1024 * 1024)

/* The format numbers CPUs by 32 bits, of which TraceEvent keeps 8; a label tells the others. */
#define READERS_CPU_MAX UINT8_MAX

/* ---- symbols ------------------------------------------------------------------------------------------------ */

/* The bits of a mapping's symbols, `nr` of them. */
static uint8_t *hits_of(struct nettrace *n, uint32_t mapping, uint32_t nr)
{
	if (!n->hit[mapping])
		n->hit[mapping] = calloc(nr / 8 + 1, 1);
	if (!n->hit[mapping])
		nettrace_fail(n, -ENOMEM);
	return n->hit[mapping];
}

/* Remembers a symbol, number `number` of its mapping's, to be written at the end. */
static void note_symbol(struct nettrace *n, const struct nettrace_symbol *symbol, uint8_t *hits,
			uint32_t number)
{
	uint8_t bit = (uint8_t)(1U << number % 8);

	if (!hits || hits[number / 8] & bit)
		return;
	hits[number / 8] |= bit;
	if (array_reserve(&n->symbols, &n->symbols_cap, n->nr_symbols + 1, sizeof(*n->symbols)))
		nettrace_fail(n, -ENOMEM);
	else
		n->symbols[n->nr_symbols++] = *symbol;
}

static void note_run(struct nettrace *n, oc_process_id process, oc_mapping_id mapping, uint32_t run,
		     oc_module_id module)
{
	const struct nettrace_symbol symbol = { .process = process,
						.mapping = mapping,
						.run = run };
	uint32_t nr, first = addresses_runs_of_module(&n->addresses, module, &nr);

	note_symbol(n, &symbol, hits_of(n, mapping, nr), run - 1 - first);
}

static void note_inlined(struct nettrace *n, oc_process_id process, oc_module_id module,
			 uint32_t inlined)
{
	const struct nettrace_symbol symbol = {
		.process = process,
		.mapping = nettrace_inlined_mapping(n, module),
		.inlined = inlined,
	};
	uint32_t nr, first = addresses_inlined_of_module(&n->addresses, module, &nr);

	note_symbol(n, &symbol, hits_of(n, symbol.mapping, nr), inlined - first);
}

static void write_symbol(struct nettrace *n, const struct nettrace_symbol *symbol, uint64_t id)
{
	uint64_t first = addresses_inlined_address(symbol->inlined), last = first;
	oc_string_id name;

	if (symbol->run) {
		addresses_run_at(&n->addresses, symbol->run, symbol->mapping, &first, &last);
		name = n->addresses.runs[symbol->run - 1].name;
	} else {
		name = oc_machine_function(n->m, n->addresses.inlined[symbol->inlined].function)
			       ->name;
	}
	nettrace_put_varuint(&n->payload, id);
	nettrace_put_varuint(&n->payload, symbol->mapping);
	nettrace_put_varuint(&n->payload, first);
	nettrace_put_varuint(&n->payload, last);
	nettrace_put_short_id(&n->payload, n->m, name, NETTRACE_TEXT_MAX);
	nettrace_write_system_event(n, PROCESS_SYMBOL, symbol->process);
}

/* ---- stacks ------------------------------------------------------------------------------------------------- */

static void add_frame(struct nettrace *n, uint64_t address)
{
	n->frames[n->nr_frames++] = address;
}

/* The inlined functions of a location, at most `max` of them; the outermost are left out first. */
static void add_inlined(struct nettrace *n, oc_process_id process, oc_location_id id, uint32_t max)
{
	oc_module_id module = n->addresses.locations[id].location->module;
	uint32_t nr = MIN(n->addresses.locations[id].nr_inlined, max);

	if (nr)
		nettrace_declare_inlined(n, process, module);
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t inlined = addresses_inlined_at(&n->addresses, id, i);

		note_inlined(n, process, module, inlined);
		add_frame(n, addresses_inlined_address(inlined));
	}
}

static void add_location(struct nettrace *n, oc_process_id process, oc_location_id id)
{
	const struct addresses_location *known = &n->addresses.locations[id];
	struct place place;

	if (addresses_find(&n->addresses, process, id, n->now, &place)) {
		nettrace_fail(n, -ENOMEM);
		return;
	}
	if (place.mapping) {
		nettrace_declare_mapping(n, process, place.mapping);
		if (known->run)
			note_run(n, process, place.mapping, known->run, known->location->module);
	} else if (known->nr_inlined) {
		return; /* its functions stand for it */
	}
	add_frame(n, place.address);
}

/* The frames of a stack that a reader's 16 bits have no room for besides one for each location. */
static uint32_t room_for_inlined(uint32_t nr_locations)
{
	return NETTRACE_FRAMES_MAX - nr_locations;
}

/* Fills in n->frames and declares all that they need; the group may end. */
static void read_stack(struct nettrace *n, oc_process_id process, oc_stack_id stack)
{
	uint32_t nr;
	const oc_location_id *locations = oc_machine_stack(n->m, stack, &nr);
	uint32_t room = room_for_inlined(nr), before;

	n->nr_frames = 0;
	for (uint32_t i = 0; i < nr; i++) {
		before = n->nr_frames;
		add_inlined(n, process, locations[i], room);
		room -= n->nr_frames - before;
		add_location(n, process, locations[i]);
	}
}

/* Frames of all stacks that read_stack() will have to leave out. */
static uint64_t count_left_out(const struct nettrace *n)
{
	uint64_t left_out = 0;

	for (oc_stack_id id = 1; id <= oc_machine_nr_stacks(n->m); id++) {
		uint32_t nr;
		const oc_location_id *locations = oc_machine_stack(n->m, id, &nr);
		uint64_t inlined = 0;

		for (uint32_t i = 0; i < nr; i++)
			inlined += n->addresses.locations[locations[i]].nr_inlined;
		if (inlined > room_for_inlined(nr))
			left_out += inlined - room_for_inlined(nr);
	}
	return left_out;
}

static uint64_t in_group(const struct nettrace *n, uint32_t id)
{
	return (uint64_t)n->stream.group << 32 | id;
}

/* The id of a sample's stack in the group, which may end before. */
static uint32_t stack_id(struct nettrace *n, const struct oc_sample *sample)
{
	uint64_t key = (uint64_t)sample->process << 32 | sample->stack;
	const uint64_t *known;
	uint32_t id;

	if (!sample->stack)
		return 0;
	known = u64_map_find(&n->stacks, key);
	if (known && *known >> 32 == n->stream.group)
		return (uint32_t)*known;
	read_stack(n, sample->process, sample->stack);
	nettrace_stream_make_room(&n->stream, n->now);
	if (!n->nr_frames)
		return 0;
	id = nettrace_stream_stack(&n->stream, n->frames, n->nr_frames);
	if (u64_map_set(&n->stacks, key, in_group(n, id)))
		nettrace_fail(n, -ENOMEM);
	return id;
}

/* ---- labels ------------------------------------------------------------------------------------------------- */

enum { LABEL_TEXT = 5, LABEL_NUMBER = 6, LABEL_IS_LAST = 0x80 };

struct label_list {
	struct nettrace *n;
	size_t last; /* where the last label begins */
	uint64_t nr_left_out;
};

static void begin_label(struct label_list *list, char kind)
{
	list->last = list->n->row.len;
	buffer_putc(&list->n->row, kind);
}

static void put_number_label(struct label_list *list, int64_t value)
{
	/* Zig-zag: the sign goes to the lowest bit. */
	nettrace_put_varuint(&list->n->row, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static int add_label(void *arg, const struct oc_attr *attr)
{
	struct label_list *list = arg;
	struct nettrace *n = list->n;
	char text[24];

	if (n->row.len > LABELS_BYTES_MAX) {
		list->nr_left_out++;
		return 0;
	}
	/* What is above the format's signed numbers is still a number to people as a text. */
	if (attr->type == OC_ATTR_NUMBER && attr->value <= INT64_MAX) {
		begin_label(list, LABEL_NUMBER);
		nettrace_put_id(&n->row, n->m, attr->key);
		put_number_label(list, (int64_t)attr->value);
		return 0;
	}
	begin_label(list, LABEL_TEXT);
	nettrace_put_id(&n->row, n->m, attr->key);
	if (attr->type == OC_ATTR_NUMBER) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)attr->value);
		nettrace_put_string(&n->row, text, strlen(text));
	} else {
		nettrace_put_id(&n->row, n->m, (oc_string_id)attr->value);
	}
	return 0;
}

/* The number of a CPU that a label has to tell; 0 = none has to. */
static uint32_t cpu_to_tell(const struct oc_sample *sample)
{
	return sample->cpu > READERS_CPU_MAX && sample->cpu != NETTRACE_CPU_UNKNOWN ? sample->cpu
										    : 0;
}

static void add_own_label(struct label_list *list, const char *name, uint64_t value)
{
	begin_label(list, LABEL_NUMBER);
	nettrace_put_string(&list->n->row, name, strlen(name));
	put_number_label(list, (int64_t)value);
}

/* The id of a sample's labels in the group. */
static uint32_t label_list_id(struct nettrace *n, const struct oc_sample *sample)
{
	uint32_t cpu = cpu_to_tell(sample), id;
	uint64_t key = (uint64_t)cpu << 32 | sample->attrs;
	struct label_list list = { .n = n };
	const uint64_t *known;

	if (!key)
		return 0;
	known = u64_map_find(&n->labels, key);
	if (known && *known >> 32 == n->stream.group)
		return (uint32_t)*known;
	buffer_clear(&n->row);
	if (cpu)
		add_own_label(&list, "onecollect.cpu", cpu);
	if (sample->attrs && oc_machine_walk_attrs(n->m, sample->attrs, add_label, &list))
		nettrace_fail(n, -ENOMEM);
	if (list.nr_left_out)
		add_own_label(&list, "onecollect.labels_left_out", list.nr_left_out);
	if (n->row.error)
		nettrace_fail(n, n->row.error);
	if (n->error || !n->row.len)
		return 0;
	n->row.data[list.last] = (char)(n->row.data[list.last] | LABEL_IS_LAST);
	id = nettrace_stream_labels(&n->stream, n->row.data, n->row.len);
	if (u64_map_set(&n->labels, key, in_group(n, id)))
		nettrace_fail(n, -ENOMEM);
	return id;
}

/* ---- samples ------------------------------------------------------------------------------------------------ */

/* When a sample was taken; one that was counted: in its process's last moment. */
static uint64_t time_taken(const struct nettrace *n, const struct oc_sample *sample)
{
	const struct oc_process *process;
	uint64_t time = sample->time_ns;

	if (!time) {
		process = oc_machine_process(n->m, sample->process);
		time = n->end;
		if (process && process->end_ns <= n->end)
			time = MAX(process->end_ns, process->start_ns + 1) - 1;
	}
	return MIN(MAX(time, n->start), CHANGE_TIME_MAX);
}

/* When it is said to have been taken, so that readers find its process under its pid. */
static uint64_t time_of(void *arg, const struct oc_sample *sample)
{
	const struct nettrace *n = arg;
	const struct sampled *life = &n->sampled[sample->process];

	return MIN(MAX(time_taken(n, sample), life->first), life->last);
}

static int note_sampled(void *arg, const struct oc_sample *sample)
{
	struct nettrace *n = arg;
	struct sampled *sampled = &n->sampled[sample->process];
	uint64_t time = time_taken(n, sample);

	sampled->first = MIN(sampled->first, time);
	sampled->last = MAX(sampled->last, time);
	n->on_high_cpus += cpu_to_tell(sample) ? sample->count : 0;
	return 0;
}

static void put_value(struct nettrace *n, const struct oc_sample *sample)
{
	const struct oc_kind *kind = oc_machine_kind(n->m, sample->kind);
	const struct oc_span *span;

	if (nettrace_is_tick(kind)) {
		nettrace_put_varuint(&n->payload, sample->count);
		return;
	}
	nettrace_put_varuint(&n->payload, sample_value(n->m, sample));
	nettrace_put_varuint(&n->payload, sample->count);
	if (kind->unit != OC_UNIT_SPAN)
		return;
	span = oc_machine_span(n->m, (oc_span_id)sample->value);
	nettrace_put_short_id(&n->payload, n->m, span ? span->name : 0, NETTRACE_TEXT_MAX);
}

static int write_sample(void *arg, const struct oc_sample *sample)
{
	struct nettrace *n = arg;
	struct nettrace_event event = {
		.time = sample->time_ns,
		.metadata = sample->kind,
		.cpu = sample->cpu,
	};

	nettrace_advance(n, sample->time_ns);
	nettrace_stream_make_room(&n->stream, n->now);
	event.stack = stack_id(n, sample);
	event.thread = nettrace_declare_thread(n, sample->process, sample->thread);
	event.labels = label_list_id(n, sample);
	put_value(n, sample);
	if (n->payload.error)
		nettrace_fail(n, n->payload.error);
	if (n->error || n->stream.error)
		return n->error ? n->error : n->stream.error;
	nettrace_stream_event(&n->stream, &event, n->payload.data, n->payload.len);
	buffer_clear(&n->payload);
	return 0;
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

static uint64_t lost(const struct oc_machine *m)
{
	const struct oc_ledger *ledger = oc_machine_ledger_const(m);
	uint64_t sum = 0;

	/* What a filter dropped was not wanted. */
	for (uint32_t i = 0; i < ledger->nr_kinds; i++)
		sum += oc_ledger_lost(&ledger->kinds[i]) - ledger->kinds[i].lost[OC_LOSS_HOOK];
	return sum;
}

/* With the unused id 0. */
static uint32_t nr_trace_mappings(const struct nettrace *n)
{
	return nettrace_inlined_mapping(n, oc_machine_nr_modules(n->m)) + 1;
}

static int prepare(struct nettrace *n)
{
	size_t nr_processes = (size_t)oc_machine_nr_processes(n->m) + 1;
	int rc = addresses_init(&n->addresses, n->m);

	n->sampled = calloc(nr_processes, sizeof(*n->sampled));
	n->thread_groups =
		calloc(nr_processes + oc_machine_nr_threads(n->m), sizeof(*n->thread_groups));
	n->frames = calloc(NETTRACE_FRAMES_MAX, sizeof(*n->frames));
	n->hit = calloc(nr_trace_mappings(n), sizeof(*n->hit));
	if (rc || !n->hit || !n->sampled || !n->thread_groups || !n->frames)
		return -ENOMEM;
	for (size_t i = 0; i < nr_processes; i++)
		n->sampled[i].first = UINT64_MAX;
	rc = oc_machine_each_sample(n->m, note_sampled, n);
	if (!rc)
		rc = changes_list(n->m, n->sampled, n->start, &n->changes, &n->nr_changes);
	n->sampled[0] = (struct sampled){ 0, UINT64_MAX };
	n->inlined_left_out = count_left_out(n);
	return rc;
}

static int write_events(struct nettrace *n)
{
	const struct sample_order order = { .time_of = time_of, .fn = write_sample, .arg = n };
	int rc = samples_by_time(n->m, &order);

	if (rc)
		return rc;
	nettrace_advance(n, UINT64_MAX);
	n->now = MAX(n->end, n->stream.time);
	for (size_t i = 0; i < n->nr_symbols; i++)
		write_symbol(n, &n->symbols[i], i + 1);
	rc = nettrace_stream_finish(&n->stream, n->now, lost(n->m));
	return n->error ? n->error : rc;
}

static void done(struct nettrace *n)
{
	for (uint32_t i = 0; n->hit && i < nr_trace_mappings(n); i++)
		free(n->hit[i]);
	free(n->hit);
	nettrace_stream_done(&n->stream);
	addresses_done(&n->addresses);
	u64_map_done(&n->stacks);
	u64_map_done(&n->labels);
	u64_map_done(&n->declared);
	id_table_done(&n->metadata_ids);
	buffer_done(&n->payload);
	buffer_done(&n->row);
	buffer_done(&n->json);
	free(n->sampled);
	free(n->changes);
	free(n->frames);
	free(n->thread_groups);
	free(n->metadata);
	free(n->symbols);
}

static int write_nettrace(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	const struct oc_recording_info *info = oc_machine_info(m);
	struct nettrace n = { .m = m, .info = info };
	int rc;

	(void)err; /* nothing fails but memory and the output */
	n.start = MIN(info->start_mono_ns, CHANGE_TIME_MAX);
	n.end = MIN(MAX(info->end_mono_ns, n.start), CHANGE_TIME_MAX);
	n.now = n.start;
	rc = prepare(&n);
	if (!rc) {
		nettrace_stream_init(&n.stream, out, n.start);
		nettrace_write_head(&n);
		rc = write_events(&n);
	}
	done(&n);
	return rc;
}

const struct oc_format oc_format_nettrace = {
	.name = "nettrace",
	.description = "nettrace V6 with the time of each sample, for PerfView and TraceEvent",
	.extensions = (const char *const[]){ ".nettrace", NULL },
	.needs_times = true,
	.write = write_nettrace,
};
