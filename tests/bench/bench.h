/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the microbenchmarks share: timing with a median of runs, one JSON line per result, and a made-up machine.
 * Included by the programs of this folder, which run.py starts.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <onecollect/machine.h>

#include "base/clock.h"

#define BENCH_RUNS 15

static inline uint64_t bench_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Ends the program when a call that cannot fail here did: a benchmark of errors is none. */
static inline int64_t bench_must(int64_t rc, const char *what)
{
	if (rc < 0) {
		fprintf(stderr, "%s: error %lld\n", what, (long long)rc);
		exit(1);
	}
	return rc;
}

static inline int bench_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Median over BENCH_RUNS calls, in nanoseconds per operation; fn does `nr` operations. The first run warms up. */
static inline double bench_ns(void (*fn)(void *arg), void *arg, uint64_t nr)
{
	double times[BENCH_RUNS];

	fn(arg);
	for (int i = 0; i < BENCH_RUNS; i++) {
		uint64_t start = clock_monotonic_ns();

		fn(arg);
		times[i] = (double)(clock_monotonic_ns() - start) / (double)nr;
	}
	qsort(times, BENCH_RUNS, sizeof(*times), bench_compare);
	return times[BENCH_RUNS / 2];
}

/* CPU time used so far, which other programs on the machine do not change as they do the time that passes. */
static inline double bench_cpu_ms(void)
{
	double user_s, system_s;

	clock_self_cpu(&user_s, &system_s);
	return (user_s + system_s) * 1e3;
}

/* budget 0 = none. */
static inline void bench_print(const char *name, double value, const char *unit, double budget)
{
	printf("{\"name\":\"%s\",\"value\":%.3f,\"unit\":\"%s\",\"budget\":", name, value, unit);
	if (budget > 0)
		printf("%.3f}\n", budget);
	else
		printf("null}\n");
}

/* A machine with one kind, one process and `nr_mappings` file mappings of 64 KiB, one after the other. */
#define BENCH_MAPPING_BYTES 65536
#define BENCH_FIRST_ADDRESS 0x7f0000000000

struct bench_machine {
	struct oc_machine *m;
	oc_kind_id kind;
	oc_process_id process;
};

static inline struct bench_machine bench_machine_new(uint32_t nr_mappings)
{
	struct bench_machine b = { .m = oc_machine_new(NULL) };
	struct oc_kind kind = { .name = "cpu", .period_ns = 1001001 };

	if (!b.m)
		bench_must(-1, "oc_machine_new");
	b.kind = (oc_kind_id)bench_must(oc_machine_add_kind(b.m, &kind), "kind");
	b.process = (oc_process_id)bench_must(oc_machine_process_start(b.m, 100, 0, 1), "process");
	for (uint32_t i = 0; i < nr_mappings; i++) {
		char path[64];
		struct oc_module module = { .type = OC_MODULE_FILE, .device = 1, .inode = i + 1 };
		struct oc_mapping mapping = {
			.process = b.process,
			.start = BENCH_FIRST_ADDRESS + (uint64_t)i * BENCH_MAPPING_BYTES,
			.end = BENCH_FIRST_ADDRESS + (uint64_t)(i + 1) * BENCH_MAPPING_BYTES,
			.since_ns = 1,
		};
		int len = snprintf(path, sizeof(path), "/usr/lib/library-%u.so", i);

		module.path = (oc_string_id)bench_must(oc_machine_intern(b.m, path, (size_t)len),
						       "string");
		mapping.module =
			(oc_module_id)bench_must(oc_machine_add_module(b.m, &module), "module");
		bench_must(oc_machine_add_mapping(b.m, &mapping), "mapping");
	}
	return b;
}

#endif
