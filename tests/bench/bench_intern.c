/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Microbenchmarks of the export machine: interning, looking up mappings, resolving, adding samples.
 * Run by hand or by the benchmark runner; prints one JSON object per line.
 * Must not be a test: it states times and judges nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <onecollect/machine.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/macros.h"

#define ROUNDS 11 /* odd, so that the median is a measured value */
#define FRAMES 32

/* One benchmark: run() does `ops` operations and is timed; the caller prepared `state`. */
struct bench {
	const char *name;
	uint64_t ops;
	void (*run)(void *state, uint64_t ops);
	void *state;
};

static volatile uint64_t sink; /* keeps results alive */

static void die(const char *what)
{
	fprintf(stderr, "bench_intern: %s failed\n", what);
	exit(1);
}

static int64_t checked(int64_t id, const char *what)
{
	if (id < 0)
		die(what);
	return id;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void measure(const struct bench *b)
{
	double ns[ROUNDS];
	struct buffer line = BUFFER_INIT;
	struct json json;

	b->run(b->state, b->ops / 10 + 1);
	for (size_t i = 0; i < ROUNDS; i++) {
		uint64_t start = clock_monotonic_ns();

		b->run(b->state, b->ops);
		ns[i] = (double)(clock_monotonic_ns() - start) / (double)b->ops;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), compare_doubles);
	json_init(&json, &line);
	json_object_begin(&json);
	json_key(&json, "name");
	json_string(&json, b->name);
	json_key(&json, "ns_per_op");
	json_double(&json, ns[ROUNDS / 2]);
	json_key(&json, "ns_min");
	json_double(&json, ns[0]);
	json_key(&json, "ns_max");
	json_double(&json, ns[ROUNDS - 1]);
	json_key(&json, "ops");
	json_u64(&json, b->ops);
	json_key(&json, "runs");
	json_u64(&json, ROUNDS);
	json_object_end(&json);
	if (line.error)
		die("json");
	puts(line.data);
	buffer_done(&line);
}

/* ---- interning ---- */

/* nr callstacks of FRAMES frames, visited in an order that no prefetcher guesses. */
struct stacks {
	struct oc_machine *m;
	uint64_t (*addresses)[FRAMES];
	uint32_t *order;
	uint32_t nr;
};

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

static void make_stacks(struct stacks *s, uint32_t nr)
{
	uint64_t random = 1;

	*s = (struct stacks){ .m = oc_machine_new(NULL), .nr = nr };
	s->addresses = calloc(nr, sizeof(*s->addresses));
	s->order = calloc(nr, sizeof(*s->order));
	if (!s->m || !s->addresses || !s->order)
		die("memory");
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t other = (uint32_t)(next_random(&random) % (i + 1));

		/* Stacks of one program share their roots and differ near the leaf. */
		for (uint32_t f = 0; f < FRAMES; f++)
			s->addresses[i][f] =
				0x400000 + (f < 12 ? next_random(&random) % 4096 * 16 : f * 64);
		s->order[i] = s->order[other];
		s->order[other] = i;
		checked(oc_machine_intern_callstack(s->m, s->addresses[i], FRAMES, 0),
			"intern_callstack");
	}
}

static void free_stacks(struct stacks *s)
{
	oc_machine_free(s->m);
	free(s->addresses);
	free(s->order);
}

static void run_callstack_hit(void *state, uint64_t ops)
{
	const struct stacks *s = state;
	uint64_t sum = 0;
	uint32_t at = 0;

	for (uint64_t i = 0; i < ops; i++) {
		sum += (uint64_t)oc_machine_intern_callstack(s->m, s->addresses[s->order[at]],
							     FRAMES, 0);
		at = at + 1 == s->nr ? 0 : at + 1;
	}
	sink += sum;
}

static void run_callstack_miss(void *state, uint64_t ops)
{
	static uint64_t next = 1ull << 40;
	struct oc_machine *m = oc_machine_new(NULL);
	uint64_t addresses[FRAMES] = { 0 };

	(void)state;
	if (!m)
		die("memory");
	for (uint64_t i = 0; i < ops; i++) {
		addresses[0] = next++;
		checked(oc_machine_intern_callstack(m, addresses, FRAMES, 0), "intern_callstack");
	}
	oc_machine_free(m);
}

static void run_string_hit(void *state, uint64_t ops)
{
	static const char name[] = "std::vector<std::string>::emplace_back<char const*&>";
	struct oc_machine *m = state;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < ops; i++)
		sum += (uint64_t)oc_machine_intern(m, name, sizeof(name) - 1);
	sink += sum;
}

static void bench_interning(void)
{
	static const struct {
		const char *name;
		uint32_t nr;
	} sets[] = {
		{ "callstack_32_hit_of_16", 16 },
		{ "callstack_32_hit_of_1000", 1000 },
		{ "callstack_32_hit_of_100000", 100000 },
	};
	struct oc_machine *m = oc_machine_new(NULL);
	struct stacks s;

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		make_stacks(&s, sets[i].nr);
		measure(&(struct bench){ sets[i].name, 1000000, run_callstack_hit, &s });
		free_stacks(&s);
	}
	measure(&(struct bench){ "callstack_32_miss", 200000, run_callstack_miss, NULL });
	if (!m)
		die("memory");
	measure(&(struct bench){ "string_52_hit", 2000000, run_string_hit, m });
	oc_machine_free(m);
}

/* ---- mappings and resolving ---- */

struct layout {
	struct oc_machine *m;
	oc_process_id process;
	uint64_t nr;
};

