/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A real Windows trace in an export machine, compared with what another decoder (TraceEvent of PerfView) made of it.
 */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <onecollect/machine.h>

#include "base/macros.h"
#include "base/text.h"
#include "machine_sink.h"
#include "test_data.h"
#include "windows-etw/etw_trace.h"

/* A trace that was told to a machine. */
struct told {
	struct buffer bytes;
	struct oc_input *in;
	struct oc_machine *m;
	struct sink *sink;
	struct etw_trace *trace;
	struct etw_trace_info info;
};

static void tell(struct told *t, const char *name)
{
	struct oc_error err = { 0 };

	*t = (struct told){ 0 };
	test_data_read(name, &t->bytes);
	cr_assert_eq(oc_input_open_memory(t->bytes.data, t->bytes.len, &t->in), 0);
	cr_assert_eq(etw_trace_open(t->in, &t->trace, &err), 0, "%s", err.message);
	etw_trace_info(t->trace, &t->info);
	t->m = oc_machine_new(NULL);
	t->sink = machine_sink_new(t->m, NULL);
	cr_assert_eq(machine_sink_set_kinds(t->sink, t->info.kinds, t->info.nr_kinds), 0);
	cr_assert_eq(etw_trace_tell(t->trace, t->sink, &err), 0, "%s", err.message);
	cr_assert_eq(machine_sink_name_code(t->sink), 0);
	machine_sink_judge_stacks(t->sink);
	cr_assert_eq(oc_machine_finish(t->m), 0);
}

static void told_done(struct told *t)
{
	etw_trace_free(t->trace);
	oc_input_close(t->in);
	machine_sink_free(t->sink);
	oc_machine_free(t->m);
	buffer_done(&t->bytes);
}

static const char *comm_of(const struct told *t, oc_process_id id)
{
	return oc_machine_string(t->m, oc_machine_process(t->m, id)->comm, NULL);
}

/* ---- totals -------------------------------------------------------------------------------------------------- */

Test(etw_real, samples_and_stacks)
{
	const struct etw_trace_counts *counts;
	const struct oc_ledger_kind *row;
	struct told t;

	tell(&t, "etl/perfview-net452-x64.etl");
	counts = etw_trace_counts(t.trace);
	cr_assert_eq(counts->events, 179474);
	cr_assert_eq(counts->samples, 79528);
	cr_assert_eq(counts->idle, 73208);
	cr_assert_eq(counts->told, 6320);
	cr_assert_eq(counts->told_idle, 105);
	cr_assert_eq(counts->with_stack, 6214, "of 6215 that are not idle");
	cr_assert_eq(counts->without_pid, 0);
	cr_assert_eq(counts->keys_unknown, 0);
	cr_assert_eq(counts->unreadable, 0);
	cr_assert_eq(t.info.kinds[0].period_ns, 1000000);
	row = &oc_machine_ledger_const(t.m)->kinds[0];
	cr_assert_eq(row->kept, 6320);
	cr_assert_eq(row->stacks, row->complete + oc_ledger_incomplete(row));
	cr_assert_gt(row->complete, row->stacks * 96 / 100,
		     "down to ntdll.dll, where threads begin");
	told_done(&t);
}

struct process_count {
	const struct told *t;
	uint64_t samples[64];
};

static int count_process(void *arg, const struct oc_sample *sample)
{
	struct process_count *c = arg;

	c->samples[MIN(sample->process, 63U)] += sample->count;
	return 0;
}

Test(etw_real, processes)
{
	struct process_count c = { 0 };
	uint32_t busiest = 1, nr;
	struct told t;

	tell(&t, "etl/perfview-net452-x64.etl");
	nr = oc_machine_nr_processes(t.m);
	cr_assert_eq(nr, 33, "32 listed at the beginning and one started");
	oc_machine_each_sample(t.m, count_process, &c);
	for (uint32_t id = 1; id <= nr; id++) {
		busiest = c.samples[id] > c.samples[busiest] ? id : busiest;
		cr_assert_neq(comm_of(&t, id)[0], '\0', "process %u has no name", id);
	}
	cr_assert_eq(oc_machine_process(t.m, busiest)->pid, 3676);
	cr_assert_str_eq(comm_of(&t, busiest), "Test.x64.exe");
	cr_assert_eq(oc_machine_process(t.m, busiest)->start_ns > t.info.start_ns, true);
	cr_assert_neq(oc_machine_process(t.m, busiest)->end_ns, UINT64_MAX);
	cr_assert_gt(c.samples[busiest], 5000);
	told_done(&t);
}

/* ---- event by event ------------------------------------------------------------------------------------------ */

/* A sample as a line of the baseline describes it. */
struct wanted {
	double time_ms;
	uint32_t pid;
	uint32_t tid;
	uint32_t cpu;
	bool found;
};

struct search {
	const struct told *t;
	struct wanted *wanted;
	size_t nr;
};

static uint32_t number_behind(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	cr_assert_not_null(at, "%s", key);
	return (uint32_t)strtoul(at + strlen(key), NULL, 10);
}

