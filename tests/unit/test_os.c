/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/os.h: files that take a name when they are whole, files without one, what is under a name.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/os.h"

static char dir[64];

static void enter_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/onecollect-os-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
}

static void leave_dir(void)
{
	cr_assert_eq(chdir("/"), 0);
	cr_assert_eq(rmdir(dir), 0, "something was left in %s", dir);
}

TestSuite(os, .init = enter_dir, .fini = leave_dir);

static int make(const char *name, const char *text)
{
	int fd = os_open_new(name);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

Test(os, published_files_replace_others_only_when_told)
{
	struct os_file file;
	int fd = make("new", "abc"), taken = make("taken", "longer");

	cr_assert_eq(os_open_new("new"), -EEXIST);
	cr_assert_eq(os_publish(fd, "new", "taken", false), -EEXIST);
	cr_assert_eq(os_file_at("taken", true, &file), 0);
	cr_assert_eq(file.size, 6);
	cr_assert_eq(os_publish(fd, "new", "taken", true), 0);
	cr_assert_eq(os_file_at("new", true, &file), -ENOENT);
	cr_assert_eq(os_file_at("taken", true, &file), 0);
	cr_assert_eq(file.size, 3);
	close(fd);
	close(taken);
	cr_assert_eq(os_remove("taken"), 0);
	cr_assert_eq(os_remove("taken"), -ENOENT);
}

Test(os, temporary_files_have_no_name_and_take_any_offset)
{
	const uint64_t far_away = (uint64_t)5 << 30;
	char back[4] = "";
	int fd = os_open_temporary(".");

	cr_assert_geq(fd, 0);
	cr_assert_eq(os_write_at(fd, "abc", 4, far_away), 4);
	cr_assert_eq(os_read_at(fd, back, 4, far_away), 4);
	cr_assert_str_eq(back, "abc");
	cr_assert_eq(os_read_at(fd, back, 4, far_away + 4), 0);
	close(fd);
	cr_assert_eq(os_open_temporary("no such folder"), -ENOENT);
}

Test(os, what_is_under_a_name)
{
	struct os_file file;
	int ends[2];

	cr_assert_eq(os_file_at(".", true, &file), 0);
	cr_assert_eq(file.type, OS_FILE_DIRECTORY);
	cr_assert_eq(symlink("nowhere", "link"), 0);
	cr_assert_eq(os_file_at("link", false, &file), 0);
	cr_assert_eq(file.type, OS_FILE_LINK);
	cr_assert_eq(os_file_at("link", true, &file), -ENOENT);
	cr_assert_eq(os_open_new("link"), -EEXIST);
	cr_assert_eq(os_remove("link"), 0);
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(os_file_of(ends[0], &file), 0);
	cr_assert_eq(file.type, OS_FILE_PIPE);
	close(ends[0]);
	close(ends[1]);
	cr_assert_eq(os_file_of(ends[0], &file), -EBADF);
}

Test(os, separators)
{
	const char *path = "a/b\\c";

	cr_assert_eq(os_last_separator(path), path + 1);
	cr_assert_null(os_last_separator("a"));
	cr_assert(os_same_name("/a/b", "/a/b") && !os_same_name("/a/b", "/a/B"));
}

static int count_name(void *arg, const char *name)
{
	unsigned int *nr = arg;

	cr_assert(name[0] == 'a' || name[0] == 'b');
	(*nr)++;
	return 0;
}

static int stop_at_once(void *arg, const char *name)
{
	(void)name;
	(*(unsigned int *)arg)++;
	return 7;
}

Test(os, names_in_a_directory)
{
	unsigned int nr = 0;

	close(make("a", ""));
	close(make("b", ""));
	cr_assert_eq(os_each_name(".", count_name, &nr), 0);
	cr_assert_eq(nr, 2);
	cr_assert_eq(os_each_name(dir, stop_at_once, &nr), 7);
	cr_assert_eq(nr, 3);
	cr_assert_eq(os_each_name("nowhere", count_name, &nr), -ENOENT);
	unlink("a");
	unlink("b");
}

Test(os, peak_memory_counts_what_was_touched)
{
	const size_t size = 64 << 20;
	uint64_t before = os_peak_memory(), after;
	volatile char *memory = malloc(size);

	cr_assert_gt(before, 1 << 20);
	for (size_t i = 0; i < size; i += 4096)
		memory[i] = 1;
	after = os_peak_memory();
	free((void *)memory);
	cr_assert_geq(after, before + size / 2);
	cr_assert_geq(os_peak_memory(), after, "it does not go down");
}
