/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * export/: mappings over time, inheritance by fork, and what addresses resolve to.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <onecollect/machine.h>

#include "machine_parts.h"

static oc_module_id add_module(struct oc_machine *m, enum oc_module_type type, const char *path)
{
	struct oc_module module = { .type = type, .path = intern(m, path) };

	return must(oc_machine_add_module(m, &module));
}

static oc_mapping_id map(struct oc_machine *m, oc_process_id p, oc_module_id module, uint64_t start,
			 uint64_t end, uint64_t time_ns)
{
	const struct oc_mapping mapping = {
		.process = p,
		.module = module,
		.start = start,
		.end = end,
		.file_offset = start & 0xfff000,
		.since_ns = time_ns,
	};
	int64_t id = oc_machine_add_mapping(m, &mapping);

	cr_assert_gt(id, 0);
	return (oc_mapping_id)id;
}

static oc_module_id module_at(const struct oc_machine *m, oc_process_id p, uint64_t address,
			      uint64_t time_ns)
{
	const struct oc_mapping *mapping =
		oc_machine_mapping(m, oc_machine_find_mapping(m, p, address, time_ns));

	return mapping ? mapping->module : 0;
}

/* ---- mappings ---- */

Test(mappings, errors)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0);
	oc_module_id a = add_module(m, OC_MODULE_FILE, "/a");
	struct oc_mapping mapping = { .process = p, .module = a, .start = 5, .end = 5 };

	cr_assert_eq(oc_machine_add_mapping(m, &mapping), -EINVAL);
	mapping.end = 4;
	cr_assert_eq(oc_machine_add_mapping(m, &mapping), -EINVAL);
	mapping.end = 6;
	mapping.process = 9;
	cr_assert_eq(oc_machine_add_mapping(m, &mapping), -EINVAL);
	mapping.process = p;
	mapping.module = 9;
	cr_assert_eq(oc_machine_add_mapping(m, &mapping), -EINVAL);
	mapping.module = 0;
	cr_assert_eq(oc_machine_add_mapping(m, &mapping), -EINVAL);
	cr_assert_eq(oc_machine_remove_mapping(m, 9, 0, 1, 0), -EINVAL);
	cr_assert_eq(oc_machine_remove_mapping(m, p, 1, 1, 0), -EINVAL);
	cr_assert_eq(oc_machine_remove_mapping(m, p, 0, UINT64_MAX, 0), 0, "nothing is there");
	cr_assert_eq(oc_machine_nr_mappings(m), 0);
	cr_assert_null(oc_machine_mapping(m, 0));
	cr_assert_eq(oc_machine_find_mapping(m, 9, 5, 0), 0);
	oc_machine_free(m);
}

Test(mappings, identical_is_the_same)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0);
	oc_module_id a = add_module(m, OC_MODULE_FILE, "/a");
	oc_mapping_id id = map(m, p, a, 0x1000, 0x2000, 5);

	cr_assert_eq(map(m, p, a, 0x1000, 0x2000, 9), id);
	cr_assert_eq(oc_machine_mapping(m, id)->until_ns, UINT64_MAX);
	cr_assert_eq(oc_machine_remove_mapping(m, p, 0x1000, 0x2000, 10), 0);
	cr_assert_neq(map(m, p, a, 0x1000, 0x2000, 11), id, "it ended, so this is another one");
	oc_machine_free(m);
}