/* The samples among the first events of the baseline, which it describes one by one. Returns their number. */
static size_t parse_samples(const struct buffer *baseline, struct wanted *out, size_t max)
{
	static const char what[] = ": Windows Kernel/PerfInfo/Sample PID=";
	const char *line = baseline->data;
	size_t nr = 0;

	while ((line = strstr(line, what)) && nr < max) {
		const char *start = line;
		struct wanted *w = &out[nr];
		char time[32] = "";

		while (start > baseline->data && start[-1] != ' ')
			start--;
		for (size_t i = 0; start < line && i + 1 < sizeof(time); start++) {
			if (*start != ',')
				time[i++] = *start;
		}
		w->time_ms = strtod(time, NULL);
		w->pid = number_behind(line, "PID=");
		w->tid = number_behind(line, "TID=");
		w->cpu = number_behind(line, "ProceNum=");
		nr++;
		line += sizeof(what) - 1;
	}
	return nr;
}

static int find_wanted(void *arg, const struct oc_sample *sample)
{
	const struct search *s = arg;
	const struct etl_log *log = s->t->info.log;
	double ms = ((double)sample->time_ns - (double)(log->start - log->boot) * 100) / 1e6;

	for (size_t i = 0; i < s->nr; i++) {
		struct wanted *w = &s->wanted[i];
		double off = ms - w->time_ms;

		if (off > -0.0006 && off < 0.0006 && sample->cpu == w->cpu &&
		    oc_machine_process(s->t->m, sample->process)->pid == w->pid &&
		    oc_machine_thread(s->t->m, sample->thread)->tid == w->tid)
			w->found = true;
	}
	return 0;
}

Test(etw_real, time_processor_process_and_thread_of_each_sample)
{
	static struct wanted wanted[16];
	struct search s = { .wanted = wanted };
	struct buffer baseline = BUFFER_INIT;
	struct told t;

	tell(&t, "etl/perfview-net452-x64.etl");
	test_data_read("etl/perfview-net452-x64.baseline.txt", &baseline);
	s.t = &t;
	s.nr = parse_samples(&baseline, wanted, ARRAY_SIZE(wanted));
	cr_assert_eq(s.nr, 5);
	oc_machine_each_sample(t.m, find_wanted, &s);
	for (size_t i = 0; i < s.nr; i++)
		cr_assert(wanted[i].found, "at %.3f ms on processor %u, %u/%u", wanted[i].time_ms,
			  wanted[i].cpu, wanted[i].pid, wanted[i].tid);
	buffer_done(&baseline);
	told_done(&t);
}

/* ---- names --------------------------------------------------------------------------------------------------- */

/* True when a location has this name. */
static bool has_location(const struct oc_machine *m, const char *name)
{
	for (uint32_t id = 1; id <= oc_machine_nr_locations(m); id++) {
		if (!strcmp(oc_machine_string(m, oc_machine_location_name(m, id, 0), NULL), name))
			return true;
	}
	return false;
}

static const struct oc_module *find_module(const struct told *t, const char *path)
{
	for (uint32_t id = 1; id <= oc_machine_nr_modules(t->m); id++) {
		const struct oc_module *module = oc_machine_module(t->m, id);

		if (!strcasecmp(oc_machine_string(t->m, module->path, NULL), path))
			return module;
	}
	return NULL;
}

Test(etw_real, modules_and_methods)
{
	static const uint8_t kernel_pdb[20] = {
		0x72, 0x48, 0x21, 0x00, 0x1c, 0x1c, 0x4a, 0x03, 0xa4
	};
	const struct oc_module *kernel, *ntdll;
	struct told t;
	uint32_t unknown = 0;

	tell(&t, "etl/perfview-net452-x64.etl");
	kernel = find_module(&t, "C:\\Windows\\system32\\ntoskrnl.exe");
	ntdll = find_module(&t, "C:\\Windows\\System32\\ntdll.dll");
	cr_assert(kernel && kernel->type == OC_MODULE_KERNEL);
	cr_assert(ntdll && ntdll->type == OC_MODULE_FILE && ntdll->build_id_size == 20);
	cr_assert_eq(kernel->build_id_size, 20);
	cr_assert_eq(memcmp(kernel->build_id, kernel_pdb, 8), 0, "the GUID in reading order");
	cr_assert_eq(kernel->build_id[19], 2, "and the age");
	for (uint32_t id = 1; id <= oc_machine_nr_modules(t.m); id++) {
		const char *path = oc_machine_string(t.m, oc_machine_module(t.m, id)->path, NULL);

		unknown += !strncmp(path, "\\Device\\", 8);
	}
	cr_assert_eq(unknown, 0, "every path has its drive letter");
	cr_assert(has_location(t.m, "PerfView.App.Main"));
	cr_assert(has_location(t.m, "System.Windows.Application.RunDispatcher"));
	told_done(&t);
}

Test(etw_real, traces_without_samples)
{
	static const struct {
		const char *name;
		uint32_t processes;
		uint32_t mappings;
	} traces[] = {
		{ "etl/airbus-shutdown-kernel.etl", 97, 7328 },
		{ "etl/perfview-diaghub-kernel.etl", 241, 15535 },
		{ "etl/siemens-tracelogging-win11.etl", 361, 24026 },
		{ "etl/perfview-selfdescribing-single.etl", 0, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(traces); i++) {
		struct told t;

		tell(&t, traces[i].name);
		cr_assert_eq(etw_trace_counts(t.trace)->unreadable, 0, "%s", traces[i].name);
		cr_assert_eq(oc_machine_nr_samples(t.m), 0);
		cr_assert_eq(oc_machine_nr_processes(t.m), traces[i].processes, "%s: %u",
			     traces[i].name, oc_machine_nr_processes(t.m));
		cr_assert_eq(oc_machine_nr_mappings(t.m), traces[i].mappings, "%s: %u",
			     traces[i].name, oc_machine_nr_mappings(t.m));
		told_done(&t);
	}
}
