/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux/sideband.h: what the sink hears of hand-made records, sound and damaged. The real ones: tests/live.
 */
#include <criterion/criterion.h>

#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "fake_sink.h"
#include "linux/sideband_private.h"

struct fixture {
	struct fake_sink sink;
	struct sideband sb;
	uint64_t now;
	struct buffer record;
	struct buffer watched; /* what the watcher heard */
};

static void setup_fixture(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	fake_sink_init(&f->sink);
	f->sb.sink = &f->sink.sink;
	f->now = 1000;
}

static void teardown_fixture(struct fixture *f)
{
	live_tasks_done(&f->sb.tasks);
	buffer_done(&f->sb.text);
	buffer_done(&f->sb.cgroup);
	buffer_done(&f->record);
	buffer_done(&f->watched);
	fake_sink_done(&f->sink);
}

/* ---- making records ---- */

static void put(struct fixture *f, const void *data, size_t size)
{
	buffer_append(&f->record, data, size);
}

static void put32(struct fixture *f, uint32_t value)
{
	put(f, &value, sizeof(value));
}

static void put64(struct fixture *f, uint64_t value)
{
	put(f, &value, sizeof(value));
}

static void put_text(struct fixture *f, const char *text)
{
	size_t len = strlen(text) + 1;

	put(f, text, len);
	while (f->record.len % 8)
		buffer_putc(&f->record, '\0');
}

static void begin(struct fixture *f, uint32_t type, uint16_t misc)
{
	struct perf_event_header header = { .type = type, .misc = misc };

	buffer_clear(&f->record);
	put(f, &header, sizeof(header));
}

/* Adds the trailer and hands the record over. */
static void send(struct fixture *f)
{
	struct sideband_record_id id = { .time_ns = ++f->now };
	uint16_t size;

	put(f, &id, sizeof(id));
	size = (uint16_t)f->record.len;
	memcpy(f->record.data + offsetof(struct perf_event_header, size), &size, sizeof(size));
	cr_assert_eq(sideband_handle(&f->sb, f->now, f->record.data, f->record.len), 0);
	cr_assert_eq(f->sink.sink.error, 0);
}

static void task_record(struct fixture *f, uint32_t type, uint32_t pid, uint32_t tid, uint32_t ppid)
{
	begin(f, type, 0);
	put32(f, pid);
	put32(f, ppid);
	put32(f, tid);
	put32(f, ppid);
	put64(f, f->now + 1);
}

static void send_fork(struct fixture *f, uint32_t pid, uint32_t tid, uint32_t ppid)
{
	task_record(f, PERF_RECORD_FORK, pid, tid, ppid);
	send(f);
}

static void send_exit(struct fixture *f, uint32_t pid, uint32_t tid)
{
	task_record(f, PERF_RECORD_EXIT, pid, tid, 1);
	send(f);
}

static void send_comm(struct fixture *f, uint32_t pid, uint32_t tid, const char *comm, bool exec)
{
	begin(f, PERF_RECORD_COMM, exec ? PERF_RECORD_MISC_COMM_EXEC : 0);
	put32(f, pid);
	put32(f, tid);
	put_text(f, comm);
	send(f);
}

static void mmap2_record(struct fixture *f, uint32_t pid, uint64_t start, uint64_t len,
			 const char *path)
{
	begin(f, PERF_RECORD_MMAP2, PERF_RECORD_MISC_USER);
	put32(f, pid);
	put32(f, pid);
	put64(f, start);
	put64(f, len);
	put64(f, 0x2000);
	put32(f, 8);
	put32(f, 1);
	put64(f, 77);
	put64(f, 5);
	put32(f, PROT_READ | PROT_EXEC);
	put32(f, MAP_PRIVATE);
	put_text(f, path);
}

static void send_mmap2(struct fixture *f, uint32_t pid, uint64_t start, const char *path)
{
	mmap2_record(f, pid, start, 0x1000, path);
	send(f);
}

static void expect(struct fixture *f, const char *lines)
{
	cr_assert_str_eq(f->sink.log.len ? fake_sink_take(&f->sink) : "", lines);
}

/* ---- tests ---- */

