/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Perfetto traces: samples with interned callstacks, names of processes and threads, measured stretches as slices.
 * Called through the format table.
 * Must not know how samples were recorded.
 *
 * A trace is a list of packets, each written as soon as it is made, in the order in which samples came; readers sort by
 * time. What samples share is interned by sequence and sent in the packet that first needs it. Each kind of sample has a
 * sequence of its own, because a sequence has one time base; so samples are read once per kind. A sample has no weight
 * in this format: one that stands for several is written as often, spread over the recording when it has no time.
 */
#include <onecollect/format.h>

#include <errno.h>

#include "base/macros.h"
#include "base/output.h"
#include "base/protobuf.h"
#include "export/amount.h"
#include "export/formats/formats_private.h"
#include "export/frames.h"

#define NS_PER_S 1000000000ULL

/* Field numbers, from protos/perfetto/trace of the Perfetto project. */
enum { TRACE_PACKET = 1 };
enum {
	PACKET_PROCESS_TREE = 2,
	PACKET_CLOCK_SNAPSHOT = 6,
	PACKET_TIMESTAMP = 8,
	PACKET_SEQUENCE = 10,
	PACKET_TRACK_EVENT = 11,
	PACKET_INTERNED = 12,
	PACKET_FLAGS = 13,
	PACKET_DEFAULTS = 59,
	PACKET_TRACK = 60,
	PACKET_PERF_SAMPLE = 66,
	PACKET_FIRST = 87,
};
enum { FLAG_STATE_CLEARED = 1, FLAG_NEEDS_STATE = 2 };
enum {
	INTERNED_FUNCTION_NAMES = 5,
	INTERNED_FRAMES = 6,
	INTERNED_CALLSTACKS = 7,
	INTERNED_BUILD_IDS = 16,
	INTERNED_PATHS = 17,
	INTERNED_SOURCES = 18,
	INTERNED_MAPPINGS = 19,
};
enum { STRING_IID = 1, STRING_TEXT = 2 };
enum {
	MAPPING_IID = 1,
	MAPPING_BUILD_ID = 2,
	MAPPING_START = 4,
	MAPPING_END = 5,
	MAPPING_PATH = 7,
};
enum {
	FRAME_IID = 1,
	FRAME_FUNCTION = 2,
	FRAME_MAPPING = 3,
	FRAME_REL_PC = 4,
	FRAME_SOURCE = 5,
	FRAME_LINE = 6,
};
enum { CALLSTACK_IID = 1, CALLSTACK_FRAMES = 2 };
enum {
	SAMPLE_CPU = 1,
	SAMPLE_PID = 2,
	SAMPLE_TID = 3,
	SAMPLE_CALLSTACK = 4,
	SAMPLE_LOST = 17,
};
enum { DEFAULTS_PERF_SAMPLE = 12, PERF_DEFAULTS_TIMEBASE = 1 };
enum { TIMEBASE_PERIOD = 1, TIMEBASE_FREQUENCY = 2, TIMEBASE_COUNTER = 4, TIMEBASE_NAME = 10 };
enum { COUNTER_CPU_CLOCK = 1 };
enum { CLOCKS = 1, CLOCK_ID = 1, CLOCK_TIME = 2 };
enum { CLOCK_REALTIME_ID = 1, CLOCK_MONOTONIC_ID = 3, CLOCK_BOOTTIME_ID = 6 };
enum { TREE_PROCESSES = 1 };
enum { PROCESS_PID = 1, PROCESS_PPID = 2 };
enum { TRACK_UUID = 1, TRACK_NAME = 2, TRACK_PROCESS = 3, TRACK_THREAD = 4, TRACK_PARENT = 5 };
enum { TRACK_PROCESS_PID = 1, TRACK_PROCESS_NAME = 6 };
enum { TRACK_THREAD_PID = 1, TRACK_THREAD_TID = 2, TRACK_THREAD_NAME = 5 };
enum { EVENT_TYPE = 9, EVENT_TRACK = 11, EVENT_NAME = 23 };
enum { EVENT_BEGIN = 1, EVENT_END = 2 };

/* The sequence of what belongs to no kind; those of kinds follow. */
#define SEQUENCE_COMMON 1
#define NO_MODULE_NAME  "[unknown]"

