/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chrome's trace event JSON: each thread's stacks as nested begin and end events.
 * Called through the format table.
 * Must not know how samples were recorded.
 *
 * Samples that follow each other share the frames they begin with, so a function that stays is one slice. Kinds of
 * sample but the first are processes of their own, because slices of one thread must nest. Amounts that are no times are
 * drawn as if one unit were a nanosecond.
 */
#include <onecollect/format.h>

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/u32_map.h"
#include "export/amount.h"
#include "export/formats/formats_private.h"
#include "export/formats/json_output.h"
#include "export/frames.h"
#include "export/thread_samples.h"

/* Times are microseconds, with so many decimals they are exact. */
#define US_DECIMALS 3
/* Above every pid of Linux: PID_MAX_LIMIT of include/linux/threads.h. */
#define PID_LIMIT (4 << 20)

struct chrome {
	const struct oc_machine *m;
	struct json_output out;
	struct frame_list frames;
	uint32_t *open; /* code of the slices that are open, outermost first */
	size_t nr_open, open_cap;
	struct thread_axis axis;
	struct u32_map newest; /* pid -> the last process that had it */
	uint32_t pid, tid;     /* of the group being written */
};

/* Opens an event; the caller adds what is its own. */
static void begin_event(struct chrome *c, const char *phase)
{
	struct json *j = &c->out.json;

	json_object_begin(j);
	json_key(j, "ph");
	json_string(j, phase);
	json_key(j, "pid");
	json_u64(j, c->pid);
	json_key(j, "tid");
	json_u64(j, c->tid);
}

static void put_time(struct chrome *c, uint64_t at)
{
	uint64_t start = oc_machine_info(c->m)->start_mono_ns;
	uint64_t origin = c->axis.origin_ns > start ? c->axis.origin_ns - start : 0;

	json_key(&c->out.json, "ts");
	json_decimal(&c->out.json, origin + at, US_DECIMALS);
}

static void write_name(struct chrome *c, const char *what, const char *name, size_t len)
{
	struct json *j = &c->out.json;

	begin_event(c, "M");
	json_key(j, "name");
	json_string(j, what);
	json_key(j, "args");
	json_object_begin(j);
	json_key(j, "name");
	json_string_len(j, name, len);
	json_object_end(j);
	json_object_end(j);
}

/* phase: "B" opens a slice, "E" closes it; some readers match them by name, too. */
static void write_edge(struct chrome *c, const char *phase, uint32_t code, uint64_t at)
{
	static const char *const categories[] = {
		[OC_FRAME_USER] = "user",
		[OC_FRAME_KERNEL] = "kernel",
		[OC_FRAME_JIT] = "jit",
	};
	struct code described = code_describe(c->m, code);
	struct json *j = &c->out.json;

	begin_event(c, phase);
	put_time(c, at);
	json_key(j, "name");
	json_string_len(j, described.name, described.name_len);
	json_key(j, "cat");
	json_string(j, categories[described.kind]);
	json_object_end(j);
}

/* Closes slices until `nr` are left. */
static void close_slices(struct chrome *c, size_t nr, uint64_t at)
{
	while (c->nr_open > nr) {
		c->nr_open--;
		write_edge(c, "E", c->open[c->nr_open], at);
	}
}

static int open_slices(struct chrome *c, size_t from, uint64_t at)
{
	if (array_reserve(&c->open, &c->open_cap, c->frames.nr, sizeof(*c->open)))
		return -ENOMEM;
	for (size_t i = from; i < c->frames.nr; i++) {
		c->open[i] = code_of(c->m, &c->frames.frames[i]);
		write_edge(c, "B", c->open[i], at);
	}
	c->nr_open = c->frames.nr;
	return 0;
}

/*
 * Slices of one pid and tid must nest, which those of two images of one pid (exec, a pid used again) and of two kinds
 * need not do: only the newest image has its own tid, and only the first kind its own pid. Readers take tid 0 for none.
 */
static void set_track(struct chrome *c, const struct thread_group *group,
		      const struct oc_process *process, const struct oc_thread *thread)
{
	uint32_t newest = group->process;

	c->pid = process ? process->pid : 0;
	c->tid = thread ? thread->tid : c->pid;
	u32_map_get(&c->newest, c->pid, &newest);
	if (newest != group->process || !c->tid)
		c->tid = PID_LIMIT + (thread ? group->thread : 0);
	c->pid += (group->kind - 1) * PID_LIMIT;
}