Test(sideband, life_of_a_program)
{
	struct fixture f;

	setup_fixture(&f);
	send_fork(&f, 50, 50, 7);
	send_comm(&f, 50, 50, "ls", true);
	send_mmap2(&f, 50, 0x400000, "/usr/bin/ls");
	send_mmap2(&f, 50, 0x7f0000000000, "/lib/ld.so");
	send_exit(&f, 50, 50);
	expect(&f, "start 50 parent=7\n"
		   "exec 50 comm=ls\n"
		   "map 50 400000-401000 +2000 dev=801 ino=77 /usr/bin/ls\n"
		   "facts 50 exe=/usr/bin/ls\n"
		   "map 50 7f0000000000-7f0000001000 +2000 dev=801 ino=77 /lib/ld.so\n"
		   "exit 50\n");
	cr_assert_eq(f.sb.tasks.nr_processes, 0);
	teardown_fixture(&f);
}

Test(sideband, the_leader_may_end_first)
{
	struct fixture f;

	setup_fixture(&f);
	send_fork(&f, 50, 50, 7);
	send_fork(&f, 50, 51, 50);
	send_fork(&f, 50, 52, 50);
	expect(&f, "start 50 parent=7\n");
	send_exit(&f, 50, 50);
	send_exit(&f, 50, 51);
	expect(&f, "");
	send_exit(&f, 50, 52);
	expect(&f, "exit 50\n");
	teardown_fixture(&f);
}

Test(sideband, a_thread_that_is_not_the_leader_execs)
{
	struct fixture f;

	setup_fixture(&f);
	send_fork(&f, 50, 50, 7);
	send_fork(&f, 50, 51, 50);
	send_exit(&f, 50, 50);
	send_comm(&f, 50, 50, "new", true);
	expect(&f, "start 50 parent=7\nexec 50 comm=new\n");
	send_exit(&f, 50, 50);
	expect(&f, "exit 50\n");
	teardown_fixture(&f);
}

Test(sideband, names)
{
	struct fixture f;

	setup_fixture(&f);
	send_fork(&f, 50, 50, 7);
	send_comm(&f, 50, 50, "renamed", false);
	send_comm(&f, 50, 51, "worker", false);
	send_comm(&f, 50, 51, "bad\n\x1b", false);
	expect(&f, "start 50 parent=7\n"
		   "thread 50/50 name=renamed\n"
		   "facts 50 comm=renamed\n"
		   "thread 50/51 name=worker\n"
		   "thread 50/51 name=bad\\n\\x1b\n");
	teardown_fixture(&f);
}

Test(sideband, a_child_has_its_parents_program)
{
	struct fixture f;

	setup_fixture(&f);
	send_fork(&f, 50, 50, 7);
	send_comm(&f, 50, 50, "sh", true);
	send_mmap2(&f, 50, 0x400000, "/bin/dash (deleted)");
	send_fork(&f, 60, 60, 50);
	cr_assert_str_eq(live_find(&f.sb.tasks, 60)->comm, "sh");
	cr_assert_str_eq(live_exe_path(&f.sb.tasks, live_find(&f.sb.tasks, 60)->exe), "/bin/dash");
	teardown_fixture(&f);
}

Test(sideband, the_program_is_the_first_file)
{
	struct fixture f;

	setup_fixture(&f);
	send_comm(&f, 50, 50, "x", true);
	send_mmap2(&f, 50, 0x1000, "[vdso]");
	send_mmap2(&f, 50, 0x3000, "//anon");
	send_mmap2(&f, 50, 0x5000, "/memfd:x (deleted)");
	expect(&f, "exec 50 comm=x\n"
		   "map 50 1000-2000 +2000 dev=801 ino=77 [vdso]\n"
		   "map 50 3000-4000 +2000 dev=801 ino=77 //anon\n"
		   "map 50 5000-6000 +2000 dev=801 ino=77 /memfd:x (deleted)\n"
		   "facts 50 exe=/memfd:x\n");
	teardown_fixture(&f);
}