Test(mappings, the_newest_splits_older_ones)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0);
	oc_module_id a = add_module(m, OC_MODULE_FILE, "/a"),
		     b = add_module(m, OC_MODULE_FILE, "/b");
	oc_mapping_id whole = map(m, p, a, 0x10000, 0x20000, 10);
	oc_mapping_id middle = map(m, p, b, 0x14000, 0x15000, 20);
	const struct oc_mapping *part;

	cr_assert_eq(oc_machine_mapping(m, whole)->until_ns, 20);
	cr_assert_eq(oc_machine_find_mapping(m, p, 0x14000, 19), whole);
	cr_assert_eq(oc_machine_find_mapping(m, p, 0x14000, 20), middle);
	cr_assert_eq(oc_machine_find_mapping(m, p, 0x14fff, 20), middle);
	part = oc_machine_mapping(m, oc_machine_find_mapping(m, p, 0x13fff, 20));
	cr_assert_eq(part->module, a);
	cr_assert_eq(part->start, 0x10000);
	cr_assert_eq(part->end, 0x14000);
	cr_assert_eq(part->file_offset, 0x10000);
	cr_assert_eq(part->since_ns, 20);
	cr_assert_eq(part->until_ns, UINT64_MAX);
	part = oc_machine_mapping(m, oc_machine_find_mapping(m, p, 0x15000, 20));
	cr_assert_eq(part->start, 0x15000);
	cr_assert_eq(part->end, 0x20000);
	cr_assert_eq(part->file_offset, 0x15000, "the same byte of the file at the same address");
	cr_assert_eq(oc_machine_find_mapping(m, p, 0x20000, 20), 0);
	cr_assert_eq(oc_machine_find_mapping(m, p, 0xffff, 20), 0);
	cr_assert_eq(oc_machine_find_mapping(m, p, 0x14000, 9), 0);
	oc_machine_free(m);
}

Test(mappings, the_ends_of_the_address_space)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0);
	oc_module_id a = add_module(m, OC_MODULE_FILE, "/a"),
		     b = add_module(m, OC_MODULE_FILE, "/b");

	map(m, p, a, 0, UINT64_MAX, 1);
	cr_assert_eq(module_at(m, p, 0, 1), a);
	cr_assert_eq(module_at(m, p, UINT64_MAX - 1, 1), a);
	cr_assert_eq(module_at(m, p, UINT64_MAX, 1), 0, "the end is exclusive");
	map(m, p, b, 0, 1, 2);
	map(m, p, b, UINT64_MAX - 1, UINT64_MAX, 2);
	cr_assert_eq(module_at(m, p, 0, 2), b);
	cr_assert_eq(module_at(m, p, 1, 2), a);
	cr_assert_eq(module_at(m, p, UINT64_MAX - 1, 2), b);
	cr_assert_eq(oc_machine_remove_mapping(m, p, 0, UINT64_MAX, 3), 0);
	cr_assert_eq(module_at(m, p, 5, 3), 0);
	cr_assert_eq(module_at(m, p, 5, 2), a);
	oc_machine_free(m);
}

Test(mappings, late_times_count_as_the_last_change)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 100);
	oc_module_id a = add_module(m, OC_MODULE_FILE, "/a"),
		     b = add_module(m, OC_MODULE_FILE, "/b");
	oc_mapping_id first = map(m, p, a, 0x1000, 0x2000, 50), second;

	cr_assert_eq(oc_machine_mapping(m, first)->since_ns, 100,
		     "nothing is mapped before the start");
	map(m, p, a, 0x3000, 0x4000, 200);
	second = map(m, p, b, 0x1000, 0x2000, 150);
	cr_assert_eq(oc_machine_mapping(m, second)->since_ns, 200);
	cr_assert_eq(module_at(m, p, 0x1000, 199), a);
	cr_assert_eq(module_at(m, p, 0x1000, 200), b);
	oc_machine_free(m);
}

Test(mappings, the_kernel_is_in_every_process)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0);
	oc_module_id kernel = add_module(m, OC_MODULE_KERNEL, "[kernel]");
	oc_mapping_id id = map(m, 0, kernel, 0xffffffff81000000, 0xffffffffc0000000, 0);

	cr_assert_eq(oc_machine_find_mapping(m, p, 0xffffffff81000001, 5), id);
	cr_assert_eq(oc_machine_find_mapping(m, 0, 0xffffffff81000001, 5), id);
	cr_assert_eq(oc_machine_find_mapping(m, 0, 0x1000, 5), 0);
	oc_machine_free(m);
}

