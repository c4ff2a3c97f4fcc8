/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * src/recording_core.h: what a recording is on each operating system.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "base/clock.h"
#include "recording_core.h"

#define HOUR_NS 3600000000000ULL

static struct recording_core opened(void)
{
	const struct oc_symbolizer_opts opts = { .size = sizeof(opts) };
	struct recording_core core = { 0 };

	recording_core_init(&core);
	cr_assert_eq(recording_core_open(&core, 1 << 20, &opts, NULL), 0);
	return core;
}

Test(recording_core, ends_when_the_time_is_over)
{
	struct recording_core core = { .start_ns = clock_monotonic_ns() };

	cr_assert(!recording_core_is_over(&core), "there is no end");
	cr_assert_eq(recording_core_wait_ms(&core), RECORDING_POLL_MS);
	core.duration_ns = HOUR_NS;
	cr_assert(!recording_core_is_over(&core));
	cr_assert_eq(recording_core_wait_ms(&core), RECORDING_POLL_MS);
	core.start_ns -= HOUR_NS;
	cr_assert(recording_core_is_over(&core));
	cr_assert_eq(recording_core_wait_ms(&core), 0);
}

Test(recording_core, a_second_wish_to_stop_gives_it_up)
{
	struct recording_core core = { 0 };
	struct oc_error err = { 0 };

	core.stop_requests = 1;
	cr_assert(recording_core_is_over(&core));
	cr_assert(!recording_core_is_given_up(&core));
	cr_assert_eq(recording_core_end(&core, &err), 0);
	core.stop_requests = 2;
	cr_assert(recording_core_is_given_up(&core));
	cr_assert_eq(recording_core_end(&core, &err), -EINTR);
	cr_assert_neq(err.message[0], '\0');
}

static int on_progress(void *arg, const struct oc_recording_progress *progress)
{
	*(struct oc_recording_progress *)arg = *progress;
	return progress->samples > 5;
}

Test(recording_core, tells_those_who_ask)
{
	struct recording_core core = { .start_ns = clock_monotonic_ns() - HOUR_NS };
	struct oc_recording_progress told = { 0 };

	cr_assert(!recording_core_tell(&core, (struct oc_recording_progress){ .samples = 7 }));
	core.on_progress = on_progress;
	core.progress_arg = &told;
	cr_assert(!recording_core_tell(&core, (struct oc_recording_progress){ .samples = 5 }));
	cr_assert_eq(told.samples, 5);
	cr_assert_geq(told.elapsed_ns, HOUR_NS);
	cr_assert(recording_core_tell(&core, (struct oc_recording_progress){ .samples = 6 }));
}

Test(recording_core, says_what_recorded)
{
	struct recording_core core = opened();
	struct oc_recording_info info = { 0 };

	recording_core_sign(&core, &info, "bpf", NULL);
	cr_assert_eq(info.command, 0);
	cr_assert_not_null(strstr(oc_machine_string(core.machine, info.tool, NULL), "(bpf)"));
	recording_core_sign(&core, &info, "bpf", "record-trace -d 1");
	cr_assert_str_eq(oc_machine_string(core.machine, info.command, NULL), "record-trace -d 1");
	recording_core_done(&core);
}

Test(recording_core, knows_its_costs)
{
	struct recording_core core = opened();
	const struct oc_ledger_self *cost = &oc_machine_ledger(core.machine)->self;

	core.stop_ns = clock_monotonic_ns();
	recording_core_fill_cost(&core, core.called_ns + 2500000);
	cr_assert_float_eq(cost->start_ms, 2.5, 1e-9);
	cr_assert_geq(cost->user_s, 0);
	cr_assert_gt(cost->peak_rss_bytes, 0);
	cr_assert_geq(cost->stop_ms, 0);
	recording_core_done(&core);
}