/* The kernel sets the mark for all events once any tool asked for build-ids; the record has none. */
Test(sideband, a_stray_mark_of_a_build_id)
{
	struct fixture f;

	setup_fixture(&f);
	begin(&f, PERF_RECORD_MMAP2, PERF_RECORD_MISC_USER | PERF_RECORD_MISC_MMAP_BUILD_ID);
	put32(&f, 50);
	put32(&f, 50);
	put64(&f, 0x1000);
	put64(&f, 0x1000);
	put64(&f, 0);
	put32(&f, 8);
	put32(&f, 1);
	put64(&f, 77);
	put64(&f, 0);
	put32(&f, PROT_EXEC);
	put32(&f, 0);
	put_text(&f, "/a");
	send(&f);
	expect(&f, "map 50 1000-2000 +0 dev=801 ino=77 /a\n");
	teardown_fixture(&f);
}

Test(sideband, other_mappings_are_not_told)
{
	struct fixture f;
	uint32_t prot = PROT_READ | PROT_WRITE;

	setup_fixture(&f);
	mmap2_record(&f, 50, 0x1000, 0x1000, "/data");
	memcpy(f.record.data + 64, &prot, sizeof(prot));
	send(&f);
	expect(&f, "");
	teardown_fixture(&f);
}

Test(sideband, tasks_of_other_namespaces_are_counted)
{
	struct fixture f;

	setup_fixture(&f);
	send_fork(&f, 0, 0, 0);
	send_exit(&f, UINT32_MAX, UINT32_MAX);
	send_comm(&f, 0, 0, "x", true);
	send_mmap2(&f, 0, 0x1000, "/x");
	expect(&f, "note foreign_records 1\n"
		   "note foreign_records 1\n"
		   "note foreign_records 1\n"
		   "note foreign_records 1\n");
	send_fork(&f, 50, 50, 0);
	expect(&f, "start 50\n");
	cr_assert_not(sideband_rescan_due(&f.sb));
	teardown_fixture(&f);
}

Test(sideband, lost_records_ask_for_a_scan)
{
	struct fixture f;

	setup_fixture(&f);
	begin(&f, PERF_RECORD_LOST, 0);
	put64(&f, 3);
	put64(&f, 12);
	send(&f);
	expect(&f, "note sideband_lost 12\n");
	cr_assert(sideband_rescan_due(&f.sb));
	teardown_fixture(&f);
}

Test(sideband, unknown_records_mean_nothing)
{
	struct fixture f;

	setup_fixture(&f);
	begin(&f, PERF_RECORD_KSYMBOL, 0);
	put64(&f, 1);
	send(&f);
	begin(&f, 4711, 0);
	send(&f);
	expect(&f, "");
	teardown_fixture(&f);
}

/* Every record cut at every length: nothing is read beyond the end, nothing is told but the note. */
Test(sideband, records_that_are_too_short)
{
	struct fixture f;

	setup_fixture(&f);
	for (int kind = 0; kind < 5; kind++) {
		struct sideband_record_id id = { 0 };
		/* Up to the last byte that says something: the NUL of the text, or the last field. */
		static const size_t whole[] = { 72 + 3 + 24, 32, 32, 24, 16 + 2 + 24 };

		if (kind == 0)
			mmap2_record(&f, 50, 0x1000, 0x1000, "/x");
		else if (kind == 1)
			task_record(&f, PERF_RECORD_FORK, 50, 50, 1);
		else if (kind == 2)
			task_record(&f, PERF_RECORD_EXIT, 50, 50, 1);
		else
			begin(&f, kind == 3 ? PERF_RECORD_LOST : PERF_RECORD_COMM, 0);
		if (kind == 4) {
			put64(&f, 50);
			put_text(&f, "x");
		}
		put(&f, &id, sizeof(id));
		for (size_t size = 0; size < whole[kind]; size++) {
			char *copy = malloc(size ? size : 1); /* to the byte, for the sanitizer */

			memcpy(copy, f.record.data, size);
			f.sb.rescan_due = false;
			cr_assert_eq(sideband_handle(&f.sb, 1, copy, size), 0);
			expect(&f, "note sideband_lost 1\n");
			cr_assert(sideband_rescan_due(&f.sb));
			free(copy);
		}
	}
	teardown_fixture(&f);
}