Test(mappings, exec_begins_empty)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0), image;
	oc_module_id a = add_module(m, OC_MODULE_FILE, "/a");

	map(m, p, a, 0x1000, 0x2000, 1);
	image = (oc_process_id)oc_machine_process_exec(m, 1, 5, 0);
	cr_assert_eq(module_at(m, image, 0x1000, 5), 0);
	cr_assert_eq(module_at(m, p, 0x1000, 5), a, "the old image keeps what it had");
	oc_machine_free(m);
}

Test(mappings, fork_inherits_the_moment)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id parent = start_process(m, 1, 0, 0), child, late;
	oc_module_id a = add_module(m, OC_MODULE_FILE, "/a"),
		     b = add_module(m, OC_MODULE_FILE, "/b");
	oc_mapping_id inherited;

	inherited = map(m, parent, a, 0x1000, 0x2000, 0);
	child = start_process(m, 2, parent, 10);
	map(m, parent, b, 0x1000, 0x2000, 10);
	late = start_process(m, 3, parent, 5);
	cr_assert_eq(module_at(m, child, 0x1000, 10), a, "what the parent does later is its own");
	cr_assert_eq(module_at(m, child, 0x1000, 1000), a);
	cr_assert_eq(module_at(m, parent, 0x1000, 10), b);
	cr_assert_eq(module_at(m, late, 0x1000, 1000), a,
		     "told late, but it began before the change");
	map(m, child, b, 0x1800, 0x3000, 20);
	cr_assert_eq(module_at(m, child, 0x17ff, 20), a);
	cr_assert_eq(module_at(m, child, 0x1800, 20), b);
	cr_assert_eq(module_at(m, late, 0x1800, 20), a);
	cr_assert_eq(oc_machine_mapping(m, inherited)->until_ns, 10,
		     "it ended in the process that owns it");
	cr_assert_eq(module_at(m, child, 0x1000, 9), 0, "not born yet");
	oc_machine_free(m);
}

Test(mappings, a_chain_of_100000_forks)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_module_id a = add_module(m, OC_MODULE_FILE, "/a"),
		     b = add_module(m, OC_MODULE_FILE, "/b");
	oc_process_id p = start_process(m, 1, 0, 0);
	size_t before;

	for (uint64_t i = 0; i < 100; i++)
		map(m, p, a, i << 16, (i << 16) + 0x8000, 1);
	before = oc_machine_memory(m);
	for (uint32_t i = 0; i < 100000; i++)
		p = start_process(m, 2 + i, p, 2 + (uint64_t)i);
	cr_assert_lt(oc_machine_memory(m) - before, 100000 * 256ul,
		     "a fork costs its own record only");
	cr_assert_eq(module_at(m, p, 50 << 16, UINT64_MAX - 1), a);
	map(m, p, b, 50 << 16, (50 << 16) + 1, 200000);
	cr_assert_eq(module_at(m, p, 50 << 16, 200000), b);
	cr_assert_eq(module_at(m, p - 1, 50 << 16, 200000), a);
	oc_machine_free(m);
}

/* ---- mappings against a model that is too simple to be wrong ---- */

#define MODEL_PROCESSES 6
#define MODEL_PAGES     64
#define MODEL_TIMES     400

/* For each moment and page: the module there, or 0, and the offset of the page in it. */
struct model {
	oc_module_id module[MODEL_PROCESSES][MODEL_TIMES][MODEL_PAGES];
	uint64_t offset[MODEL_PROCESSES][MODEL_TIMES][MODEL_PAGES];
	uint64_t born[MODEL_PROCESSES];
};

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*state >> 33);
}

/* Maps, or with module 0 unmaps, pages [start, end). */
static void model_set(struct model *model, const struct oc_mapping *mapping)
{
	uint32_t p = mapping->process - 1;

	for (uint64_t t = mapping->since_ns; t < MODEL_TIMES; t++) {
		for (uint64_t page = mapping->start; page < mapping->end; page++) {
			model->module[p][t][page] = mapping->module;
			model->offset[p][t][page] = mapping->file_offset + (page - mapping->start);
		}
	}
}

