/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folded stacks, and the format table that finds them.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <onecollect/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/macros.h"
#include "reading.h"
#include "sample_machine.h"

static char *folded(const struct oc_machine *m)
{
	return reading_write(m, "folded", NULL);
}

static const char expected[] = "no:de </script>;[no stack] 2\n"
			       "no:de </script>;node::Start();0xdead0000 3\n"
			       "no:de </script>;node::Start();JS:~handle /app/x.js:1_[j] 20\n"
			       "no:de </script>;node::Start();evil:na me</script>\\n\"&' 5\n"
			       "server;main;compute(int);hot_loop_[i] 50\n"
			       "server;main;libc.so.6+0x20123 4\n"
			       "server;main;read;do_syscall_64_[k];vfs_read_[k] 7\n"
			       "server;main;recurse;recurse;recurse 10\n";

Test(folded, writes_sorted_stacks_of_all_threads)
{
	struct oc_machine *m = sample_machine_new(0);
	char *text = folded(m);

	cr_assert_str_eq(text, expected);
	free(text);
	oc_machine_free(m);
}

Test(folded, a_timeline_gives_the_same_lines)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TIMELINE | SAMPLE_TWO_KINDS);
	char *text = folded(m);

	cr_assert_str_eq(text, expected);
	free(text);
	oc_machine_free(m);
}

Test(folded, nothing_recorded_is_an_empty_file)
{
	struct oc_machine *empty = sample_machine_new(SAMPLE_EMPTY), *bare = oc_machine_new(NULL);
	char *text = folded(empty);

	cr_assert_eq(oc_machine_finish(bare), 0);
	cr_assert_str_eq(text, "");
	free(text);
	text = folded(bare);
	cr_assert_str_eq(text, "");
	free(text);
	oc_machine_free(empty);
	oc_machine_free(bare);
}

/* A stack of one process whose comm and only frame are given. */
static void add_stack(struct oc_machine *m, uint32_t pid, const char *comm, const char *name,
		      uint64_t count)
{
	oc_process_id process = (oc_process_id)oc_machine_process_start(m, pid, 0, 1);
	struct oc_process facts = { .comm = (oc_string_id)oc_machine_intern(m, comm,
									    strlen(comm)) };
	struct oc_function function = { .name = (oc_string_id)oc_machine_intern(m, name,
										strlen(name)) };
	uint64_t address = 0x1000 + pid;
	int64_t callstack = oc_machine_intern_callstack(m, &address, 1, 0);
	struct oc_sample sample = {
		.count = count,
		.kind = 1,
		.process = process,
		.thread = (oc_thread_id)oc_machine_add_thread(m, process, pid),
		.stack = (oc_stack_id)oc_machine_resolve(m, process, (oc_callstack_id)callstack),
	};
	uint32_t nr;
	struct oc_line line;

	function.module = oc_machine_location(m, oc_machine_stack(m, sample.stack, &nr)[0])->module;
	line = (struct oc_line){ .function =
					 (oc_function_id)oc_machine_add_function(m, &function) };
	cr_assert_eq(oc_machine_set_lines(m, oc_machine_stack(m, sample.stack, &nr)[0], &line, 1),
		     0);
	cr_assert_eq(oc_machine_process_set(m, process, &facts), 0);
	cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
}

Test(folded, names_that_read_the_same_are_one_line)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind kind = { .name = "cpu", .unit = OC_UNIT_COUNT };
	char *text;

	cr_assert_eq(oc_machine_add_kind(m, &kind), 1);
	add_stack(m, 1, "a;b", "f;", 1);
	add_stack(m, 2, "a:b", "f:", 2);
	add_stack(m, 3, "a:a", "g  ", 4);
	add_stack(m, 4, "a", "g", 8);
	add_stack(m, 5, "a b", "g", 16);
	add_stack(m, 6, " ", " ", 32);
	cr_assert_eq(oc_machine_finish(m), 0);
	text = folded(m);
	cr_assert_str_eq(text, "[unknown];[unknown] 32\na;g 8\na b;g 16\na:a;g 4\na:b;f: 3\n");
	free(text);
	oc_machine_free(m);
}

Test(folded, separators_of_lines_do_not_end_one)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind kind = { .name = "cpu", .unit = OC_UNIT_COUNT };
	char *text;

	cr_assert_eq(oc_machine_add_kind(m, &kind), 1);
	add_stack(m, 1, "a\xe2\x80\xa8", "\xe2\x80\xa9", 1);
	add_stack(m, 2, "\xe2\x80\xa7", "f\xe2\x80\xa8g", 2);
	cr_assert_eq(oc_machine_finish(m), 0);
	text = folded(m);
	cr_assert_str_eq(text, "a\xe2\x90\xa4;\xe2\x90\xa4 1\n"
			       "\xe2\x80\xa7;f\xe2\x90\xa4g 2\n");
	free(text);
	oc_machine_free(m);
}

