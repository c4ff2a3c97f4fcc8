/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The threads of a Firefox profile, each with its table of samples, written in one round over the samples for each column.
 * Called by firefox.c.
 * Must not know what stands in the tables that stacks refer to.
 */
#include "export/formats/firefox_private.h"

#include <string.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "export/amount.h"

#define US_DECIMALS 3

enum { ROUND_STACK, ROUND_TIME, ROUND_WEIGHT, ROUND_CPU, NR_ROUNDS };

static const char *const sample_columns[NR_ROUNDS] = { "stack", "time", "weight",
						       "threadCPUDelta" };

/* Where the writing of threads stands. */
struct threads {
	struct firefox *f;
	struct thread_axis axis;
	unsigned int round;
	uint64_t length; /* rows of the sample table being written */
};

/* ---- samples ------------------------------------------------------------------------------------------------ */

/* Kinds sampled by time count samples; others weigh what they measured. */
static const char *weight_type(const struct oc_kind *kind)
{
	if (kind->period_ns)
		return "samples";
	if (amount_unit(kind) == OC_UNIT_NANOSECONDS)
		return "tracing-ms";
	return amount_unit(kind) == OC_UNIT_BYTES ? "bytes" : "samples";
}

static void write_weight(struct json *j, const struct oc_machine *m, const struct oc_sample *sample)
{
	const struct oc_kind *kind = oc_machine_kind(m, sample->kind);
	uint64_t amount = amount_of(kind, sample->count, sample_value(m, sample));

	if (kind->period_ns)
		json_u64(j, sample->count);
	else if (amount_unit(kind) == OC_UNIT_NANOSECONDS)
		json_decimal(j, amount, FIREFOX_MS_DECIMALS);
	else
		json_u64(j, amount);
}

/* CPU time of a stretch; other kinds of sample say nothing about it. */
static void write_cpu_delta(struct firefox *f, const struct oc_sample *sample, uint64_t ns)
{
	const struct oc_kind *kind = oc_machine_kind(f->m, sample->kind);

	if (kind->period_ns && amount_unit(kind) == OC_UNIT_NANOSECONDS)
		json_decimal(&f->out.json, ns, US_DECIMALS);
	else
		json_null(&f->out.json);
}

/* From a moment to nanoseconds of the file. */
static uint64_t since_start(const struct firefox *f, uint64_t time_ns)
{
	uint64_t start = oc_machine_info(f->m)->start_mono_ns;

	return time_ns > start ? time_ns - start : 0;
}

static uint64_t sample_time(const struct threads *t, const struct oc_sample *sample,
			    const struct thread_stretch *stretch)
{
	const struct firefox *f = t->f;

	if (t->axis.origin_ns)
		return since_start(f, t->axis.origin_ns + stretch->end);
	if (sample->time_ns)
		return since_start(f, sample->time_ns);
	/* Laid end to end, when the amounts are times at all. */
	return amount_unit(oc_machine_kind(f->m, sample->kind)) == OC_UNIT_NANOSECONDS
		       ? stretch->end
		       : 0;
}

/* A row that says: from here on nothing runs, up to the next row. Weighs nothing. */
static void write_pause(struct threads *t, const struct oc_sample *sample, uint64_t ns)
{
	struct json *j = &t->f->out.json;

	if (t->round == ROUND_STACK)
		json_null(j);
	else if (t->round == ROUND_TIME)
		json_decimal(j, ns, FIREFOX_MS_DECIMALS);
	else if (t->round == ROUND_WEIGHT)
		json_u64(j, 0);
	else
		write_cpu_delta(t->f, sample, 0);
	t->length += t->round == ROUND_STACK;
}

static void write_sample_stack(struct threads *t, oc_stack_id stack)
{
	struct firefox *f = t->f;
	int64_t node = stack_tree_add(&f->tree, 0, stack);

	if (node > 0)
		json_u64(&f->out.json, (uint64_t)node - 1);
	else
		firefox_fail(f);
	t->length++;
}

static int write_sample(void *arg, const struct thread_group *group, const struct oc_sample *sample)
{
	struct threads *t = arg;
	struct firefox *f = t->f;
	struct json *j = &f->out.json;
	uint64_t before = t->axis.end;
	struct thread_stretch stretch = thread_axis_next(&t->axis, f->m, sample);

	(void)group;
	if (stretch.gap) {
		write_pause(t, sample, since_start(f, t->axis.origin_ns + before));
		write_pause(t, sample, since_start(f, t->axis.origin_ns + stretch.start));
	}
	switch (t->round) {
	case ROUND_STACK:
		write_sample_stack(t, sample->stack);
		break;
	case ROUND_TIME:
		json_decimal(j, sample_time(t, sample, &stretch), FIREFOX_MS_DECIMALS);
		break;
	case ROUND_WEIGHT:
		write_weight(j, f->m, sample);
		break;
	default:
		write_cpu_delta(f, sample, stretch.end - stretch.start);
		break;
	}
	return f->error ? f->error : json_output_flush(&f->out);
}