static void model_fork(struct model *model, uint32_t parent, uint32_t child, uint64_t time_ns)
{
	model->born[child] = time_ns;
	for (uint64_t t = time_ns; t < MODEL_TIMES; t++) {
		memcpy(model->module[child][t], model->module[parent][time_ns],
		       sizeof(model->module[0][0]));
		memcpy(model->offset[child][t], model->offset[parent][time_ns],
		       sizeof(model->offset[0][0]));
	}
}

static void expect_model(const struct oc_machine *m, const struct model *model, uint32_t p,
			 uint64_t time_ns, uint32_t page)
{
	const struct oc_mapping *found =
		oc_machine_mapping(m, oc_machine_find_mapping(m, p + 1, page, time_ns));
	oc_module_id want = time_ns < model->born[p] ? 0 : model->module[p][time_ns][page];

	cr_assert_eq(found ? found->module : 0, want, "process %u, time %llu, page %u", p,
		     (unsigned long long)time_ns, page);
	if (found) {
		cr_assert_eq(found->file_offset + (page - found->start),
			     model->offset[p][time_ns][page]);
		cr_assert(page >= found->start && page < found->end);
		cr_assert_geq(time_ns, found->since_ns);
		if (found->process == p + 1)
			cr_assert_lt(time_ns, found->until_ns);
	}
}

static void change_randomly(struct oc_machine *m, struct model *model, uint64_t *random, uint32_t p,
			    uint64_t time_ns)
{
	uint32_t first = next_random(random) % MODEL_PAGES;
	uint32_t last = first + 1 + next_random(random) % (MODEL_PAGES - first);
	struct oc_mapping mapping = {
		.process = p + 1, .start = first, .end = last, .since_ns = time_ns
	};

	if (next_random(random) % 4)
		last = first + (last - first + 7) / 8;
	mapping.end = last;
	if (next_random(random) % 4 == 0) {
		const struct oc_mapping *next =
			oc_machine_mapping(m, oc_machine_next_mapping(m, p + 1, first));

		/* Often exactly what was mapped, as programs do. */
		if (next && next_random(random) % 2) {
			mapping.start = first = (uint32_t)next->start;
			mapping.end = last = (uint32_t)next->end;
		}
		cr_assert_eq(oc_machine_remove_mapping(m, p + 1, first, last, time_ns), 0);
		model_set(model, &mapping);
		return;
	}
	mapping.module = 1 + next_random(random) % 3;
	mapping.file_offset = next_random(random) % 3 * 100;
	cr_assert_gt(oc_machine_add_mapping(m, &mapping), 0);
	model_set(model, &mapping);
}

static void run_model(uint64_t seed, struct model *model)
{
	struct oc_machine *m = oc_machine_new(NULL);
	uint64_t random = seed;
	uint32_t nr = 1;

	memset(model, 0, sizeof(*model));
	add_module(m, OC_MODULE_FILE, "/a");
	add_module(m, OC_MODULE_FILE, "/b");
	add_module(m, OC_MODULE_FILE, "/c");
	start_process(m, 1, 0, 0);
	for (uint64_t t = 0; t < MODEL_TIMES; t++) {
		for (uint32_t i = next_random(&random) % 4; i; i--)
			change_randomly(m, model, &random, next_random(&random) % nr, t);
		if (nr < MODEL_PROCESSES && next_random(&random) % 40 == 0) {
			uint32_t parent = next_random(&random) % nr;

			start_process(m, nr + 1, parent + 1, t);
			model_fork(model, parent, nr++, t);
			change_randomly(m, model, &random, parent, t);
		}
		for (uint32_t page = 0; page < MODEL_PAGES; page++)
			expect_model(m, model, next_random(&random) % nr, t, page);
	}
	for (uint32_t p = 0; p < nr; p++) {
		for (uint64_t t = 0; t < MODEL_TIMES; t++) {
			for (uint32_t page = 0; page < MODEL_PAGES; page++)
				expect_model(m, model, p, t, page);
		}
	}
	oc_machine_free(m);
}