struct perfetto {
	const struct oc_machine *m;
	struct oc_output *out;
	struct buffer packets;
	struct frame_places places;
	struct frame_list frames;
	uint64_t start_ns; /* of the recording, in the clock of samples */
	int64_t to_boot;   /* from that clock to CLOCK_BOOTTIME, which is the clock of packets */

	/* Of the sequence being written: what was sent. */
	oc_kind_id kind;
	uint8_t *stack_sent;  /* by stack id */
	uint8_t *place_sent;  /* by place */
	uint8_t *code_sent;   /* by code */
	uint8_t *module_sent; /* by module id */
	uint8_t *track_sent;  /* by thread id */
};

static size_t begin_packet(struct perfetto *p, uint32_t sequence, uint32_t flags)
{
	size_t packet = proto_begin(&p->packets, TRACE_PACKET);

	proto_u64(&p->packets, PACKET_SEQUENCE, sequence);
	if (flags)
		proto_u64(&p->packets, PACKET_FLAGS, flags);
	return packet;
}

static uint64_t boot_time(const struct perfetto *p, uint64_t time_ns)
{
	return time_ns + (uint64_t)p->to_boot;
}

static void put_string(struct perfetto *p, uint32_t field, oc_string_id id)
{
	size_t len;
	const char *text = oc_machine_string(p->m, id, &len);

	proto_bytes(&p->packets, field, text, len);
}

/* ---- clocks and names --------------------------------------------------------------------------------------- */

static void put_clock(struct perfetto *p, uint32_t id, uint64_t time_ns)
{
	size_t clock = proto_begin(&p->packets, CLOCKS);

	proto_u64(&p->packets, CLOCK_ID, id);
	proto_u64(&p->packets, CLOCK_TIME, time_ns);
	proto_end(&p->packets, clock);
}

static void write_clocks(struct perfetto *p)
{
	const struct oc_recording_info *info = oc_machine_info(p->m);
	size_t packet, snapshot;

	p->start_ns = info->start_mono_ns;
	if (info->start_boot_ns)
		p->to_boot = (int64_t)(info->start_boot_ns - info->start_mono_ns);
	packet = begin_packet(p, SEQUENCE_COMMON, FLAG_STATE_CLEARED);
	proto_u64(&p->packets, PACKET_FIRST, 1);
	snapshot = proto_begin(&p->packets, PACKET_CLOCK_SNAPSHOT);
	put_clock(p, CLOCK_BOOTTIME_ID, boot_time(p, info->start_mono_ns));
	put_clock(p, CLOCK_MONOTONIC_ID, info->start_mono_ns);
	if (info->start_wall_ns)
		put_clock(p, CLOCK_REALTIME_ID, info->start_wall_ns);
	proto_end(&p->packets, snapshot);
	proto_end(&p->packets, packet);
}

/* Tracks have numbers of their own: bit 63 for those of threads, bit 62 for those of processes. */
static uint64_t process_track(oc_process_id id)
{
	return 1ULL << 62 | id;
}

static uint64_t thread_track(oc_thread_id id)
{
	return 1ULL << 63 | id;
}

/* Images of one pid come one after the other, so the last name stands. */
static int write_process(struct perfetto *p, oc_process_id id)
{
	const struct oc_process *process = oc_machine_process(p->m, id);
	const struct oc_process *parent = oc_machine_process(p->m, process->parent);
	size_t packet = begin_packet(p, SEQUENCE_COMMON, 0), tree, entry;

	proto_u64(&p->packets, PACKET_TIMESTAMP, boot_time(p, MAX(process->start_ns, p->start_ns)));
	tree = proto_begin(&p->packets, PACKET_PROCESS_TREE);
	entry = proto_begin(&p->packets, TREE_PROCESSES);
	proto_u64(&p->packets, PROCESS_PID, process->pid);
	if (parent && parent->pid != process->pid)
		proto_u64(&p->packets, PROCESS_PPID, parent->pid);
	proto_end(&p->packets, entry);
	proto_end(&p->packets, tree);
	proto_end(&p->packets, packet);

	/* A name in the tree would be a command line, and end at its first blank. */
	packet = begin_packet(p, SEQUENCE_COMMON, 0);
	tree = proto_begin(&p->packets, PACKET_TRACK);
	proto_u64(&p->packets, TRACK_UUID, process_track(id));
	entry = proto_begin(&p->packets, TRACK_PROCESS);
	proto_u64(&p->packets, TRACK_PROCESS_PID, process->pid);
	put_string(p, TRACK_PROCESS_NAME, process->comm);
	proto_end(&p->packets, entry);
	proto_end(&p->packets, tree);
	proto_end(&p->packets, packet);
	return output_pass_on(p->out, &p->packets, OUTPUT_PIECE_BYTES);
}

