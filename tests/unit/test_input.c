/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inputs: files, memory, pipes, and what cannot be one.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <onecollect/input.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"

static const char content[] = "0123456789";

/* A file with `content` in a new directory; names are put into dir[64] and path[80]. */
static void make_file(char *dir, char *path)
{
	FILE *file;

	snprintf(dir, 64, "/tmp/onecollect-input-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, 80, "%s/file", dir);
	file = fopen(path, "w");
	cr_assert_not_null(file);
	cr_assert_geq(fputs(content, file), 0);
	cr_assert_eq(fclose(file), 0);
}

static void check_reads(const struct oc_input *in)
{
	char data[16];

	cr_assert_eq(oc_input_size(in), 10);
	cr_assert_eq(oc_input_read_at(in, 0, data, sizeof(data)), 10);
	cr_assert(!memcmp(data, content, 10));
	cr_assert_eq(oc_input_read_at(in, 7, data, 2), 2);
	cr_assert(!memcmp(data, "78", 2));
	cr_assert_eq(oc_input_read_at(in, 9, data, 5), 1);
	cr_assert_eq(oc_input_read_at(in, 10, data, 5), 0);
	cr_assert_eq(oc_input_read_at(in, UINT64_MAX, data, 5), 0);
	cr_assert_eq(oc_input_read_at(in, UINT64_MAX - 2, data, 5), 0);
}

Test(input, file_and_memory)
{
	char dir[64], path[80];
	struct oc_input *in;

	make_file(dir, path);
	cr_assert_eq(oc_input_open(path, &in, NULL), 0);
	check_reads(in);
	cr_assert_str_eq(oc_input_name(in), path);
	oc_input_close(in);
	cr_assert_eq(oc_input_open_memory(content, 10, &in), 0);
	check_reads(in);
	oc_input_close(in);
	oc_input_close(NULL);
	unlink(path);
	rmdir(dir);
}

Test(input, a_file_that_shrinks_while_it_is_read_just_ends)
{
	char dir[64], path[80], data[16];
	struct oc_input *in;

	make_file(dir, path);
	cr_assert_eq(oc_input_open(path, &in, NULL), 0);
	cr_assert_eq(truncate(path, 4), 0);
	cr_assert_eq(oc_input_read_at(in, 2, data, 8), 2);
	oc_input_close(in);
	unlink(path);
	rmdir(dir);
}

Test(input, standard_input_may_be_a_pipe)
{
	struct oc_input *in;
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(write(ends[1], content, 10), 10);
	close(ends[1]);
	cr_assert_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	cr_assert_eq(oc_input_open("-", &in, NULL), 0);
	check_reads(in);
	oc_input_close(in);
}

Test(input, what_cannot_be_read_is_told)
{
	static const struct {
		const char *path;
		int code;
	} cases[] = {
		{ "/tmp", -EISDIR },
		{ "/dev/null", -EINVAL },
		{ "/nonexistent/x", -ENOENT },
		{ "", -ENOENT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct oc_error err = { 0 };
		struct oc_input *in;

		cr_assert_eq(oc_input_open(cases[i].path, &in, &err), cases[i].code, "%s",
			     cases[i].path);
		cr_assert_eq(err.code, cases[i].code);
		cr_assert_gt(strlen(err.message), 5);
	}
}