static int begin_round(void *arg, const struct thread_group *group, unsigned int round)
{
	struct threads *t = arg;
	struct json *j = &t->f->out.json;

	if (round)
		json_array_end(j);
	t->axis = thread_axis_begin(t->f->m, group);
	t->round = round;
	json_key(j, sample_columns[round]);
	json_array_begin(j);
	return 0;
}

/* ---- threads ------------------------------------------------------------------------------------------------ */

static void write_thread_name(struct firefox *f, const struct thread_group *group)
{
	const struct oc_process *process = oc_machine_process(f->m, group->process);
	const struct oc_thread *thread = oc_machine_thread(f->m, group->thread);
	oc_string_id name = thread && thread->name ? thread->name : process ? process->comm : 0;
	struct json *j = &f->out.json;
	struct buffer text = BUFFER_INIT;

	if (oc_machine_nr_kinds(f->m) > 1)
		buffer_printf(&text, "%s: ", oc_machine_kind(f->m, group->kind)->name);
	buffer_puts(&text, name ? oc_machine_string(f->m, name, NULL) : "[unknown]");
	if (text.error)
		firefox_fail(f);
	json_key(j, "name");
	json_string_len(j, text.error ? "" : text.data, text.len);
	buffer_done(&text);
	json_key_string(j, "processName",
			process ? oc_machine_string(f->m, process->comm, NULL) : "[unknown]");
}

/* Beginning and end of the process's image, as far as they lie in the recording, under two names. */
static void write_life(struct firefox *f, const struct oc_process *process, const char *start,
		       const char *end)
{
	struct json *j = &f->out.json;

	json_key(j, start);
	json_decimal(j, process ? since_start(f, process->start_ns) : 0, FIREFOX_MS_DECIMALS);
	json_key(j, end);
	if (process && process->end_ns != UINT64_MAX)
		json_decimal(j, since_start(f, process->end_ns), FIREFOX_MS_DECIMALS);
	else
		json_null(j);
}

/* Opens a thread and its sample table. */
static void open_thread(struct firefox *f, const struct thread_group *group)
{
	static const char *const marker_columns[] = { "category",  "data",    "name",
						      "startTime", "endTime", "phase" };
	const struct oc_process *process = oc_machine_process(f->m, group->process);
	const struct oc_thread *thread = oc_machine_thread(f->m, group->thread);
	struct json *j = &f->out.json;
	char pid[16];

	snprintf(pid, sizeof(pid), "%u", process ? process->pid : 0);
	json_object_begin(j);
	write_thread_name(f, group);
	json_key_string(j, "processType", "default");
	json_key_string(j, "pid", pid);
	json_key_u64(j, "tid", thread ? thread->tid : 0);
	json_key(j, "isMainThread");
	json_bool(j, process && thread && process->pid == thread->tid);
	write_life(f, process, "processStartupTime", "processShutdownTime");
	write_life(f, process, "registerTime", "unregisterTime");
	json_key_empty_array(j, "pausedRanges");
	json_key(j, "showMarkersInTimeline");
	json_bool(j, false);
	json_key(j, "markers");
	json_object_begin(j);
	for (size_t i = 0; i < ARRAY_SIZE(marker_columns); i++)
		json_key_empty_array(j, marker_columns[i]);
	json_key_u64(j, "length", 0);
	json_object_end(j);
	json_key(j, "samples");
	json_object_begin(j);
}

static int begin_thread(void *arg, const struct thread_group *group)
{
	struct threads *t = arg;
	struct firefox *f = t->f;

	open_thread(f, group);
	t->length = 0;
	json_key_string(&f->out.json, "weightType",
			weight_type(oc_machine_kind(f->m, group->kind)));
	return 0;
}

static void close_thread(struct firefox *f, uint64_t length)
{
	json_key_u64(&f->out.json, "length", length);
	json_object_end(&f->out.json);
	json_object_end(&f->out.json);
}

static int end_thread(void *arg, const struct thread_group *group)
{
	struct threads *t = arg;
	struct firefox *f = t->f;

	(void)group;
	json_array_end(&f->out.json);
	close_thread(f, t->length);
	return json_output_flush(&f->out);
}

/* The application refuses a profile without threads, so that nothing was sampled is said by a thread. */
static void write_empty_thread(struct firefox *f)
{
	static const struct thread_group none;

	open_thread(f, &none);
	json_key_string(&f->out.json, "weightType", "samples");
	for (size_t i = 0; i < NR_ROUNDS; i++)
		json_key_empty_array(&f->out.json, sample_columns[i]);
	close_thread(f, 0);
}

int firefox_write_threads(struct firefox *f, const struct thread_samples *ts)
{
	struct threads threads = { .f = f };
	const struct thread_visitor visitor = {
		.nr_rounds = NR_ROUNDS,
		.begin = begin_thread,
		.round = begin_round,
		.sample = write_sample,
		.end = end_thread,
		.arg = &threads,
	};
	int rc;

	json_key(&f->out.json, "threads");
	json_array_begin(&f->out.json);
	rc = thread_samples_visit(ts, &visitor);
	if (!ts->nr)
		write_empty_thread(f);
	json_array_end(&f->out.json);
	return rc;
}
