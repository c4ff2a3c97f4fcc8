/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples handed out by time, whatever the order they were added in.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "export/sample_order.h"

#define SAMPLES_MAX 5000

struct seen {
	uint64_t times[SAMPLES_MAX];
	uint64_t values[SAMPLES_MAX];
	size_t nr;
	size_t stop_at; /* 0 = never */
};

static int see(void *arg, const struct oc_sample *sample)
{
	struct seen *seen = arg;

	cr_assert_lt(seen->nr, SAMPLES_MAX);
	seen->times[seen->nr] = sample->time_ns;
	seen->values[seen->nr++] = sample->value;
	return seen->nr == seen->stop_at ? -EINTR : 0;
}

/* The value of each sample is its position, so that equal times can be told apart. */
static struct oc_machine *machine(const uint64_t *times, size_t nr)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind kind = { .name = "cpu" };

	cr_assert_eq(oc_machine_add_kind(m, &kind), 1);
	for (size_t i = 0; i < nr; i++) {
		struct oc_sample sample = {
			.time_ns = times[i], .count = 1, .value = i, .kind = 1
		};

		cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
	}
	cr_assert_eq(oc_machine_finish(m), 0);
	return m;
}

static void check_sorted(const struct seen *seen, size_t nr)
{
	cr_assert_eq(seen->nr, nr);
	for (size_t i = 1; i < nr; i++) {
		cr_assert_leq(seen->times[i - 1], seen->times[i]);
		if (seen->times[i - 1] == seen->times[i])
			cr_assert_lt(seen->values[i - 1], seen->values[i]);
	}
}

Test(sample_order, any_window)
{
	static const size_t windows[] = { 0, 1, 2, 7, SAMPLES_MAX - 1, SAMPLES_MAX };
	static uint64_t times[SAMPLES_MAX];
	uint64_t random = 1;
	struct oc_machine *m;

	for (size_t i = 0; i < SAMPLES_MAX; i++) {
		random = random * 6364136223846793005 + 1442695040888963407;
		times[i] = 1 + (random >> 33) % 3000;
	}
	m = machine(times, SAMPLES_MAX);
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		static struct seen seen;
		struct sample_order order = { .fn = see, .arg = &seen, .window = windows[i] };

		memset(&seen, 0, sizeof(seen));
		cr_assert_eq(samples_by_time(m, &order), 0);
		check_sorted(&seen, SAMPLES_MAX);
	}
	oc_machine_free(m);
}

Test(sample_order, in_order_or_none)
{
	static const uint64_t times[] = { 5, 5, 6, 9 };
	struct oc_machine *m = machine(times, 4);
	struct seen seen = { 0 };
	struct sample_order order = { .fn = see, .arg = &seen };

	cr_assert_eq(samples_by_time(m, &order), 0);
	check_sorted(&seen, 4);
	oc_machine_free(m);
	m = machine(times, 0);
	seen.nr = 0;
	cr_assert_eq(samples_by_time(m, &order), 0);
	cr_assert_eq(seen.nr, 0);
	oc_machine_free(m);
}

Test(sample_order, stops)
{
	static const uint64_t orders[][3] = { { 1, 2, 3 }, { 3, 2, 1 } };

	for (size_t i = 0; i < 2; i++) {
		struct oc_machine *m = machine(orders[i], 3);
		struct seen seen = { .stop_at = 2 };
		struct sample_order order = { .fn = see, .arg = &seen, .window = 1 };

		cr_assert_eq(samples_by_time(m, &order), -EINTR);
		cr_assert_eq(seen.nr, 2);
		oc_machine_free(m);
	}
}

static uint64_t reversed(void *arg, const struct oc_sample *sample)
{
	(void)arg;
	return 100 - sample->time_ns;
}

Test(sample_order, time_of)
{
	static const uint64_t times[] = { 1, 2, 3 };
	struct oc_machine *m = machine(times, 3);
	struct seen seen = { 0 };
	struct sample_order order = { .time_of = reversed, .fn = see, .arg = &seen };

	cr_assert_eq(samples_by_time(m, &order), 0);
	check_sorted(&seen, 3);
	cr_assert_eq(seen.times[0], 97, "the time is handed out");
	cr_assert_eq(seen.values[0], 2);
	oc_machine_free(m);
}
