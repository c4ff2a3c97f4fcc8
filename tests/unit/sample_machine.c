/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recording that sample_machine.h describes.
 * Called by unit tests and by tests/interop/write_sample.c.
 * Must not use anything but public headers.
 */
#include "sample_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NR(a) (sizeof(a) / sizeof((a)[0]))

/* Where things are mapped; a function's code is 0x100 bytes. Callers are given as return addresses, so one behind. */
#define SERVER        0x400000ULL
#define SERVER_OFFSET 0x1000ULL
#define LIBC          0x7f0000000000ULL
#define LIBC_OFFSET   0x20000ULL
#define NODE          0x500000ULL
#define NODE_OFFSET   0ULL
#define JIT           0x600000000000ULL
#define KERNEL        0xffffffff80000000ULL

#define MAIN     (SERVER + 0x000)
#define COMPUTE  (SERVER + 0x100) /* from its byte 0x80 on, hot_loop is inlined */
#define RECURSE  (SERVER + 0x200)
#define READ     (LIBC + 0x000)
#define NAMELESS (LIBC + 0x100)
#define NODEMAIN (NODE + 0x000)
#define HOSTILE  (NODE + 0x100)
#define JITTED   (JIT + 0x000)
#define SYSCALL  (KERNEL + 0x000)
#define VFS_READ (KERNEL + 0x100)

#define CALL(function) ((function) + 0x10 + 1) /* return address of a call in it */

static const struct code {
	uint64_t address;
	const char *name;
	const char *system_name;
	const char *file;
	uint32_t line;
} codes[] = {
	{ MAIN, "main", "main", "server.c", 10 },
	{ COMPUTE, "compute(int)", "_Z7computei", "server.c", 20 },
	{ RECURSE, "recurse", "recurse", "server.c", 30 },
	{ READ, "read", "__read", NULL, 0 },
	{ NODEMAIN, "node::Start()", "_ZN4node5StartEv", NULL, 0 },
	{ HOSTILE, SAMPLE_HOSTILE_NAME, NULL, NULL, 0 },
	{ JITTED, "JS:~handle /app/x.js:1", NULL, NULL, 0 },
	{ SYSCALL, "do_syscall_64", "do_syscall_64", NULL, 0 },
	{ VFS_READ, "vfs_read", "vfs_read", NULL, 0 },
};
static const struct code hot_loop = { COMPUTE + 0x80, "hot_loop", "hot_loop", "loops.h", 5 };

static const struct planned {
	uint32_t pid;
	uint32_t tid;
	uint64_t count;
	uint32_t nr;
	uint32_t nr_kernel;
	uint64_t addresses[6]; /* leaf first */
} samples[] = {
	{ 100, 100, SAMPLE_HOT_LOOP - 20, 2, 0, { COMPUTE + 0x90, CALL(MAIN) } },
	{ 100, 101, 20, 2, 0, { COMPUTE + 0x90, CALL(MAIN) } },
	{ 100, 101, SAMPLE_RECURSE, 4, 0, { RECURSE, CALL(RECURSE), CALL(RECURSE), CALL(MAIN) } },
	{ 100, 100, SAMPLE_VFS_READ, 4, 2, { VFS_READ + 8, CALL(SYSCALL), READ + 4, CALL(MAIN) } },
	{ 100, 100, SAMPLE_NO_SYMBOL, 2, 0, { NAMELESS + 0x23, CALL(MAIN) } },
	{ 200, 200, SAMPLE_JIT, 2, 0, { JITTED + 0x40, CALL(NODEMAIN) } },
	{ 200, 200, SAMPLE_UNKNOWN, 2, 0, { 0xdead0000, CALL(NODEMAIN) } },
	{ 200, 0, SAMPLE_HOSTILE, 2, 0, { HOSTILE + 1, CALL(NODEMAIN) } },
	{ 200, 200, SAMPLE_NO_STACK, 0, 0, { 0 } },
};

/* The result of a call that gives an id or a negative errno value. */
static uint32_t must(int64_t result)
{
	if (result < 0) {
		fprintf(stderr, "sample machine: %s\n", strerror((int)-result));
		abort();
	}
	return (uint32_t)result;
}