Test(mappings, random_changes_against_a_model)
{
	struct model *model = malloc(sizeof(*model));

	cr_assert_not_null(model);
	for (uint64_t seed = 1; seed <= 8; seed++)
		run_model(seed, model);
	free(model);
}

/* Thousands of mappings in every order, one by one and all at once, so that the tree has to turn in every way. */
Test(mappings, many_in_rising_falling_and_mixed_order)
{
	enum { NR = 4096 };

	for (uint32_t order = 0; order < 6; order++) {
		struct oc_machine *m = oc_machine_new(NULL);
		oc_process_id p = start_process(m, 1, 0, 0);
		oc_module_id a = add_module(m, OC_MODULE_FILE, "/a");

		for (uint64_t i = 0; i < NR; i++) {
			uint64_t at = order % 3 == 0   ? i
				      : order % 3 == 1 ? NR - 1 - i
						       : i * 2654435761u % NR;

			map(m, p, a, at << 12, (at << 12) + 0x800, order < 3 ? i : 0);
		}
		for (uint64_t i = 0; i < NR; i++) {
			cr_assert_eq(module_at(m, p, (i << 12) + 0x7ff, NR), a);
			cr_assert_eq(module_at(m, p, (i << 12) + 0x800, NR), 0);
		}
		cr_assert_eq(oc_machine_remove_mapping(m, p, 0, UINT64_MAX, NR), 0);
		cr_assert_eq(module_at(m, p, 0x1000, NR), 0);
		cr_assert_eq(module_at(m, p, 0x1000, NR - 1), a);
		cr_assert_eq(oc_machine_nr_mappings(m), NR);
		oc_machine_free(m);
	}
}

/* Each of thousands is removed in every order, at one moment and at a moment each; the past stays as it was. */
Test(mappings, removed_one_by_one)
{
	enum { NR = 2048 };

	for (uint32_t order = 0; order < 6; order++) {
		struct oc_machine *m = oc_machine_new(NULL);
		oc_process_id p = start_process(m, 1, 0, 0);
		oc_module_id a = add_module(m, OC_MODULE_FILE, "/a");

		for (uint64_t i = 0; i < NR; i++)
			map(m, p, a, i << 12, (i << 12) + 0x800, 0);
		for (uint64_t i = 0; i < NR; i++) {
			uint64_t at = order % 3 == 0   ? i
				      : order % 3 == 1 ? NR - 1 - i
						       : i * 2654435761u % NR;
			uint64_t time = order < 3 ? i + 1 : 1;

			cr_assert_eq(oc_machine_remove_mapping(m, p, at << 12, (at << 12) + 0x800,
							       time),
				     0);
			cr_assert_eq(module_at(m, p, at << 12, time), 0);
			cr_assert_eq(module_at(m, p, at << 12, time - 1), a);
		}
		cr_assert_eq(oc_machine_next_mapping(m, p, 0), 0);
		for (uint64_t i = 0; i < NR; i++)
			cr_assert_eq(module_at(m, p, i << 12, 0), a);
		cr_assert_eq(oc_machine_nr_mappings(m), NR);
		oc_machine_free(m);
	}
}

/* ---- callstacks and resolving ---- */

static oc_callstack_id intern_stack(struct oc_machine *m, const uint64_t *addresses, uint32_t nr,
				    uint32_t nr_kernel)
{
	int64_t id = oc_machine_intern_callstack(m, addresses, nr, nr_kernel);

	cr_assert_gt(id, 0);
	return (oc_callstack_id)id;
}

static oc_stack_id resolve(struct oc_machine *m, oc_process_id p, oc_callstack_id id)
{
	int64_t stack = oc_machine_resolve(m, p, id);

	cr_assert_gt(stack, 0);
	return (oc_stack_id)stack;
}

