/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples thread by thread: every batch size gives each thread's samples, once a round, by rising time.
 */
#include <criterion/criterion.h>

#include <limits.h>

#include "export/frames.h"
#include "export/thread_samples.h"
#include "sample_machine.h"

#define NR_THREADS 7
#define NR_SAMPLES 1000

struct seen {
	size_t nr_groups;
	uint64_t nr; /* samples of this round */
	uint64_t last_ns;
	uint64_t total;
	unsigned int round;
	uint64_t stop_after;
};

static int begin(void *arg, const struct thread_group *group)
{
	struct seen *seen = arg;

	cr_assert_gt(group->nr, 0);
	seen->nr_groups++;
	seen->round = UINT_MAX;
	return 0;
}

static int begin_round(void *arg, const struct thread_group *group, unsigned int round)
{
	struct seen *seen = arg;

	cr_assert_eq(round, seen->round + 1);
	if (round)
		cr_assert_eq(seen->nr, group->nr);
	seen->round = round;
	seen->nr = 0;
	seen->last_ns = 0;
	return 0;
}

static int see(void *arg, const struct thread_group *group, const struct oc_sample *sample)
{
	struct seen *seen = arg;

	cr_assert_eq(sample->thread, group->thread);
	cr_assert_eq(sample->kind, group->kind);
	cr_assert_geq(sample->time_ns, seen->last_ns);
	seen->last_ns = sample->time_ns;
	seen->nr++;
	return ++seen->total == seen->stop_after ? 7 : 0;
}

static int end(void *arg, const struct thread_group *group)
{
	cr_assert_eq(((struct seen *)arg)->nr, group->nr);
	return 0;
}

static int visit(struct thread_samples *ts, size_t batch, struct seen *seen)
{
	struct thread_visitor visitor = { 2, begin, begin_round, see, end, seen };

	ts->batch_samples = batch;
	return thread_samples_visit(ts, &visitor);
}

/* Threads of different weight; the samples of every second one come in falling order. */
static struct oc_machine *make_machine(void)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind cpu = { .name = "cpu", .period_ns = 1000 };
	struct oc_sample sample = { .count = 1, .value = 1 };

	sample.kind = (oc_kind_id)oc_machine_add_kind(m, &cpu);
	sample.process = (oc_process_id)oc_machine_process_start(m, 1, 0, 1);
	for (uint32_t i = 0; i < NR_SAMPLES; i++) {
		uint32_t thread = i * i % NR_THREADS;

		sample.thread = (oc_thread_id)oc_machine_add_thread(m, sample.process, 10 + thread);
		sample.time_ns = 5000 + (thread & 1 ? NR_SAMPLES - i : i);
		cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
	}
	cr_assert_eq(oc_machine_finish(m), 0);
	return m;
}

Test(thread_samples, every_batch_size_gives_the_same)
{
	static const size_t batches[] = { 1, 100, 300, NR_SAMPLES - 1, NR_SAMPLES, 1 << 20 };
	struct oc_machine *m = make_machine();
	struct thread_samples ts;

	cr_assert_eq(thread_samples_init(&ts, m), 0);
	for (size_t i = 1; i < ts.nr; i++)
		cr_assert_geq(ts.groups[i - 1].count, ts.groups[i].count, "heaviest first");
	for (size_t i = 0; i < sizeof(batches) / sizeof(*batches); i++) {
		struct seen seen = { 0 };

		cr_assert_eq(visit(&ts, batches[i], &seen), 0);
		cr_assert_eq(seen.nr_groups, ts.nr);
		cr_assert_eq(seen.total, 2 * NR_SAMPLES);
	}
	thread_samples_done(&ts);
	oc_machine_free(m);
}

Test(thread_samples, a_callback_stops_the_visit)
{
	struct oc_machine *m = make_machine();
	struct thread_samples ts;

	cr_assert_eq(thread_samples_init(&ts, m), 0);
	for (size_t batch = 1; batch <= NR_SAMPLES; batch *= 10) {
		struct seen seen = { .stop_after = 5 };

		cr_assert_eq(visit(&ts, batch, &seen), 7);
		cr_assert_eq(seen.total, 5);
	}
	thread_samples_done(&ts);
	oc_machine_free(m);
}

Test(thread_samples, groups_know_their_sums_and_titles)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TIMELINE | SAMPLE_TWO_KINDS);
	struct thread_samples ts;
	struct buffer title = BUFFER_INIT;

	cr_assert_eq(thread_samples_init(&ts, m), 0);
	cr_assert_eq(ts.nr, 5);
	cr_assert_eq(ts.groups[0].count, 41);
	cr_assert_eq(ts.groups[0].amount, 41 * SAMPLE_PERIOD_NS);
	cr_assert_eq(ts.groups[4].kind, 2);
	cr_assert_eq(ts.groups[4].amount, SAMPLE_FAULTS * 4096);
	thread_group_title(&title, m, &ts.groups[1]);
	cr_assert_str_eq(title.data, "cpu: server (100) work;er\\n1 (101)");
	buffer_done(&title);
	thread_samples_done(&ts);
	oc_machine_free(m);
}

Test(thread_samples, samples_keep_their_weight_on_the_axis)
{
	struct oc_machine *m = make_machine();
	struct thread_group group = { .kind = 1, .first_ns = 5000 };
	struct thread_axis axis = thread_axis_begin(m, &group);
	struct oc_sample sample = { .kind = 1, .count = 1 };
	static const struct {
		uint64_t time_ns, start;
		bool gap;
	} expected[] = {
		{ 5000, 0, false },    /* nothing is before the first */
		{ 5500, 1000, false }, /* sooner than a period later */
		{ 9000, 3000, true },
		{ 10000, 4000, false },
	};

	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		struct thread_stretch s;

		sample.time_ns = expected[i].time_ns;
		s = thread_axis_next(&axis, m, &sample);
		cr_assert_eq(s.start, expected[i].start, "%zu: %lu", i, s.start);
		cr_assert_eq(s.end, s.start + 1000);
		cr_assert_eq(s.gap, expected[i].gap);
	}
	oc_machine_free(m);
}

Test(frames, inlined_functions_are_unfolded_and_code_is_described)
{
	struct oc_machine *m = sample_machine_new(0);
	struct frame_list list = { 0 };
	struct frame_places places;
	bool found = false;

	cr_assert_eq(frame_places_init(&places, m), 0);
	for (oc_stack_id stack = 0; stack <= oc_machine_nr_stacks(m); stack++) {
		cr_assert_eq(frame_list_fill(&list, m, stack), 0);
		for (size_t i = 0; i < list.nr; i++) {
			uint32_t place = place_of(&places, &list.frames[i]);
			struct code code = code_describe(m, code_of(m, &list.frames[i]));

			cr_assert(place >= 1 && place <= places.nr);
			cr_assert_gt(code.name_len, 0);
			if (strcmp(code.name, "hot_loop"))
				continue;
			found = true;
			cr_assert_eq(list.nr, 3);
			cr_assert_eq(i, 2, "the innermost is last");
			cr_assert_eq(place + 1, place_of(&places, &list.frames[1]));
		}
	}
	cr_assert(found);
	cr_assert_eq(frame_list_fill(&list, m, 0), 0);
	cr_assert_str_eq(code_describe(m, code_of(m, list.frames)).name, "[no stack]");
	free(list.frames);
	free(places.first);
	oc_machine_free(m);
}
