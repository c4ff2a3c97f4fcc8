/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * src/recording_opts.h: what is refused, and that the copy is deep.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "recording_opts.h"

#define OPTS(...)                                                     \
	(struct oc_recording_opts)                                    \
	{                                                             \
		.size = sizeof(struct oc_recording_opts), __VA_ARGS__ \
	}

Test(recording_opts, defaults)
{
	struct oc_recording_opts opts = OPTS();
	struct recording_opts copy = { 0 };

	cr_assert_eq(recording_opts_copy(&copy, &opts, NULL), 0);
	cr_assert_eq(copy.collect.frequency_hz, 999);
	cr_assert_eq(copy.collect.nr_pids, 0);
	cr_assert(!copy.collect.timeline);
	cr_assert(copy.collect.kernel_stacks);
	cr_assert_gt(copy.memory_budget_bytes, 0);
	recording_opts_done(&copy);
}

Test(recording_opts, what_only_windows_has)
{
	const char *events[] = { "etw:01234567-89ab-cdef-0123-456789abcdef:1:5" };
	struct oc_recording_opts refused[] = { OPTS(.off_cpu = true),
					       OPTS(.events = events, .nr_events = 1),
					       OPTS(.etl_file = "x.etl") };
	struct recording_opts copy = { 0 };
	struct oc_error err = { 0 };

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		cr_assert_eq(recording_opts_copy(&copy, &refused[i], &err), -EOPNOTSUPP);
		cr_assert_not_null(strstr(err.message, "possible"));
	}
	recording_opts_done(&copy);
}

Test(recording_opts, copies_deeply)
{
	uint32_t pids[] = { (uint32_t)getpid(), (uint32_t)getpid() };
	uint32_t cpus[] = { 3, 1, 3 };
	char glob[] = "nginx*", cgroup[] = "/a", line[] = "record-trace", path[] = "/a;/b";
	const char *globs[] = { glob }, *paths[] = { path };
	struct oc_recording_opts opts =
		OPTS(.pids = pids, .nr_pids = 2, .cpus = cpus, .nr_cpus = 3, .process_globs = globs,
		     .nr_process_globs = 1, .cgroup = cgroup, .command_line = line,
		     .symbol_paths = paths, .nr_symbol_paths = 1);
	struct recording_opts copy = { 0 };

	cr_assert_eq(recording_opts_copy(&copy, &opts, NULL), 0);
	memset(glob, 'x', 3);
	memset(cgroup, 'x', 1);
	memset(line, 'x', 3);
	memset(path, 'x', 3);
	cr_assert_eq(copy.collect.nr_pids, 1, "a pid named twice is one");
	cr_assert_eq(copy.collect.nr_cpus, 2);
	cr_assert_eq(copy.collect.cpus[0], 1);
	cr_assert_eq(copy.collect.cpus[1], 3);
	cr_assert_str_eq(copy.collect.process_globs[0], "nginx*");
	cr_assert_str_eq(copy.collect.cgroup, "/a");
	cr_assert_str_eq(copy.command_line, "record-trace");
	cr_assert_eq(copy.nr_symbol_paths, 1);
	cr_assert_str_eq(copy.symbol_paths[0], "/a;/b");
	recording_opts_done(&copy);
}

Test(recording_opts, refuses)
{
	struct recording_opts copy = { 0 };
	struct oc_error err = { 0 };
	char *command[] = { "true", NULL };
	uint32_t nobody[] = { 0x7ffffff0 }, zero[] = { 0 }, own[] = { (uint32_t)getpid() };

	cr_assert_eq(recording_opts_copy(&copy, &OPTS(.frequency_hz = 100001), &err), -EINVAL);
	cr_assert_eq(recording_opts_copy(&copy, &OPTS(.pids = nobody, .nr_pids = 1), &err), -ESRCH);
	cr_assert(strstr(err.message, "2147483632"));
	cr_assert_eq(recording_opts_copy(&copy, &OPTS(.pids = zero, .nr_pids = 1), &err), -ESRCH);
	cr_assert_eq(recording_opts_copy(
			     &copy, &OPTS(.pids = own, .nr_pids = 1, .command = command), &err),
		     -EINVAL);
	cr_assert_eq(recording_opts_copy(&copy, &(struct oc_recording_opts){ 0 }, &err), -EINVAL);
	recording_opts_done(&copy);
}

Test(recording_opts, accepts_a_shorter_struct)
{
	struct oc_recording_opts opts = OPTS(.frequency_hz = 50, .no_symbols = true);
	struct recording_opts copy = { 0 };

	opts.size = offsetof(struct oc_recording_opts, duration_ns);
	cr_assert_eq(recording_opts_copy(&copy, &opts, NULL), 0);
	cr_assert_eq(copy.collect.frequency_hz, 50);
	cr_assert(!copy.no_symbols, "what the caller's struct does not have is zero");
	recording_opts_done(&copy);
}