static int begin_thread(void *arg, const struct thread_group *group)
{
	struct chrome *c = arg;
	const struct oc_process *process = oc_machine_process(c->m, group->process);
	const struct oc_thread *thread = oc_machine_thread(c->m, group->thread);
	oc_string_id name = thread && thread->name ? thread->name : process ? process->comm : 0;
	const struct oc_kind *kind = oc_machine_kind(c->m, group->kind);
	struct buffer title = BUFFER_INIT;
	size_t len;
	const char *text;

	set_track(c, group, process, thread);
	c->axis = thread_axis_begin(c->m, group);
	if (group->kind > 1)
		buffer_printf(&title, "%s: ", kind->name);
	buffer_printf(&title, "%s (%u)",
		      process ? oc_machine_string(c->m, process->comm, NULL) : "[unknown]",
		      process ? process->pid : 0);
	if (!title.error)
		write_name(c, "process_name", title.data, title.len);
	text = oc_machine_string(c->m, name, &len);
	write_name(c, "thread_name", text, len);
	len = title.error ? 1 : 0;
	buffer_done(&title);
	return len ? -ENOMEM : 0;
}

static int begin_round(void *arg, const struct thread_group *group, unsigned int round)
{
	(void)arg;
	(void)group;
	(void)round;
	return 0;
}

static int write_sample(void *arg, const struct thread_group *group, const struct oc_sample *sample)
{
	struct chrome *c = arg;
	uint64_t before = c->axis.end;
	struct thread_stretch stretch = thread_axis_next(&c->axis, c->m, sample);
	size_t same = 0;
	int rc;

	(void)group;
	if (frame_list_fill(&c->frames, c->m, sample->stack))
		return -ENOMEM;
	while (!stretch.gap && same < MIN(c->nr_open, c->frames.nr) &&
	       c->open[same] == code_of(c->m, &c->frames.frames[same]))
		same++;
	close_slices(c, same, before);
	rc = open_slices(c, same, stretch.start);
	return rc ? rc : json_output_flush(&c->out);
}

static int end_thread(void *arg, const struct thread_group *group)
{
	struct chrome *c = arg;

	(void)group;
	close_slices(c, 0, c->axis.end);
	return json_output_flush(&c->out);
}

static int write_document(struct chrome *c, const struct thread_samples *ts)
{
	const struct oc_recording_info *info = oc_machine_info(c->m);
	const struct thread_visitor visitor = {
		.nr_rounds = 1,
		.begin = begin_thread,
		.round = begin_round,
		.sample = write_sample,
		.end = end_thread,
		.arg = c,
	};
	struct json *j = &c->out.json;
	int rc;

	json_object_begin(j);
	json_key(j, "displayTimeUnit");
	json_string(j, "ns");
	json_key(j, "otherData");
	json_object_begin(j);
	json_key(j, "host");
	json_machine_string(j, c->m, info->hostname);
	json_key(j, "os");
	json_machine_string(j, c->m, info->os);
	json_key(j, "command");
	json_machine_string(j, c->m, info->command);
	json_object_end(j);
	json_key(j, "traceEvents");
	json_array_begin(j);
	rc = thread_samples_visit(ts, &visitor);
	json_array_end(j);
	json_object_end(j);
	return rc;
}

static int chrome_init(struct chrome *c, struct thread_samples *ts)
{
	int rc = thread_samples_init(ts, c->m);

	for (oc_process_id id = 1; id <= oc_machine_nr_processes(c->m) && !rc; id++) {
		uint32_t pid = oc_machine_process(c->m, id)->pid;

		if (pid)
			rc = u32_map_set(&c->newest, pid, id);
	}
	return rc;
}

static int write_chrome(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	struct chrome c = { .m = m };
	struct thread_samples ts = { 0 };
	int rc = chrome_init(&c, &ts), end_rc;

	if (rc) {
		oc_error_set(err, rc, "cannot prepare a Chrome trace: %s", strerror(-rc));
	} else {
		json_output_begin(&c.out, out, 0);
		rc = write_document(&c, &ts);
		end_rc = json_output_end(&c.out);
		rc = rc ? rc : end_rc;
	}
	thread_samples_done(&ts);
	u32_map_done(&c.newest);
	free(c.frames.frames);
	free(c.open);
	return rc;
}

const struct oc_format oc_format_chrome = {
	.name = "chrome",
	.description = "Chrome trace events, stacks as slices for chrome://tracing and Perfetto",
	.extensions = (const char *const[]){ ".json", ".chrome.json", NULL },
	.write = write_chrome,
};