static int write_thread(struct perfetto *p, oc_thread_id id)
{
	const struct oc_thread *thread = oc_machine_thread(p->m, id);
	const struct oc_process *process = oc_machine_process(p->m, thread->process);
	size_t packet, track, entry;

	if (!process)
		return 0;
	packet = begin_packet(p, SEQUENCE_COMMON, 0);
	track = proto_begin(&p->packets, PACKET_TRACK);
	proto_u64(&p->packets, TRACK_UUID, thread_track(id));
	entry = proto_begin(&p->packets, TRACK_THREAD);
	proto_u64(&p->packets, TRACK_THREAD_PID, process->pid);
	proto_u64(&p->packets, TRACK_THREAD_TID, thread->tid);
	put_string(p, TRACK_THREAD_NAME, thread->name ? thread->name : process->comm);
	proto_end(&p->packets, entry);
	proto_end(&p->packets, track);
	proto_end(&p->packets, packet);
	return output_pass_on(p->out, &p->packets, OUTPUT_PIECE_BYTES);
}

static int write_names(struct perfetto *p)
{
	int rc = 0;

	for (oc_process_id id = 1; id <= oc_machine_nr_processes(p->m) && !rc; id++)
		rc = write_process(p, id);
	for (oc_thread_id id = 1; id <= oc_machine_nr_threads(p->m) && !rc; id++)
		rc = write_thread(p, id);
	return rc;
}

/* ---- what samples share ------------------------------------------------------------------------------------- */

/* True the first time. */
static bool mark_sent(uint8_t *sent)
{
	bool first = !*sent;

	*sent = 1;
	return first;
}

static void put_interned_text(struct perfetto *p, uint32_t field, uint64_t iid, const char *text,
			      size_t len)
{
	size_t entry = proto_begin(&p->packets, field);

	proto_u64(&p->packets, STRING_IID, iid);
	proto_bytes(&p->packets, STRING_TEXT, text, len);
	proto_end(&p->packets, entry);
}

/* The mapping of a module; ids are those of modules + 1, so that code without a module has one too. */
static void put_mapping(struct perfetto *p, oc_module_id id, const struct oc_location *location)
{
	const struct oc_module *module = oc_machine_module(p->m, id);
	const struct oc_mapping *mapping =
		location ? oc_machine_mapping(p->m, location->mapping) : NULL;
	const char *path = module ? oc_machine_string(p->m, module->path, NULL) : NO_MODULE_NAME;
	size_t entry;

	if (!mark_sent(&p->module_sent[id]))
		return;
	/* Readers put a slash in front of each part of a path. */
	path += *path == '/';
	put_interned_text(p, INTERNED_PATHS, (uint64_t)id + 1, path, strlen(path));
	if (module && module->build_id_size)
		put_interned_text(p, INTERNED_BUILD_IDS, (uint64_t)id + 1,
				  (const char *)module->build_id, module->build_id_size);
	entry = proto_begin(&p->packets, INTERNED_MAPPINGS);
	proto_u64(&p->packets, MAPPING_IID, (uint64_t)id + 1);
	if (module && module->build_id_size)
		proto_u64(&p->packets, MAPPING_BUILD_ID, (uint64_t)id + 1);
	if (mapping) {
		proto_u64(&p->packets, MAPPING_START, mapping->start);
		proto_u64(&p->packets, MAPPING_END, mapping->end);
	}
	proto_u64(&p->packets, MAPPING_PATH, (uint64_t)id + 1);
	proto_end(&p->packets, entry);
}

static void put_function(struct perfetto *p, uint32_t code)
{
	struct code described;
	const char *file;
	size_t len;

	if (!mark_sent(&p->code_sent[code]))
		return;
	described = code_describe(p->m, code);
	put_interned_text(p, INTERNED_FUNCTION_NAMES, code, described.name, described.name_len);
	if (!described.function || !described.function->file)
		return;
	file = oc_machine_string(p->m, described.function->file, &len);
	put_interned_text(p, INTERNED_SOURCES, code, file, len);
}

