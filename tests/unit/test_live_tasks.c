/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux/live_tasks.h: when a process has ended.
 */
#include <criterion/criterion.h>

#include "base/macros.h"
#include "linux/live_tasks.h"

static struct live_process *born(struct live_tasks *t, uint32_t pid)
{
	struct live_process *process = live_add(t, pid);

	cr_assert_not_null(process);
	cr_assert_eq(live_add_thread(t, process, pid), 0);
	return live_find(t, pid);
}

Test(live_tasks, a_process_ends_with_its_last_thread)
{
	struct live_tasks t = { 0 };
	struct live_process *process = born(&t, 10);

	cr_assert_eq(live_add_thread(&t, process, 11), 0);
	cr_assert_eq(live_add_thread(&t, process, 11), 0, "saying it again changes nothing");
	cr_assert_eq(live_add_thread(&t, process, 12), 0);
	cr_assert_eq(process->nr_threads, 3);
	cr_assert_not(live_end_thread(&t, 10, 10), "the leader ended, others go on");
	cr_assert_not(live_end_thread(&t, 10, 10), "and only once");
	cr_assert_not(live_end_thread(&t, 10, 12));
	cr_assert(live_end_thread(&t, 10, 11));
	live_tasks_done(&t);
}

Test(live_tasks, unknown_ones)
{
	struct live_tasks t = { 0 };

	cr_assert(live_end_thread(&t, 5, 5), "the leader of a process nobody told of");
	cr_assert_not(live_end_thread(&t, 5, 6));
	cr_assert_null(live_find(&t, 5));
	live_remove(&t, 5);
	born(&t, 5);
	cr_assert_not(live_end_thread(&t, 5, 6), "a thread that was never told of");
	live_tasks_done(&t);
}

Test(live_tasks, only_thread_after_exec)
{
	struct live_tasks t = { 0 };
	struct live_process *process = born(&t, 20);

	/* Thread 21 replaces the program: the leader ends, 21 becomes 20. */
	cr_assert_eq(live_add_thread(&t, process, 21), 0);
	cr_assert_not(live_end_thread(&t, 20, 20));
	cr_assert_eq(live_set_only_thread(&t, process, 20), 0);
	cr_assert_eq(process->nr_threads, 1);
	cr_assert_not(live_end_thread(&t, 20, 21), "its old tid means nothing any more");
	cr_assert(live_end_thread(&t, 20, 20));
	live_tasks_done(&t);
}

Test(live_tasks, a_reused_tid_changes_hands)
{
	struct live_tasks t = { 0 };
	struct live_process *a = born(&t, 30);

	cr_assert_eq(live_add_thread(&t, a, 31), 0);
	born(&t, 31); /* the end of thread 31 was lost */
	a = live_find(&t, 30);
	cr_assert_eq(a->nr_threads, 1);
	cr_assert(live_end_thread(&t, 31, 31));
	live_remove(&t, 31);
	cr_assert(live_end_thread(&t, 30, 30));
	live_tasks_done(&t);
}

Test(live_tasks, removal_keeps_the_others)
{
	struct live_tasks t = { 0 };

	for (uint32_t pid = 1; pid <= 500; pid++)
		born(&t, pid)->scan = pid;
	for (uint32_t pid = 1; pid <= 500; pid += 3)
		live_remove(&t, pid);
	for (uint32_t pid = 1; pid <= 500; pid++) {
		const struct live_process *process = live_find(&t, pid);

		cr_assert_eq(process != NULL, pid % 3 != 1);
		if (process)
			cr_assert_eq(process->scan, pid);
	}
	cr_assert_eq(t.by_tid.count, t.nr_processes);
	born(&t, 2);
	cr_assert_eq(live_find(&t, 2)->scan, 0, "adding again starts afresh");
	cr_assert_eq(live_find(&t, 2)->nr_threads, 1);
	live_clear_threads(&t);
	cr_assert_eq(live_find(&t, 2)->nr_threads, 0);
	cr_assert_eq(t.by_tid.count, 0);
	live_tasks_done(&t);
}

Test(live_tasks, exe_paths_are_shared)
{
	struct live_tasks t = { 0 };
	uint32_t a = live_exe_id(&t, "/bin/a (deleted)", 6), b = live_exe_id(&t, "/bin/b", 6);

	cr_assert_neq(a, 0);
	cr_assert_neq(a, b);
	cr_assert_eq(live_exe_id(&t, "/bin/a", 6), a);
	cr_assert_str_eq(live_exe_path(&t, a), "/bin/a");
	cr_assert_eq(live_exe_id(&t, "", 0), 0);
	cr_assert_null(live_exe_path(&t, 0));
	live_tasks_done(&t);
}

/* Records that contradict each other, after losses: the count is always that of the threads in the table. */
Test(live_tasks, counts_follow_the_table)
{
	struct live_tasks t = { 0 };
	struct live_process *a = born(&t, 50), *b;

	cr_assert_eq(live_add_thread(&t, a, 51), 0);
	cr_assert_not(live_end_thread(&t, 50, 50));
	b = born(&t, 60);
	a = live_find(&t, 50);
	cr_assert_eq(live_add_thread(&t, b, 50), 0, "tid 50 belongs to 60 now");
	cr_assert_not_null(live_add(&t, 50)); /* starts afresh: forgets 51, not 60's 50 */
	cr_assert_eq(live_find(&t, 60)->nr_threads, 2);
	cr_assert_eq(t.by_tid.count, 2);
	cr_assert_not(live_end_thread(&t, 50, 60), "a thread counted for 60 ends for 50");
	cr_assert_eq(live_find(&t, 60)->nr_threads, 1);
	cr_assert_eq(t.by_tid.count, 1);
	live_tasks_done(&t);
}
