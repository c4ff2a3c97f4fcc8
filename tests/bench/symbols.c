/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cost of naming: the symbolize pass over 100,000 places spread over the code of libc, python3 and cc1, the same over
 * kernel addresses, keeping the file of a new module while recording, and demangling.
 */
#include "bench.h"

#include <elf.h>
#include <fcntl.h>
#include <onecollect/symbolize.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "symbolize/demangle.h"
#include "base/elf_file.h"

#define NR_PLACES        100000
#define NR_KERNEL_PLACES 2000
#define NR_KEEPS         500
#define NR_NAMES         10000
#define MODULE_BYTES     (1ULL << 32) /* apart in memory */
#define KERNEL_START     0xffffffff81000000
#define KERNEL_BYTES     (16ULL << 20)
#define KEEP_BUDGET_US   20.0

static const char *const files[] = {
	"/lib/x86_64-linux-gnu/libc.so.6",
	"/usr/bin/python3",
	"/usr/lib/gcc/x86_64-linux-gnu/12/cc1",
};

/* A machine that is filled but has no names yet. */
struct load {
	struct oc_machine *m;
	struct oc_symbolizer *s;
	oc_process_id process;
	uint64_t random;
};

static struct load load_new(void)
{
	struct load l = { .m = oc_machine_new(NULL),
			  .s = oc_symbolizer_new(NULL),
			  .random = 88172645463325252 };

	if (!l.m || !l.s)
		bench_must(-1, "memory");
	l.process = (oc_process_id)bench_must(
		oc_machine_process_start(l.m, (uint32_t)getpid(), 0, 1), "process");
	return l;
}

static void load_free(struct load *l)
{
	oc_symbolizer_free(l->s);
	oc_machine_free(l->m);
}

/* The executable segment of a file. */
static struct elf_segment code_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct elf_segment code = { 0 };
	struct elf_file elf;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || elf_file_open(&elf, fd, (uint64_t)st.st_size))
		bench_must(-1, path);
	for (uint32_t i = 0; i < elf.nr_segments; i++) {
		if (elf.segments[i].type == PT_LOAD && (elf.segments[i].flags & PF_X))
			code = elf.segments[i];
	}
	elf_file_close(&elf);
	close(fd);
	return code;
}

/* A module; `device` tells modules of the same file apart for the machine, and is not what proves the file. */
static oc_module_id add_module(struct load *l, enum oc_module_type type, const char *path,
			       uint64_t device)
{
	struct oc_module module = { .type = type, .device = device };
	struct stat st;

	module.path =
		(oc_string_id)bench_must(oc_machine_intern(l->m, path, strlen(path)), "string");
	if (type == OC_MODULE_FILE && !stat(path, &st))
		module.inode = st.st_ino;
	return (oc_module_id)bench_must(oc_machine_add_module(l->m, &module), "module");
}

static void add_places(struct load *l, const struct oc_mapping *mapping, uint32_t nr)
{
	bench_must(oc_machine_add_mapping(l->m, mapping), "mapping");
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t address =
			mapping->start + bench_random(&l->random) % (mapping->end - mapping->start);
		int64_t callstack =
			oc_machine_intern_callstack(l->m, &address, 1, mapping->process ? 0 : 1);

		bench_must(oc_machine_resolve(l->m, l->process, (oc_callstack_id)callstack),
			   "resolve");
	}
}

static void add_files(struct load *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct elf_segment code = code_of(files[i]);
		struct oc_mapping mapping = {
			.process = l->process,
			.module = add_module(l, OC_MODULE_FILE, files[i], 1),
			.start = BENCH_FIRST_ADDRESS + i * MODULE_BYTES,
			.end = BENCH_FIRST_ADDRESS + i * MODULE_BYTES + code.file_size,
			.file_offset = code.offset,
		};

		bench_must(oc_symbolizer_keep(l->s, l->m, mapping.module, (uint32_t)getpid()),
			   "keep");
		add_places(l, &mapping, NR_PLACES / ARRAY_SIZE(files));
	}
}

static void add_kernel(struct load *l)
{
	struct oc_mapping mapping = {
		.module = add_module(l, OC_MODULE_KERNEL, "[kernel]", 0),
		.start = KERNEL_START,
		.end = KERNEL_START + KERNEL_BYTES,
		.file_offset = KERNEL_START,
	};

	add_places(l, &mapping, NR_KERNEL_PLACES);
}

/* Median milliseconds of a pass, without filling the machine; *ret_named places had a symbol. */
static double pass_ms(void (*add)(struct load *l), uint32_t *ret_named)
{
	double times[BENCH_RUNS];

	for (int i = 0; i < BENCH_RUNS; i++) {
		struct load l = load_new();
		uint64_t start;

		add(&l);
		start = clock_monotonic_ns();
		bench_must(oc_symbolizer_run(l.s, l.m), "run");
		times[i] = (double)(clock_monotonic_ns() - start) / 1e6;
		*ret_named = 0;
		for (oc_location_id id = 1; id <= oc_machine_nr_locations(l.m); id++)
			*ret_named += oc_machine_location(l.m, id)->nr_lines != 0;
		load_free(&l);
	}
	qsort(times, BENCH_RUNS, sizeof(*times), bench_compare);
	return times[BENCH_RUNS / 2];
}

static void bench_pass(const char *what, void (*add)(struct load *l))
{
	char name[128];
	uint32_t named;
	double ms = pass_ms(add, &named);

	snprintf(name, sizeof(name), "%s, %u with a symbol", what, named);
	bench_print(name, ms, "ms", 0);
}

/* Microseconds for the file of a new module: open, prove, read the build-id. */
static double keep_us(void)
{
	oc_module_id modules[NR_KEEPS];
	struct load l = load_new();
	uint64_t start, end;

	for (int i = 0; i < NR_KEEPS; i++)
		modules[i] = add_module(&l, OC_MODULE_FILE, files[0], (uint64_t)i + 1000);
	start = clock_monotonic_ns();
	for (int i = 0; i < NR_KEEPS; i++)
		bench_must(oc_symbolizer_keep(l.s, l.m, modules[i], (uint32_t)getpid()), "keep");
	end = clock_monotonic_ns();
	for (int i = 0; i < NR_KEEPS; i++) {
		if (!oc_machine_module(l.m, modules[i])->build_id_size)
			bench_must(-1, "a file was not kept");
	}
	load_free(&l);
	return (double)(end - start) / 1e3 / NR_KEEPS;
}

static void demangle_names(void *arg)
{
	static const char *const names[] = {
		"_ZNSt6vectorIiSaIiEE9push_backEOi",
		"_ZNSt8_Rb_treeISsSt4pairIKSsiESt10_Select1stIS2_ESt4lessISsESaIS2_EE16_M_insert_"
		"uniqueERKS2_",
		"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE",
		"_ZN12_GLOBAL__N_111pass_data_tC1Ev",
	};

	for (int i = 0; i < NR_NAMES; i++) {
		if (!demangle(names[(size_t)i % ARRAY_SIZE(names)], arg))
			bench_must(-1, "demangle");
	}
}

int main(void)
{
	struct buffer name = BUFFER_INIT;

	bench_pass("symbolize 100,000 places of libc, python3 and cc1", add_files);
	bench_pass("symbolize 2,000 places of the kernel", add_kernel);
	bench_print("keep the file of a new module", keep_us(), "us", KEEP_BUDGET_US);
	bench_print("demangle a name", bench_ns(demangle_names, &name, NR_NAMES), "ns", 0);
	buffer_done(&name);
	return 0;
}