Test(sideband, texts_that_do_not_end)
{
	struct fixture f;

	setup_fixture(&f);
	begin(&f, PERF_RECORD_COMM, 0);
	put32(&f, 50);
	put32(&f, 50);
	put(&f, "unending", 8);
	send(&f);
	mmap2_record(&f, 50, UINT64_MAX - 10, 0x1000, "/wraps");
	send(&f);
	mmap2_record(&f, 50, 0x1000, 0, "/empty");
	send(&f);
	expect(&f, "note sideband_lost 1\nnote sideband_lost 1\nnote sideband_lost 1\n");
	teardown_fixture(&f);
}

static void on_watch(void *arg, uint32_t pid, const char *comm, const char *exe_base)
{
	struct fixture *f = arg;

	buffer_printf(&f->watched, "%u %s %s\n", pid, comm ? comm : "(ended)", exe_base);
}

Test(sideband, watching_names)
{
	struct fixture f;

	setup_fixture(&f);
	sideband_watch(&f.sb, on_watch, &f);
	send_fork(&f, 50, 50, 7);
	send_comm(&f, 50, 50, "a-very-long-name-cut", true);
	send_mmap2(&f, 50, 0x1000, "/opt/bin/a-very-long-name-cut-by-the-kernel");
	send_fork(&f, 51, 51, 50);
	send_comm(&f, 51, 51, "child", false);
	send_comm(&f, 51, 52, "thread", false);
	send_exit(&f, 51, 51);
	cr_assert_str_eq(f.watched.data, "50  \n"
					 "50 a-very-long-nam \n"
					 "50 a-very-long-nam a-very-long-name-cut-by-the-kernel\n"
					 "51 a-very-long-nam a-very-long-name-cut-by-the-kernel\n"
					 "51 child a-very-long-name-cut-by-the-kernel\n"
					 "51 (ended) \n");
	teardown_fixture(&f);
}

/* What was born before a scan looked at it is in the scan; its record comes later and must not tell it again. */
Test(sideband, records_from_before_the_scan)
{
	struct fixture f;
	struct live_process *process;

	setup_fixture(&f);
	f.sink.with_times = true;
	f.sb.scan_ns = 5000;
	process = live_add(&f.sb.tasks, 50);
	process->seen_ns = 6000;
	cr_assert_eq(live_add_thread(&f.sb.tasks, process, 50), 0);
	cr_assert_eq(live_add_thread(&f.sb.tasks, process, 51), 0);
	f.now = 4000;
	send_fork(&f, 50, 50, 7);
	send_fork(&f, 50, 51, 50);
	expect(&f, "");
	/* A program started after the birth; told as of the scan, because the sink's time never goes back. */
	send_comm(&f, 50, 50, "x", true);
	expect(&f, "5000 exec 50 comm=x\n");
	send_fork(&f, 50, 51, 50);
	send_exit(&f, 50, 50);
	expect(&f, "");
	f.now = 7000;
	send_exit(&f, 50, 51);
	expect(&f, "7001 exit 50\n");
	teardown_fixture(&f);
}

Test(sideband, a_reused_pid_is_a_new_process)
{
	struct fixture f;

	setup_fixture(&f);
	send_fork(&f, 50, 50, 7);
	send_fork(&f, 50, 50, 8); /* the end of the first was lost */
	send_exit(&f, 50, 50);
	expect(&f, "start 50 parent=7\nexit 50\nstart 50 parent=8\nexit 50\n");
	teardown_fixture(&f);
}

/* ---- the scan, of ourselves; needs no privilege ---- */

Test(sideband, scan_finds_this_process)
{
	struct fixture f;
	uint32_t pid = (uint32_t)getpid();
	struct oc_error err = { 0 };
	const char *log;
	char line[64];

	setup_fixture(&f);
	f.sb.pids = &pid;
	f.sb.nr_pids = 1;
	cr_assert_eq(sideband_scan(&f.sb, clock_monotonic_ns(), &err), 0);
	log = fake_sink_take(&f.sink);
	snprintf(line, sizeof(line), "start %u ns_pid=", pid);
	cr_assert_eq(strncmp(log, line, strlen(line)), 0, "%s", log);
	cr_assert_not_null(strstr(log, " comm=unit"));
	cr_assert_not_null(strstr(log, " exe=/"));
	cr_assert_not_null(strstr(log, "/libc"));
	cr_assert_not_null(strstr(log, "[vdso]"));
	/* A second look finds nothing new, and the text of maps tells the same as the query. */
	f.sb.no_mapping_query = true;
	cr_assert_eq(sideband_scan(&f.sb, clock_monotonic_ns(), &err), 0);
	log = fake_sink_take(&f.sink);
	cr_assert_eq(strncmp(log, "facts ", 6), 0, "%s", log);
	cr_assert_null(strstr(log, "start"));
	cr_assert_not_null(strstr(log, "/libc"));
	teardown_fixture(&f);
}