static void make_layout(struct layout *l, uint64_t nr)
{
	struct oc_module module = { .type = OC_MODULE_FILE };

	*l = (struct layout){ .m = oc_machine_new(NULL), .nr = nr };
	if (!l->m)
		die("memory");
	l->process =
		(oc_process_id)checked(oc_machine_process_start(l->m, 1, 0, 0), "process_start");
	for (uint64_t i = 0; i < nr; i++) {
		struct oc_mapping mapping = { .process = l->process,
					      .start = i << 20,
					      .since_ns = i };
		char path[32];
		int len = snprintf(path, sizeof(path), "/lib/%u.so", (unsigned int)i);

		module.path =
			(oc_string_id)checked(oc_machine_intern(l->m, path, (size_t)len), "intern");
		mapping.module =
			(oc_module_id)checked(oc_machine_add_module(l->m, &module), "add_module");
		mapping.end = mapping.start + 0x80000;
		checked(oc_machine_add_mapping(l->m, &mapping), "add_mapping");
	}
}

static void run_find(void *state, uint64_t ops)
{
	const struct layout *l = state;
	uint64_t random = 3, sum = 0;

	for (uint64_t i = 0; i < ops; i++) {
		uint64_t address = (next_random(&random) % l->nr) << 20 | 0x1234;

		sum += oc_machine_find_mapping(l->m, l->process, address, UINT64_MAX);
	}
	sink += sum;
}

static void run_resolve_hit(void *state, uint64_t ops)
{
	const struct stacks *s = state;
	uint64_t sum = 0;
	uint32_t at = 0;

	for (uint64_t i = 0; i < ops; i++) {
		sum += (uint64_t)oc_machine_resolve(s->m, 1, s->order[at] + 1);
		at = at + 1 == s->nr ? 0 : at + 1;
	}
	sink += sum;
}

/* A new mapping on an address that every stack passes makes the cache useless each time. */
static void run_resolve_miss(void *state, uint64_t ops)
{
	const struct stacks *s = state;
	struct oc_mapping mapping = {
		.process = 1, .module = 1, .start = 0x400000, .end = 0x500000
	};
	uint32_t at = 0;

	for (uint64_t i = 0; i < ops; i++) {
		if (!at) {
			mapping.file_offset ^= 0x1000;
			checked(oc_machine_add_mapping(s->m, &mapping), "add_mapping");
		}
		checked(oc_machine_resolve(s->m, 1, s->order[at] + 1), "resolve");
		at = at + 1 == s->nr ? 0 : at + 1;
	}
}

static void bench_resolving(void)
{
	static const struct {
		const char *name;
		uint64_t nr;
	} sizes[] = { { "find_mapping_of_10", 10 },
		      { "find_mapping_of_100", 100 },
		      { "find_mapping_of_1000", 1000 } };
	struct oc_module module = { .type = OC_MODULE_FILE };
	struct layout l;
	struct stacks s;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		make_layout(&l, sizes[i].nr);
		measure(&(struct bench){ sizes[i].name, 2000000, run_find, &l });
		oc_machine_free(l.m);
	}
	make_stacks(&s, 1000);
	checked(oc_machine_process_start(s.m, 1, 0, 0), "process_start");
	checked(oc_machine_add_module(s.m, &module), "add_module");
	measure(&(struct bench){ "resolve_hit_of_1000", 2000000, run_resolve_hit, &s });
	measure(&(struct bench){ "resolve_32_after_change", 50000, run_resolve_miss, &s });
	free_stacks(&s);
}

/* ---- samples ---- */

static void run_add_aggregated(void *state, uint64_t ops)
{
	struct oc_sample s = { .count = 1, .value = 1, .kind = 1, .process = 1 };
	struct oc_machine *m = state;

	for (uint64_t i = 0; i < ops; i++) {
		s.cpu = (uint32_t)(i & 1023);
		checked(oc_machine_add_sample(m, &s), "add_sample");
	}
}

static void run_add_timeline(void *state, uint64_t ops)
{
	struct oc_sample s = { .count = 1, .value = 1, .kind = 1, .process = 1 };
	struct oc_machine *m = state;

	for (uint64_t i = 0; i < ops; i++) {
		s.time_ns = i + 1;
		checked(oc_machine_add_sample(m, &s), "add_sample");
	}
}

static int add_up(void *arg, const struct oc_sample *sample)
{
	*(uint64_t *)arg += sample->count;
	return 0;
}

static void run_each(void *state, uint64_t ops)
{
	uint64_t sum = 0;

	(void)ops;
	checked(oc_machine_each_sample(state, add_up, &sum), "each_sample");
	sink += sum;
}

static struct oc_machine *machine_for_samples(const struct oc_machine_opts *opts)
{
	const struct oc_kind kind = { .name = "cpu" };
	struct oc_machine *m = oc_machine_new(opts);

	if (!m)
		die("memory");
	checked(oc_machine_add_kind(m, &kind), "add_kind");
	checked(oc_machine_process_start(m, 1, 0, 0), "process_start");
	return m;
}

static void bench_samples(void)
{
	struct oc_machine_opts opts = { .size = sizeof(opts), .memory_budget_bytes = 4 << 20 };
	struct oc_machine *m = machine_for_samples(NULL);

	measure(&(struct bench){ "add_sample_aggregated_hit", 2000000, run_add_aggregated, m });
	oc_machine_free(m);
	m = machine_for_samples(NULL);
	measure(&(struct bench){ "add_sample_timeline", 500000, run_add_timeline, m });
	measure(&(struct bench){ "each_sample", oc_machine_nr_samples(m), run_each, m });
	oc_machine_free(m);
	m = machine_for_samples(&opts);
	measure(&(struct bench){ "add_sample_spilled", 500000, run_add_timeline, m });
	measure(&(struct bench){ "each_sample_spilled", oc_machine_nr_samples(m), run_each, m });
	oc_machine_free(m);
}

int main(void)
{
	bench_interning();
	bench_resolving();
	bench_samples();
	return 0;
}