static oc_string_id text(struct oc_machine *m, const char *s)
{
	return s ? must(oc_machine_intern(m, s, strlen(s))) : 0;
}

static void set_facts(struct oc_machine *m, unsigned int flags)
{
	struct oc_recording_info info = {
		.start_mono_ns = 5000000000,
		.start_wall_ns = 1700000000123456789,
		.start_boot_ns = 6000000000,
		.end_mono_ns = 7500000000,
		.nr_cpus = 2,
		.page_size = 4096,
		.aggregated = !(flags & SAMPLE_TIMELINE),
		.hostname = text(m, "host.example"),
		.os = text(m, "Linux 6.1.0-test x86_64"),
		.command = text(m, "record-trace --cpu -o x.pb.gz"),
		.tool = text(m, "onecollect test"),
	};

	oc_machine_set_info(m, &info);
}

static void map(struct oc_machine *m, oc_process_id process, const struct oc_module *module,
		uint64_t start, uint64_t offset)
{
	struct oc_mapping mapping = {
		.process = process,
		.module = must(oc_machine_add_module(m, module)),
		.start = start,
		.end = start + 0x10000,
		.file_offset = offset,
		.since_ns = 1000,
		.until_ns = UINT64_MAX,
	};

	must(oc_machine_add_mapping(m, &mapping));
}

static void map_all(struct oc_machine *m, oc_process_id server, oc_process_id node)
{
	struct oc_module kernel = { .type = OC_MODULE_KERNEL, .path = text(m, "[kernel]") };
	struct oc_module exe = { .path = text(m, "/usr/bin/server"), .build_id = { 0xab, 0x01 } };
	struct oc_module libc = { .path = text(m, "/usr/lib/libc.so.6"), .inode = 7, .device = 8 };
	struct oc_module node_exe = { .path = text(m, "/usr/bin/node"), .build_id = { 0xcd } };
	struct oc_module jit = { .type = OC_MODULE_ANON,
				 .path = text(m, "[anon]"),
				 .process = node };

	exe.build_id_size = 2;
	node_exe.build_id_size = 20;
	map(m, 0, &kernel, KERNEL, 0);
	map(m, server, &libc, LIBC, LIBC_OFFSET);
	map(m, server, &exe, SERVER, SERVER_OFFSET);
	map(m, node, &node_exe, NODE, NODE_OFFSET);
	map(m, node, &jit, JIT, 0);
}

static void set_comm(struct oc_machine *m, oc_process_id id, const char *comm, const char *exe,
		     const char *container)
{
	struct oc_process facts = {
		.comm = text(m, comm),
		.exe = text(m, exe),
		.container = text(m, container),
	};

	must(oc_machine_process_set(m, id, &facts));
}

static void add_sample(struct oc_machine *m, const struct planned *plan, struct oc_sample *sample,
		       unsigned int flags)
{
	uint64_t count = sample->count;

	if (!(flags & SAMPLE_TIMELINE)) {
		must(oc_machine_add_sample(m, sample));
		return;
	}
	sample->value /= count;
	sample->count = 1;
	for (uint64_t i = 0; i < count; i++) {
		sample->time_ns = 5000000000 + i * SAMPLE_PERIOD_NS + plan->tid;
		sample->cpu = (uint32_t)i & 1;
		must(oc_machine_add_sample(m, sample));
	}
}

static void add_wait(struct oc_machine *m)
{
	const struct planned *plan = &samples[2];
	struct oc_kind off_cpu = { .name = "off_cpu", .unit = OC_UNIT_NANOSECONDS };
	oc_process_id process = oc_machine_process_now(m, plan->pid);
	oc_callstack_id stack =
		must(oc_machine_intern_callstack(m, plan->addresses, plan->nr, plan->nr_kernel));
	struct oc_sample wait = {
		.count = 1,
		.value = SAMPLE_WAIT_NS,
		.time_ns = SAMPLE_WAIT_END_NS,
		.kind = must(oc_machine_add_kind(m, &off_cpu)),
		.process = process,
		.thread = must(oc_machine_add_thread(m, process, plan->tid)),
		.stack = must(oc_machine_resolve(m, process, stack)),
	};

	must(oc_machine_add_sample(m, &wait));
}

