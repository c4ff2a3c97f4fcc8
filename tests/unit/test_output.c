/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * onecollect/output.h: files that appear whole or not at all.
 */
#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <onecollect/output.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/output.h"

static char dir[64];
static char path[96];

static void make_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/onecollect-output-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
}

static void remove_dir(void)
{
	unlink(path);
	cr_assert_eq(rmdir(dir), 0, "something was left in %s", dir);
}

static unsigned int files_in_dir(void)
{
	DIR *d = opendir(dir);
	unsigned int nr = 0;

	for (struct dirent *e = readdir(d); e; e = readdir(d))
		nr += e->d_name[0] != '.';
	closedir(d);
	return nr;
}

static void expect_content(const char *want)
{
	char content[64] = "";
	FILE *f = fopen(path, "re");

	cr_assert_not_null(f);
	cr_assert_eq(fread(content, 1, sizeof(content) - 1, f), strlen(want));
	cr_assert_str_eq(content, want);
	fclose(f);
}

static void write_file(const char *text, bool force)
{
	struct oc_output *out;

	cr_assert_eq(oc_output_open(path, force, &out, NULL), 0);
	cr_assert_eq(oc_output_write(out, text, strlen(text)), 0);
	cr_assert_eq(oc_output_bytes(out), strlen(text));
	cr_assert_eq(oc_output_commit(out, NULL), 0);
}

TestSuite(output, .init = make_dir, .fini = remove_dir);

Test(output, appears_at_commit_with_mode_0600)
{
	struct oc_output *out;
	struct stat st;

	cr_assert_eq(oc_output_open(path, false, &out, NULL), 0);
	cr_assert_eq(oc_output_write(out, "abc", 3), 0);
	cr_assert_neq(access(path, F_OK), 0);
	cr_assert_eq(oc_output_commit(out, NULL), 0);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	cr_assert_eq(files_in_dir(), 1);
	expect_content("abc");
}

Test(output, abort_leaves_nothing)
{
	struct oc_output *out;

	cr_assert_eq(oc_output_open(path, false, &out, NULL), 0);
	cr_assert_eq(oc_output_write(out, "abc", 3), 0);
	oc_output_abort(out);
	oc_output_abort(NULL);
	cr_assert_eq(files_in_dir(), 0);
}

Test(output, an_existing_file_needs_force)
{
	struct oc_error err = { 0 };
	struct oc_output *out = NULL;

	write_file("old", false);
	cr_assert_eq(oc_output_open(path, false, &out, &err), -EEXIST);
	cr_assert_eq(err.code, -EEXIST);
	cr_assert(strstr(err.message, "--force"));
	cr_assert_null(out);
	write_file("new", true);
	expect_content("new");
}

Test(output, a_file_that_appears_meanwhile_is_kept)
{
	struct oc_output *out;

	cr_assert_eq(oc_output_open(path, false, &out, NULL), 0);
	cr_assert_eq(oc_output_write(out, "mine", 4), 0);
	write_file("theirs", false);
	cr_assert_eq(oc_output_commit(out, NULL), -EEXIST);
	expect_content("theirs");
	cr_assert_eq(files_in_dir(), 1);
}

Test(output, refuses_what_is_no_file)
{
	struct oc_error err = { 0 };
	struct oc_output *out;

	cr_assert_eq(oc_output_open(dir, true, &out, &err), -EISDIR);
	cr_assert_eq(oc_output_open("", true, &out, &err), -EINVAL);
	cr_assert_eq(oc_output_open("/dev/null", true, &out, &err), -EINVAL);
	cr_assert_eq(oc_output_open("/no/such/dir/file", true, &out, &err), -ENOENT);
	cr_assert(strstr(err.message, "/no/such/dir/file"));
}

Test(output, memory_keeps_what_was_written)
{
	struct oc_output *out;
	size_t size;

	cr_assert_eq(oc_output_open_memory(&out), 0);
	cr_assert_str_eq(oc_output_memory(out, &size), "");
	cr_assert_eq(size, 0);
	cr_assert_eq(oc_output_write(out, "ab", 2), 0);
	cr_assert_eq(oc_output_write(out, "c", 1), 0);
	cr_assert_arr_eq(oc_output_memory(out, &size), "abc", 3);
	cr_assert_eq(size, 3);
	oc_output_abort(out);
}

Test(output, passes_on_what_a_buffer_holds)
{
	struct buffer b = BUFFER_INIT;
	struct oc_output *out;
	size_t size;

	cr_assert_eq(oc_output_open_memory(&out), 0);
	buffer_puts(&b, "ab");
	cr_assert_eq(output_pass_on(out, &b, 3), 0);
	oc_output_memory(out, &size);
	cr_assert_eq(size, 0, "it is not enough yet");
	buffer_puts(&b, "c");
	cr_assert_eq(output_pass_on(out, &b, 3), 0);
	cr_assert_arr_eq(oc_output_memory(out, &size), "abc", 3);
	cr_assert_eq(size, 3);
	cr_assert_eq(b.len, 0);
	buffer_puts(&b, "d");
	b.error = -ENOMEM;
	cr_assert_eq(output_pass_on(out, &b, 0), -ENOMEM);
	oc_output_memory(out, &size);
	cr_assert_eq(size, 3, "what is not whole is not written");
	buffer_done(&b);
	oc_output_abort(out);
}

/* The flag has no way back; each test is a process of its own. */
Test(output, cancel_all_stops_writes_and_leaves_nothing)
{
	struct oc_error err = { 0 };
	struct oc_output *written, *unwritten;

	cr_assert_eq(oc_output_open(path, false, &written, NULL), 0);
	cr_assert_eq(oc_output_write(written, "abc", 3), 0);
	cr_assert_eq(oc_output_open(path, false, &unwritten, NULL), 0);
	oc_output_cancel_all();
	cr_assert_eq(oc_output_write(written, "def", 3), -ECANCELED);
	cr_assert_eq(oc_output_commit(written, &err), -ECANCELED);
	cr_assert_eq(err.code, -ECANCELED);
	cr_assert_eq(oc_output_commit(unwritten, NULL), -ECANCELED);
	cr_assert_eq(files_in_dir(), 0);
}

/* Size of the one file in the directory. */
static long size_of_only_file(void)
{
	DIR *d = opendir(dir);
	char name[400] = "";
	struct stat st;

	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (e->d_name[0] != '.')
			snprintf(name, sizeof(name), "%s/%s", dir, e->d_name);
	}
	closedir(d);
	return stat(name, &st) ? -1 : (long)st.st_size;
}

Test(output, flush_hands_over_what_was_written_but_not_the_name)
{
	struct oc_output *out;

	cr_assert_eq(oc_output_open(path, false, &out, NULL), 0);
	cr_assert_eq(oc_output_write(out, "abc", 3), 0);
	cr_assert_eq(size_of_only_file(), 0);
	cr_assert_eq(oc_output_flush(out), 0);
	cr_assert_eq(size_of_only_file(), 3);
	cr_assert_neq(access(path, F_OK), 0);
	cr_assert_eq(oc_output_write(out, "de", 2), 0);
	cr_assert_eq(oc_output_commit(out, NULL), 0);
	expect_content("abcde");
}