static const struct oc_location *frame(const struct oc_machine *m, oc_stack_id stack, uint32_t i)
{
	uint32_t nr;
	const oc_location_id *ids = oc_machine_stack(m, stack, &nr);

	cr_assert_lt(i, nr);
	return oc_machine_location(m, ids[i]);
}

Test(resolve, callstacks_are_interned)
{
	struct oc_machine *m = oc_machine_new(NULL);
	uint64_t addresses[OC_STACK_FRAMES_MAX + 1] = { 1, 2, 3 };
	oc_callstack_id id = intern_stack(m, addresses, 3, 1);
	const uint64_t *kept;
	uint32_t nr, nr_kernel;

	cr_assert_eq(intern_stack(m, addresses, 3, 1), id);
	cr_assert_neq(intern_stack(m, addresses, 3, 0), id, "where the kernel ends is part of it");
	cr_assert_neq(intern_stack(m, addresses, 2, 1), id);
	cr_assert_eq(oc_machine_intern_callstack(m, addresses, 0, 0), 0);
	cr_assert_eq(oc_machine_intern_callstack(m, addresses, 3, 4), -EINVAL);
	cr_assert_eq(oc_machine_intern_callstack(m, addresses, OC_STACK_FRAMES_MAX + 1, 0),
		     -EINVAL);
	cr_assert_gt(oc_machine_intern_callstack(m, addresses, OC_STACK_FRAMES_MAX, 0), 0);
	addresses[0] = 99;
	kept = oc_machine_callstack(m, id, &nr, &nr_kernel);
	cr_assert_eq(nr, 3);
	cr_assert_eq(nr_kernel, 1);
	cr_assert_eq(kept[0], 1);
	cr_assert_null(oc_machine_callstack(m, 0, &nr, &nr_kernel));
	cr_assert_eq(nr, 0);
	cr_assert_null(oc_machine_stack(m, 0, &nr));
	cr_assert_null(oc_machine_location(m, 0));
	oc_machine_free(m);
}

Test(resolve, return_addresses_are_lowered)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0);
	oc_module_id a = add_module(m, OC_MODULE_FILE, "/a"),
		     b = add_module(m, OC_MODULE_FILE, "/b");
	oc_module_id kernel = add_module(m, OC_MODULE_KERNEL, "[kernel]");
	const uint64_t addresses[] = { 0xffff0010, 0xffff0020, 0x401000, 0x402000, 0 };
	oc_mapping_id mapping;
	oc_stack_id stack;

	map(m, 0, kernel, 0xffff0000, 0xffffffff, 0);
	mapping = map(m, p, a, 0x401000, 0x402000, 0);
	map(m, p, b, 0x402000, 0x403000, 0);
	stack = resolve(m, p, intern_stack(m, addresses, 5, 2));
	cr_assert_eq(frame(m, stack, 0)->module, kernel);
	cr_assert_eq(frame(m, stack, 0)->offset, 0xffff0010,
		     "the leaf is exact, kernel offsets are addresses");
	cr_assert_eq(frame(m, stack, 1)->offset, 0xffff001f);
	cr_assert_eq(frame(m, stack, 2)->address, 0x401000, "the first user frame is exact too");
	cr_assert_eq(frame(m, stack, 2)->offset, 0x401000 & 0xfff000);
	cr_assert_eq(frame(m, stack, 2)->mapping, mapping);
	cr_assert_eq(frame(m, stack, 3)->module, a,
		     "a call at the very end of a mapping is in that mapping");
	cr_assert_eq(frame(m, stack, 3)->address, 0x401fff);
	cr_assert_eq(frame(m, stack, 4)->address, 0, "nothing lies below 0");
	cr_assert_eq(oc_machine_module(m, frame(m, stack, 4)->module)->type, OC_MODULE_UNKNOWN);
	oc_machine_free(m);
}