static void add_samples(struct oc_machine *m, unsigned int flags)
{
	struct oc_kind cpu = { .name = "cpu",
			       .unit = OC_UNIT_NANOSECONDS,
			       .period_ns = SAMPLE_PERIOD_NS };
	struct oc_kind faults = { .name = "page_faults", .unit = OC_UNIT_BYTES };
	oc_kind_id cpu_id = must(oc_machine_add_kind(m, &cpu)), faults_id = 0;

	if (flags & SAMPLE_TWO_KINDS)
		faults_id = must(oc_machine_add_kind(m, &faults));
	for (size_t i = 0; i < NR(samples) && !(flags & SAMPLE_EMPTY); i++) {
		const struct planned *plan = &samples[i];
		oc_process_id process = oc_machine_process_now(m, plan->pid);
		oc_callstack_id stack = must(
			oc_machine_intern_callstack(m, plan->addresses, plan->nr, plan->nr_kernel));
		struct oc_sample sample = {
			.count = plan->count,
			.value = plan->count * SAMPLE_PERIOD_NS,
			.kind = cpu_id,
			.process = process,
			.thread = must(oc_machine_add_thread(m, process, plan->tid)),
			.stack = must(oc_machine_resolve(m, process, stack)),
			.cpu = UINT32_MAX,
		};
		struct oc_sample fault = sample;

		add_sample(m, plan, &sample, flags);
		fault.kind = faults_id;
		fault.count = SAMPLE_FAULTS;
		fault.value = SAMPLE_FAULTS * 4096;
		if (faults_id && !i)
			add_sample(m, plan, &fault, flags);
	}
}

static oc_function_id function(struct oc_machine *m, const struct code *code, oc_module_id module)
{
	struct oc_function f = {
		.name = text(m, code->name),
		.system_name = text(m, code->system_name),
		.file = text(m, code->file),
		.start_line = code->line ? code->line - 1 : 0,
		.module = module,
	};

	return must(oc_machine_add_function(m, &f));
}

static void symbolize(struct oc_machine *m)
{
	for (oc_location_id id = 1; id <= oc_machine_nr_locations(m); id++) {
		const struct oc_location *location = oc_machine_location(m, id);
		struct oc_line lines[2];
		uint32_t nr = 0;

		for (size_t i = 0; i < NR(codes); i++) {
			if (location->address - codes[i].address >= 0x100)
				continue;
			if (codes[i].address == COMPUTE && location->address >= hot_loop.address)
				lines[nr++] =
					(struct oc_line){ function(m, &hot_loop, location->module),
							  hot_loop.line };
			lines[nr++] = (struct oc_line){ function(m, &codes[i], location->module),
							codes[i].line };
		}
		if (nr)
			must(oc_machine_set_lines(m, id, lines, nr));
	}
}

static void fill_ledger(struct oc_machine *m)
{
	struct oc_ledger *ledger = oc_machine_ledger(m);

	ledger->duration_ns = 2500000000;
	for (uint32_t i = 0; i < ledger->nr_kinds; i++) {
		struct oc_ledger_kind *kind = &ledger->kinds[i];

		kind->taken = kind->kept + 3;
		kind->lost[OC_LOSS_RING_FULL] = 3;
	}
}

struct oc_machine *sample_machine_new(unsigned int flags)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id server, node;
	oc_thread_id worker;

	if (!m)
		abort();
	set_facts(m, flags);
	server = must(oc_machine_process_start(m, 100, 0, 1000));
	node = must(oc_machine_process_start(m, 200, 0, 1000));
	set_comm(m, server, "server", "/usr/bin/server", NULL);
	set_comm(m, node, "no;de </script>", "/usr/bin/node", "c0ffee");
	map_all(m, server, node);
	worker = must(oc_machine_add_thread(m, server, 101));
	must(oc_machine_thread_set_name(m, worker, text(m, "work;er\n1")));
	add_samples(m, flags);
	if (flags & SAMPLE_WAITS)
		add_wait(m);
	symbolize(m);
	fill_ledger(m);
	must(oc_machine_finish(m));
	return m;
}