/* The kernel programs name the image that a process runs; another name without an exec means that one was missed. */
Test(sideband, an_exec_that_nobody_told)
{
	struct fixture f;
	uint32_t pid = (uint32_t)getpid();
	struct sideband_image seen = { .pid = pid, .tid = pid, .name = 71, .comm = "unit" };
	struct oc_error err = { 0 };
	const char *log;
	char line[64];

	setup_fixture(&f);
	f.sb.pids = &pid;
	f.sb.nr_pids = 1;
	cr_assert_eq(sideband_scan(&f.sb, clock_monotonic_ns(), &err), 0);
	seen.comm = live_find(&f.sb.tasks, pid)->comm;
	seen.start_stack = live_find(&f.sb.tasks, pid)->start_stack;
	cr_assert_neq(seen.start_stack, 0);
	fake_sink_take(&f.sink);
	cr_assert_eq(sideband_see_image(&f.sb, 1, &seen), 0);
	cr_assert_eq(sideband_see_image(&f.sb, 1, &seen), 0);
	expect(&f, "");
	/* Its mappings are looked up at once. */
	seen.name = 72;
	seen.comm = "second";
	cr_assert_eq(sideband_see_image(&f.sb, 1, &seen), 0);
	log = fake_sink_take(&f.sink);
	snprintf(line, sizeof(line), "exec %u comm=second\nfacts %u ", pid, pid);
	cr_assert_eq(strncmp(log, line, strlen(line)), 0, "%s", log);
	cr_assert_not_null(strstr(log, "/libc"));
	/* /proc shows what came after it: that would be wrong. */
	seen.name = 73;
	seen.start_stack++;
	cr_assert_eq(sideband_see_image(&f.sb, 1, &seen), 0);
	snprintf(line, sizeof(line), "exec %u comm=second\n", pid);
	expect(&f, line);
	/* After an exec that was told the name is the new one's, unless it bears another comm. */
	f.now = clock_monotonic_ns();
	send_comm(&f, pid, pid, "told", true);
	fake_sink_take(&f.sink);
	seen.name = 74;
	seen.comm = "told";
	cr_assert_eq(sideband_see_image(&f.sb, 1, &seen), 0);
	expect(&f, "");
	send_comm(&f, pid, pid, "told", true);
	fake_sink_take(&f.sink);
	seen.name = 75;
	seen.comm = "other";
	cr_assert_eq(sideband_see_image(&f.sb, 1, &seen), 0);
	snprintf(line, sizeof(line), "exec %u comm=other\n", pid);
	expect(&f, line);
	/* Of processes that are not followed nothing is made up. */
	seen.pid = seen.tid = INT32_MAX;
	cr_assert_eq(sideband_see_image(&f.sb, 1, &seen), 0);
	expect(&f, "");
	teardown_fixture(&f);
}

Test(sideband, what_a_scan_does_not_see_has_ended)
{
	struct fixture f;
	uint32_t pid = (uint32_t)getpid();
	struct oc_error err = { 0 };

	setup_fixture(&f);
	f.sb.pids = &pid;
	f.sb.nr_pids = 1;
	send_fork(&f, INT32_MAX, INT32_MAX, pid);
	fake_sink_take(&f.sink);
	cr_assert_eq(sideband_scan(&f.sb, clock_monotonic_ns(), &err), 0);
	cr_assert_not_null(strstr(fake_sink_take(&f.sink), "\nexit 2147483647\n"));
	cr_assert_eq(f.sb.tasks.nr_processes, 1);
	teardown_fixture(&f);
}
