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
}