Test(resolve, locations_are_shared_by_processes)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0), q = start_process(m, 2, 0, 0);
	oc_module_id a = add_module(m, OC_MODULE_FILE, "/a");
	struct oc_mapping at = {
		.process = p, .module = a, .start = 0x1000, .end = 0x2000, .file_offset = 0x500
	};
	const uint64_t in_p = 0x1100, in_q = 0x9100;

	cr_assert_gt(oc_machine_add_mapping(m, &at), 0);
	at.process = q;
	at.start = 0x9000;
	at.end = 0xa000;
	cr_assert_gt(oc_machine_add_mapping(m, &at), 0);
	cr_assert_eq(resolve(m, p, intern_stack(m, &in_p, 1, 0)),
		     resolve(m, q, intern_stack(m, &in_q, 1, 0)));
	cr_assert_eq(frame(m, 1, 0)->offset, 0x600);
	cr_assert_eq(oc_machine_nr_locations(m), 1);
	cr_assert_eq(oc_machine_nr_stacks(m), 1);
	oc_machine_free(m);
}

Test(resolve, unknown_addresses_belong_to_their_process)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0), q = start_process(m, 2, 0, 0);
	const uint64_t addresses[] = { 0xffff0010, 0x1234 };
	oc_callstack_id id = intern_stack(m, addresses, 2, 1);
	const struct oc_location *user, *kernel;

	cr_assert_neq(resolve(m, p, id), resolve(m, q, id));
	kernel = frame(m, 1, 0);
	user = frame(m, 1, 1);
	cr_assert_eq(oc_machine_module(m, user->module)->type, OC_MODULE_UNKNOWN);
	cr_assert_eq(oc_machine_module(m, user->module)->process, p);
	cr_assert_eq(user->mapping, 0);
	cr_assert_eq(user->offset, 0x1234);
	cr_assert_eq(oc_machine_module(m, kernel->module)->process, 0);
	cr_assert_eq(oc_machine_resolve(m, 9, id), -EINVAL);
	cr_assert_eq(oc_machine_resolve(m, p, 9), -EINVAL);
	cr_assert_eq(oc_machine_resolve(m, p, 0), 0);
	cr_assert_eq(oc_machine_resolve(m, 9, 0), -EINVAL);
	oc_machine_free(m);
}

Test(resolve, changes_of_the_layout_are_seen)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0), q;
	oc_module_id a = add_module(m, OC_MODULE_FILE, "/a"),
		     b = add_module(m, OC_MODULE_FILE, "/b");
	const uint64_t address = 0x1100;
	oc_callstack_id id = intern_stack(m, &address, 1, 0);
	oc_stack_id unknown = resolve(m, p, id), in_a, in_b;

	map(m, p, a, 0x1000, 0x2000, 1);
	in_a = resolve(m, p, id);
	cr_assert_neq(in_a, unknown, "what was unknown is mapped now");
	q = start_process(m, 2, p, 2);
	map(m, p, b, 0x1000, 0x1200, 3);
	in_b = resolve(m, p, id);
	cr_assert_eq(frame(m, in_b, 0)->module, b);
	cr_assert_eq(resolve(m, q, id), in_a, "the child has what its parent had");
	cr_assert_eq(oc_machine_remove_mapping(m, p, 0x1000, 0x2000, 4), 0);
	cr_assert_eq(resolve(m, p, id), unknown);
	map(m, p, a, 0x1000, 0x2000, 5);
	cr_assert_eq(resolve(m, p, id), in_a);
	oc_machine_free(m);
}

Test(resolve, changes_of_the_kernel_are_seen)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0);
	oc_module_id kernel = add_module(m, OC_MODULE_KERNEL, "[kernel]");
	const uint64_t address = 0xffff0010;
	oc_callstack_id id = intern_stack(m, &address, 1, 1);

	cr_assert_neq(frame(m, resolve(m, p, id), 0)->module, kernel);
	map(m, 0, kernel, 0xffff0000, 0xffffffff, 1);
	cr_assert_eq(frame(m, resolve(m, p, id), 0)->module, kernel);
	oc_machine_free(m);
}