static void put_frame(struct perfetto *p, const struct frame *frame)
{
	const struct oc_location *location = oc_machine_location(p->m, frame->location);
	uint32_t place = place_of(&p->places, frame), code = code_of(p->m, frame), nr = 0;
	const struct oc_function *function = oc_machine_function(p->m, code);
	const struct oc_line *lines =
		location ? oc_machine_location_lines(p->m, frame->location, &nr) : NULL;
	size_t entry;

	if (!mark_sent(&p->place_sent[place]))
		return;
	put_function(p, code);
	put_mapping(p, location ? location->module : 0, location);
	entry = proto_begin(&p->packets, INTERNED_FRAMES);
	proto_u64(&p->packets, FRAME_IID, place);
	proto_u64(&p->packets, FRAME_FUNCTION, code);
	proto_u64(&p->packets, FRAME_MAPPING, (location ? (uint64_t)location->module : 0) + 1);
	proto_u64(&p->packets, FRAME_REL_PC, location ? location->offset : 0);
	if (function && function->file)
		proto_u64(&p->packets, FRAME_SOURCE, code);
	if (lines && lines[frame->line].line)
		proto_u64(&p->packets, FRAME_LINE, lines[frame->line].line);
	proto_end(&p->packets, entry);
}

static int put_interned_stack(struct perfetto *p, oc_stack_id stack)
{
	size_t interned, entry;

	if (!mark_sent(&p->stack_sent[stack]))
		return 0;
	if (frame_list_fill(&p->frames, p->m, stack))
		return -ENOMEM;
	interned = proto_begin(&p->packets, PACKET_INTERNED);
	for (size_t i = 0; i < p->frames.nr; i++)
		put_frame(p, &p->frames.frames[i]);
	entry = proto_begin(&p->packets, INTERNED_CALLSTACKS);
	proto_u64(&p->packets, CALLSTACK_IID, (uint64_t)stack + 1);
	for (size_t i = 0; i < p->frames.nr; i++)
		proto_u64(&p->packets, CALLSTACK_FRAMES,
			  place_of(&p->places, &p->frames.frames[i]));
	proto_end(&p->packets, entry);
	proto_end(&p->packets, interned);
	return 0;
}

/* ---- samples ------------------------------------------------------------------------------------------------ */

static uint32_t sequence_of(oc_kind_id kind)
{
	return SEQUENCE_COMMON + kind;
}

/* Opens the sequence of a kind: its time base, and what the recording lost of it. */
static void write_kind(struct perfetto *p)
{
	const struct oc_kind *kind = oc_machine_kind(p->m, p->kind);
	const struct oc_ledger *ledger = oc_machine_ledger_const(p->m);
	uint64_t lost = 0;
	size_t packet = begin_packet(p, sequence_of(p->kind), FLAG_STATE_CLEARED);
	size_t defaults, perf, timebase, sample;

	proto_u64(&p->packets, PACKET_FIRST, 1);
	defaults = proto_begin(&p->packets, PACKET_DEFAULTS);
	perf = proto_begin(&p->packets, DEFAULTS_PERF_SAMPLE);
	timebase = proto_begin(&p->packets, PERF_DEFAULTS_TIMEBASE);
	if (kind->period_ns) {
		proto_u64(&p->packets, TIMEBASE_FREQUENCY,
			  (NS_PER_S + kind->period_ns / 2) / kind->period_ns);
		proto_u64(&p->packets, TIMEBASE_COUNTER, COUNTER_CPU_CLOCK);
	} else {
		proto_u64(&p->packets, TIMEBASE_PERIOD, 1);
	}
	proto_bytes(&p->packets, TIMEBASE_NAME, kind->name, strlen(kind->name));
	proto_end(&p->packets, timebase);
	proto_end(&p->packets, perf);
	proto_end(&p->packets, defaults);
	proto_end(&p->packets, packet);
	for (size_t i = 0; i < OC_LOSS_COUNT; i++)
		lost += ledger->kinds[p->kind - 1].lost[i];
	if (!lost)
		return;
	packet = begin_packet(p, sequence_of(p->kind), FLAG_NEEDS_STATE);
	proto_u64(&p->packets, PACKET_TIMESTAMP, boot_time(p, p->start_ns));
	sample = proto_begin(&p->packets, PACKET_PERF_SAMPLE);
	proto_u64(&p->packets, SAMPLE_CPU, 0);
	proto_u64(&p->packets, SAMPLE_LOST, lost);
	proto_end(&p->packets, sample);
	proto_end(&p->packets, packet);
}