Test(folded, names_of_any_length_are_whole)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind kind = { .name = "cpu", .unit = OC_UNIT_COUNT };
	size_t len = 70000;
	char *name = calloc(len + 1, 1), *text;

	memset(name, 'x', len);
	cr_assert_eq(oc_machine_add_kind(m, &kind), 1);
	add_stack(m, 1, "a", name, 3);
	cr_assert_eq(oc_machine_finish(m), 0);
	text = folded(m);
	cr_assert_eq(strlen(text), strlen("a;") + len + strlen(" 3\n"));
	cr_assert_eq(strspn(text + 2, "x"), len);
	free(text);
	free(name);
	oc_machine_free(m);
}

Test(formats, are_found_by_name_and_by_extension)
{
	size_t nr;
	const struct oc_format *const *all = oc_formats(&nr);

	cr_assert_geq(nr, 2);
	for (size_t i = 0; i < nr; i++) {
		cr_assert_eq(oc_format_by_name(all[i]->name), all[i]);
		cr_assert(strlen(all[i]->description));
		for (const char *const *ext = all[i]->extensions; *ext; ext++) {
			cr_assert_eq((*ext)[0], '.');
			cr_assert_eq(oc_format_by_path(*ext), all[i]);
		}
	}
	cr_assert_str_eq(oc_format_by_path("/tmp/x.PB.GZ")->name, "pprof");
	cr_assert_str_eq(oc_format_by_path("x.pprof")->name, "pprof");
	cr_assert_str_eq(oc_format_by_path("a.pb.gz.txt")->name, "folded");
	cr_assert_null(oc_format_by_path("x.gz"));
	cr_assert_null(oc_format_by_path(""));
	cr_assert_null(oc_format_by_name("nothing"));
}

static int refuse(void *arg, const struct oc_machine *m, const char *format_name)
{
	(void)m;
	cr_assert_str_eq(format_name, "folded");
	return *(int *)arg;
}

Test(formats, write_file_is_all_or_nothing)
{
	struct oc_machine *m = sample_machine_new(0);
	const struct oc_format *format = oc_format_by_name("folded");
	char dir[] = "/tmp/oc-formats-XXXXXX", path[64];
	struct oc_error err = { 0 };
	int verdict = 0;
	uint64_t bytes = 0;

	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.folded", dir);
	cr_assert_eq(oc_format_write_file(format, m, path, false, &bytes, &err), 0, "%s",
		     err.message);
	cr_assert_eq(bytes, strlen(expected));
	cr_assert_eq(oc_format_write_file(format, m, path, false, NULL, &err), -EEXIST);
	cr_assert_eq(oc_format_write_file(format, m, path, true, NULL, NULL), 0);
	unlink(path);
	cr_assert_eq(oc_machine_on_export(m, refuse, &verdict), 0);
	verdict = -EPERM;
	cr_assert_eq(oc_format_write_file(format, m, path, false, NULL, &err), -EPERM);
	cr_assert(strstr(err.message, "hook"));
	cr_assert_neq(access(path, F_OK), 0, "a stopped output leaves nothing");
	verdict = 1;
	cr_assert_eq(oc_format_write_file(format, m, path, false, NULL, &err), -ECANCELED);
	cr_assert_eq(rmdir(dir), 0);
	oc_machine_free(m);
}

/* A limit on file sizes stands for a full disk: it fails in the middle of writing, too. */
Test(formats, a_failed_write_is_an_error_and_leaves_nothing)
{
	struct oc_machine *m = sample_machine_new(0);
	struct rlimit limit = { .rlim_cur = 16, .rlim_max = 16 };
	char dir[] = "/tmp/oc-formats-XXXXXX", path[64];
	size_t nr;
	const struct oc_format *const *all = oc_formats(&nr);

	cr_assert_not_null(mkdtemp(dir));
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (size_t i = 0; i < nr; i++) {
		struct oc_error err = { 0 };

		snprintf(path, sizeof(path), "%s/x", dir);
		cr_assert_eq(oc_format_write_file(all[i], m, path, false, NULL, &err), -EFBIG);
		cr_assert_eq(err.code, -EFBIG);
		cr_assert(strstr(err.message, path));
	}
	cr_assert_eq(rmdir(dir), 0, "no file stays behind");
	oc_machine_free(m);
}

Test(formats, a_missing_directory_is_an_error_with_its_name)
{
	struct oc_machine *m = sample_machine_new(0);
	struct oc_error err = { 0 };

	cr_assert_eq(oc_format_write_file(oc_format_by_name("pprof"), m, "/nonexistent/x.pb.gz",
					  false, NULL, &err),
		     -ENOENT);
	cr_assert(strstr(err.message, "/nonexistent/x.pb.gz"));
	oc_machine_free(m);
}