Test(resolve, user_frames_never_become_kernel_frames)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0);
	oc_module_id kernel = add_module(m, OC_MODULE_KERNEL, "[kernel]");
	oc_module_id a = add_module(m, OC_MODULE_FILE, "/a");
	const uint64_t addresses[] = { 0x1000, 0xffff0010 };

	map(m, 0, kernel, 0xffff0000, 0xffffffff, 1);
	map(m, p, a, 0x1000, 0x2000, 1);
	cr_assert_neq(frame(m, resolve(m, p, intern_stack(m, addresses, 2, 0)), 1)->module, kernel);
	cr_assert_neq(frame(m, resolve(m, p, intern_stack(m, addresses, 2, 2)), 0)->module, a);
	oc_machine_free(m);
}

/* More pages without a mapping than are remembered one by one. */
Test(mappings, going_through_all)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0), q;
	oc_module_id a = add_module(m, OC_MODULE_FILE, "/a");
	uint64_t random = 3, at = 0, nr = 0, want = 0;
	oc_mapping_id id;

	cr_assert_eq(oc_machine_next_mapping(m, p, 0), 0);
	for (uint64_t t = 1; t < 500; t++) {
		uint64_t start = next_random(&random) % 512 << 12;

		if (next_random(&random) % 4)
			map(m, p, a, start, start + 0x1000 * (1 + next_random(&random) % 4), t);
		else
			cr_assert_eq(oc_machine_remove_mapping(m, p, start, start + 0x3000, t), 0);
	}
	q = start_process(m, 2, p, 600);
	for (uint64_t page = 0; page < 516; page++) {
		id = oc_machine_find_mapping(m, q, page << 12, UINT64_MAX - 1);
		want += id && oc_machine_mapping(m, id)->start == page << 12;
	}
	while ((id = oc_machine_next_mapping(m, q, at))) {
		const struct oc_mapping *mapping = oc_machine_mapping(m, id);

		cr_assert(mapping->start >= at && mapping->end > at);
		at = mapping->end;
		nr++;
	}
	cr_assert_eq(nr, want);
	cr_assert_gt(nr, 20);
	cr_assert_eq(oc_machine_next_mapping(m, 99, 0), 0);
	oc_machine_free(m);
}

Test(resolve, many_unknown_pages)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0);
	oc_module_id a = add_module(m, OC_MODULE_FILE, "/a");

	for (uint64_t i = 5000; i > 0; i--) {
		uint64_t address = i << 20;

		resolve(m, p, intern_stack(m, &address, 1, 0));
	}
	for (uint64_t i = 1; i <= 5000; i += 7) {
		uint64_t address = i << 20;

		map(m, p, a, address, address + 0x1000, i);
		cr_assert_eq(frame(m, resolve(m, p, intern_stack(m, &address, 1, 0)), 0)->module,
			     a);
	}
	oc_machine_free(m);
}

Test(resolve, random_layouts_against_find_mapping)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0);
	uint64_t random = 7;

	add_module(m, OC_MODULE_FILE, "/a");
	add_module(m, OC_MODULE_FILE, "/b");
	for (uint64_t t = 0; t < 3000; t++) {
		uint64_t at = next_random(&random) % 64 << 10,
			 size = next_random(&random) % 8192 + 1;

		if (next_random(&random) % 3)
			map(m, p, 1 + next_random(&random) % 2, at, at + size, t);
		else
			cr_assert_eq(oc_machine_remove_mapping(m, p, at, at + size, t), 0);
		for (uint32_t i = 0; i < 20; i++) {
			uint64_t address = next_random(&random) % 64 << 10;
			oc_stack_id stack = resolve(m, p, intern_stack(m, &address, 1, 0));
			oc_module_id want = module_at(m, p, address, t);

			if (want)
				cr_assert_eq(frame(m, stack, 0)->module, want);
			else
				cr_assert_eq(frame(m, stack, 0)->mapping, 0);
		}
	}
	oc_machine_free(m);
}