static void put_thread_ids(struct perfetto *p, const struct oc_sample *sample)
{
	const struct oc_process *process = oc_machine_process(p->m, sample->process);
	const struct oc_thread *thread = oc_machine_thread(p->m, sample->thread);

	proto_u64(&p->packets, SAMPLE_PID, process ? process->pid : 0);
	proto_u64(&p->packets, SAMPLE_TID, thread ? thread->tid : process ? process->pid : 0);
}

static int write_perf_sample(struct perfetto *p, const struct oc_sample *sample, uint64_t time_ns)
{
	size_t packet = begin_packet(p, sequence_of(p->kind), FLAG_NEEDS_STATE), entry;

	if (put_interned_stack(p, sample->stack))
		return -ENOMEM;
	proto_u64(&p->packets, PACKET_TIMESTAMP, boot_time(p, time_ns));
	entry = proto_begin(&p->packets, PACKET_PERF_SAMPLE);
	if (sample->cpu != UINT32_MAX)
		proto_u64(&p->packets, SAMPLE_CPU, sample->cpu);
	put_thread_ids(p, sample);
	proto_u64(&p->packets, SAMPLE_CALLSTACK, (uint64_t)sample->stack + 1);
	proto_end(&p->packets, entry);
	proto_end(&p->packets, packet);
	return output_pass_on(p->out, &p->packets, OUTPUT_PIECE_BYTES);
}

static int write_perf_samples(struct perfetto *p, const struct oc_sample *sample)
{
	const struct oc_recording_info *info = oc_machine_info(p->m);
	uint64_t duration = info->end_mono_ns > p->start_ns ? info->end_mono_ns - p->start_ns : 0;
	int rc = 0;

	for (uint64_t i = 0; i < sample->count && !rc; i++) {
		double share = ((double)i + 0.5) / (double)sample->count;
		uint64_t time_ns = sample->time_ns
					   ? sample->time_ns
					   : p->start_ns + (uint64_t)((double)duration * share);

		rc = write_perf_sample(p, sample, time_ns);
	}
	return rc;
}

/* ---- measured stretches ------------------------------------------------------------------------------------- */

static uint64_t track_of(const struct perfetto *p, const struct oc_sample *sample)
{
	return (uint64_t)p->kind << 32 | sample->thread;
}

/* Declares the track of one kind of stretches of a thread. */
static void write_track(struct perfetto *p, const struct oc_sample *sample)
{
	const struct oc_kind *kind = oc_machine_kind(p->m, p->kind);
	size_t packet, track;

	if (!mark_sent(&p->track_sent[sample->thread]))
		return;
	packet = begin_packet(p, sequence_of(p->kind), 0);
	track = proto_begin(&p->packets, PACKET_TRACK);
	proto_u64(&p->packets, TRACK_UUID, track_of(p, sample));
	proto_u64(&p->packets, TRACK_PARENT, thread_track(sample->thread));
	proto_bytes(&p->packets, TRACK_NAME, kind->name, strlen(kind->name));
	proto_end(&p->packets, track);
	proto_end(&p->packets, packet);
}

static void write_edge(struct perfetto *p, const struct oc_sample *sample, uint32_t type,
		       uint64_t time_ns)
{
	const struct oc_kind *kind = oc_machine_kind(p->m, p->kind);
	const struct oc_span *span = kind->unit == OC_UNIT_SPAN
					     ? oc_machine_span(p->m, (oc_span_id)sample->value)
					     : NULL;
	size_t packet = begin_packet(p, sequence_of(p->kind), 0), event;

	proto_u64(&p->packets, PACKET_TIMESTAMP, boot_time(p, time_ns));
	event = proto_begin(&p->packets, PACKET_TRACK_EVENT);
	proto_u64(&p->packets, EVENT_TYPE, type);
	proto_u64(&p->packets, EVENT_TRACK, track_of(p, sample));
	if (type == EVENT_BEGIN && span)
		put_string(p, EVENT_NAME, span->name);
	else if (type == EVENT_BEGIN)
		proto_bytes(&p->packets, EVENT_NAME, kind->name, strlen(kind->name));
	proto_end(&p->packets, event);
	proto_end(&p->packets, packet);
}

