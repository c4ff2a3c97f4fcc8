/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as records of perf events: side-band and samples. Input: records one behind the other, each with its size
 * in its header; the last one may be cut.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "base/macros.h"
#include "linux/perf_samples.h"
#include "linux/sideband_private.h"

static sink_process use_start(struct sink *sink, uint64_t time_ns,
			      const struct collector_process *process)
{
	(void)sink;
	(void)time_ns;
	return process->pid;
}

static sink_process use_exec(struct sink *sink, uint64_t time_ns, uint32_t pid, const char *comm)
{
	(void)sink;
	(void)time_ns;
	fuzz_use(comm, strlen(comm));
	return pid;
}

static void use_exit(struct sink *sink, uint64_t time_ns, uint32_t pid)
{
	(void)sink;
	(void)time_ns;
	(void)pid;
}

static sink_process use_now(struct sink *sink, uint64_t time_ns, uint32_t pid)
{
	(void)sink;
	(void)time_ns;
	return pid;
}

static void use_facts(struct sink *sink, sink_process process,
		      const struct collector_process *facts)
{
	(void)sink;
	(void)process;
	if (facts->comm)
		fuzz_use(facts->comm, strlen(facts->comm));
	if (facts->exe)
		fuzz_use(facts->exe, strlen(facts->exe));
}

static sink_thread use_thread(struct sink *sink, sink_process process, uint32_t tid,
			      uint32_t ns_tid, const char *name)
{
	(void)sink;
	(void)process;
	(void)ns_tid;
	if (name)
		fuzz_use(name, strlen(name));
	return tid;
}

static void use_mapping(struct sink *sink, uint64_t time_ns, uint32_t pid,
			const struct collector_mapping *mapping)
{
	(void)sink;
	(void)time_ns;
	(void)pid;
	if (mapping->start >= mapping->end)
		abort();
	fuzz_use(mapping->path, strlen(mapping->path));
	if (mapping->build_id)
		fuzz_use(mapping->build_id, mapping->build_id_size);
}

static void use_stack(struct sink *sink, uint64_t id, const uint64_t *addresses, uint32_t nr,
		      bool kernel)
{
	(void)sink;
	(void)kernel;
	if (!id || !nr)
		abort();
	fuzz_use(addresses, nr * sizeof(*addresses));
}

static void use_sample(struct sink *sink, const struct collector_sample *sample)
{
	(void)sink;
	(void)sample;
}

static void use_lost(struct sink *sink, uint32_t kind, enum oc_loss reason, uint64_t count)
{
	(void)sink;
	(void)kind;
	(void)reason;
	(void)count;
}

static void use_note(struct sink *sink, enum oc_note note, uint64_t count)
{
	(void)sink;
	(void)note;
	(void)count;
}

static const struct sink_ops ops = {
	.process_start = use_start,
	.process_exec = use_exec,
	.process_exit = use_exit,
	.process_now = use_now,
	.process_facts = use_facts,
	.thread = use_thread,
	.mapping_add = use_mapping,
	.stack_define = use_stack,
	.sample = use_sample,
	.lost = use_lost,
	.note = use_note,
};

static void use_watch(void *arg, uint32_t pid, const char *comm, const char *exe_base)
{
	(void)arg;
	(void)pid;
	if (comm)
		fuzz_use(comm, strlen(comm));
	fuzz_use(exe_base, strlen(exe_base));
}

/* The threads counted for each process are those in the table. */
static void check_tasks(const struct live_tasks *tasks)
{
	size_t nr_threads = 0;

	for (size_t i = 0; i < tasks->nr_processes; i++)
		nr_threads += tasks->processes[i].nr_threads;
	if (nr_threads != tasks->by_tid.count)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sink sink = { .ops = &ops };
	struct sideband sb = { .sink = &sink };
	struct perf_samples samples = { .sink = &sink, .period_ns = 1000 };
	struct perf_event_header header;
	uint64_t time_ns = 1;

	sideband_watch(&sb, use_watch, NULL);
	for (size_t pos = 0, step; pos < size; pos += step, time_ns++) {
		/* To the byte and aligned, as the queue hands records out. */
		char *record;

		step = size - pos;
		if (step >= sizeof(header)) {
			memcpy(&header, data + pos, sizeof(header));
			step = MIN(step, MAX((size_t)header.size, sizeof(header)));
		}
		record = malloc(step);
		if (!record)
			break;
		memcpy(record, data + pos, step);
		if (sideband_handle(&sb, time_ns, record, step) ||
		    perf_samples_handle(&samples, time_ns, record, step))
			abort();
		free(record);
		check_tasks(&sb.tasks);
	}
	live_tasks_done(&sb.tasks);
	perf_samples_done(&samples);
	return 0;
}