/* A sample whose value is a time is the end of that time, and a slice of its thread. */
static int write_stretch(struct perfetto *p, const struct oc_sample *sample)
{
	uint64_t value = sample_value(p->m, sample);
	const struct oc_span *span = NULL;
	uint64_t end = sample->time_ns;

	if (!end || !sample->thread || value > end)
		return 0;
	if (oc_machine_kind(p->m, p->kind)->unit == OC_UNIT_SPAN)
		span = oc_machine_span(p->m, (oc_span_id)sample->value);
	if (span)
		end = span->end_ns;
	write_track(p, sample);
	write_edge(p, sample, EVENT_BEGIN, end - value);
	write_edge(p, sample, EVENT_END, end);
	return output_pass_on(p->out, &p->packets, OUTPUT_PIECE_BYTES);
}

static int write_sample(void *arg, const struct oc_sample *sample)
{
	struct perfetto *p = arg;
	const struct oc_kind *kind = oc_machine_kind(p->m, p->kind);
	int rc = 0;

	if (sample->kind != p->kind)
		return 0;
	if (!kind->period_ns && amount_unit(kind) == OC_UNIT_NANOSECONDS)
		rc = write_stretch(p, sample);
	return rc ? rc : write_perf_samples(p, sample);
}

/* ---- the trace ---------------------------------------------------------------------------------------------- */

static void forget_sent(struct perfetto *p)
{
	memset(p->stack_sent, 0, (size_t)oc_machine_nr_stacks(p->m) + 1);
	memset(p->place_sent, 0, (size_t)p->places.nr + 1);
	memset(p->code_sent, 0, (size_t)code_count(p->m) + 1);
	memset(p->module_sent, 0, (size_t)oc_machine_nr_modules(p->m) + 1);
	memset(p->track_sent, 0, (size_t)oc_machine_nr_threads(p->m) + 1);
}

static int perfetto_init(struct perfetto *p)
{
	int rc = frame_places_init(&p->places, p->m);

	p->stack_sent = malloc((size_t)oc_machine_nr_stacks(p->m) + 1);
	p->place_sent = malloc((size_t)p->places.nr + 1);
	p->code_sent = malloc((size_t)code_count(p->m) + 1);
	p->module_sent = malloc((size_t)oc_machine_nr_modules(p->m) + 1);
	p->track_sent = malloc((size_t)oc_machine_nr_threads(p->m) + 1);
	if (!rc && p->stack_sent && p->place_sent && p->code_sent && p->module_sent &&
	    p->track_sent)
		return 0;
	return -ENOMEM;
}

static void perfetto_done(struct perfetto *p)
{
	free(p->stack_sent);
	free(p->place_sent);
	free(p->code_sent);
	free(p->module_sent);
	free(p->track_sent);
	free(p->places.first);
	free(p->frames.frames);
	buffer_done(&p->packets);
}

static int write_trace(struct perfetto *p)
{
	int rc;

	write_clocks(p);
	rc = write_names(p);
	for (p->kind = 1; p->kind <= oc_machine_nr_kinds(p->m) && !rc; p->kind++) {
		forget_sent(p);
		write_kind(p);
		rc = oc_machine_each_sample(p->m, write_sample, p);
	}
	return rc ? rc : output_pass_on(p->out, &p->packets, 0);
}

static int write_perfetto(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	struct perfetto p = { .m = m, .out = out };
	int rc = perfetto_init(&p);

	if (rc)
		oc_error_set(err, rc, "cannot prepare a Perfetto trace: %s", strerror(-rc));
	else
		rc = write_trace(&p);
	perfetto_done(&p);
	return rc;
}

const struct oc_format oc_format_perfetto = {
	.name = "perfetto",
	.description = "Perfetto trace, samples and time lines for ui.perfetto.dev and SQL",
	.extensions = (const char *const[]){ ".perfetto-trace", ".pftrace", NULL },
	.needs_times = true,
	.write = write_perfetto,
};
