/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbolize/target_file.h: the traps that a hostile process can set in its own root.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macros.h"
#include "symbolize/target_file.h"

#define MIB (1024ULL * 1024)

/* A root directory with traps in it, and a secret beside it. */
struct jail {
	char path[40];
	char secret[64];
	int fd;
};

static void put_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static struct jail jail_new(void)
{
	struct jail j = { .path = "/tmp/target_file.XXXXXX" };
	char target[80];
	int fd;

	cr_assert_not_null(mkdtemp(j.path));
	snprintf(j.secret, sizeof(j.secret), "%s.secret", j.path);
	put_file(AT_FDCWD, j.secret, "secret");
	j.fd = open(j.path, O_PATH | O_DIRECTORY);
	cr_assert_geq(j.fd, 0);
	put_file(j.fd, "file", "inside");
	cr_assert_eq(mkdirat(j.fd, "dir", 0700), 0);
	cr_assert_eq(symlinkat("/file", j.fd, "good_link"), 0);
	cr_assert_eq(symlinkat(j.secret, j.fd, "absolute_link"), 0);
	snprintf(target, sizeof(target), "../../../..%s", j.secret);
	cr_assert_eq(symlinkat(target, j.fd, "dotdot_link"), 0);
	cr_assert_eq(symlinkat("/loop", j.fd, "loop"), 0);
	cr_assert_eq(mkfifoat(j.fd, "fifo", 0600), 0);
	fd = openat(j.fd, "sparse", O_WRONLY | O_CREAT, 0600);
	cr_assert_eq(ftruncate(fd, 1LL << 40), 0);
	close(fd);
	return j;
}

static void jail_done(struct jail *j)
{
	static const char *const names[] = { "file", "good_link", "absolute_link", "dotdot_link",
					     "loop", "fifo",      "sparse",        "device" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlinkat(j->fd, names[i], 0);
	unlinkat(j->fd, "dir", AT_REMOVEDIR);
	rmdir(j->path);
	unlink(j->secret);
	close(j->fd);
}

static void expect_text(struct target_file *file, const char *want)
{
	char text[16] = "";

	cr_assert_gt(read(file->fd, text, sizeof(text) - 1), 0);
	cr_assert_str_eq(text, want);
	close(file->fd);
}

Test(target_file, opens_regular_files)
{
	struct jail j = jail_new();
	struct target_file file;

	cr_assert_eq(target_open_at(j.fd, "/file", MIB, &file), 0);
	cr_assert_eq(fcntl(file.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	cr_assert_eq(fcntl(file.fd, F_GETFD), FD_CLOEXEC);
	cr_assert_eq(file.st.st_size, 6);
	expect_text(&file, "inside");
	cr_assert_eq(target_open_at(j.fd, "/good_link", MIB, &file), 0);
	expect_text(&file, "inside");
	cr_assert_eq(target_open_at(j.fd, "/dir/../../../file", MIB, &file), 0);
	expect_text(&file, "inside");
	jail_done(&j);
}

Test(target_file, links_do_not_lead_out)
{
	struct jail j = jail_new();
	struct target_file file = { .fd = -7 };

	/* Both name a file that exists outside, and lead to nothing when looked up inside. */
	cr_assert_eq(target_open_at(j.fd, "/absolute_link", MIB, &file), -ENOENT);
	cr_assert_eq(target_open_at(j.fd, "/dotdot_link", MIB, &file), -ENOENT);
	cr_assert_eq(target_open_at(j.fd, "/loop", MIB, &file), -ELOOP);
	cr_assert_eq(file.fd, -7);
	jail_done(&j);
}

Test(target_file, magic_links_are_not_followed)
{
	int root = target_open_root((uint32_t)getpid());
	struct target_file file;

	cr_assert_geq(root, 0);
	cr_assert_eq(target_open_at(root, "/proc/self/exe", UINT64_MAX, &file), -ELOOP);
	close(root);
}

Test(target_file, only_regular_files_of_bounded_size)
{
	struct jail j = jail_new();
	struct target_file file;

	cr_assert_eq(target_open_at(j.fd, "/fifo", MIB, &file), -EINVAL);
	cr_assert_eq(target_open_at(j.fd, "/dir", MIB, &file), -EINVAL);
	cr_assert_eq(target_open_at(j.fd, "/", MIB, &file), -EINVAL);
	cr_assert_eq(target_open_at(j.fd, "/sparse", MIB, &file), -EFBIG);
	cr_assert_eq(target_open_at(j.fd, "/file", 6, &file), 0);
	close(file.fd);
	cr_assert_eq(target_open_at(j.fd, "/file", 5, &file), -EFBIG);
	cr_assert_eq(target_open_at(j.fd, "file", MIB, &file), -EINVAL);
	cr_assert_eq(target_open_at(j.fd, "", MIB, &file), -EINVAL);
	cr_assert_eq(target_open_own("/dev/null", MIB, &file), -EINVAL);
	jail_done(&j);
}

Test(target_file, process_that_has_gone)
{
	struct jail j = jail_new();
	struct target_file file;
	char path[64];
	uid_t uid;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	cr_assert_eq(target_open_root((uint32_t)pid), -ESRCH);
	cr_assert_eq(target_open_executable((uint32_t)pid, MIB, &file), -ESRCH);
	cr_assert_eq(target_uid((uint32_t)pid, &uid), -ESRCH);
	snprintf(path, sizeof(path), "%s/file", j.path);
	cr_assert_eq(target_open((uint32_t)pid, path, MIB, &file), 0);
	cr_assert_eq(file.where, TARGET_IN_OWN_ROOT);
	expect_text(&file, "inside");
	jail_done(&j);
}

Test(target_file, process_that_lives)
{
	struct target_file file, program;
	uid_t uid;

	cr_assert_eq(target_uid((uint32_t)getpid(), &uid), 0);
	cr_assert_eq(uid, geteuid());
	cr_assert_eq(target_open_executable((uint32_t)getpid(), UINT64_MAX, &program), 0);
	cr_assert_eq(target_open((uint32_t)getpid(), "/etc/passwd", MIB, &file), 0);
	cr_assert_eq(file.where, TARGET_IN_PROCESS);
	cr_assert_not(
		target_same_file(&file, (uint64_t)program.st.st_dev, (uint64_t)program.st.st_ino));
	close(file.fd);
	close(program.fd);
}

Test(target_file, what_proves_a_file)
{
	struct target_file file = { .where = TARGET_IN_PROCESS,
				    .st = { .st_dev = 5, .st_ino = 1000 } };
	const uint64_t layer = 1ULL << 61;

	cr_assert(target_same_file(&file, 5, 1000));
	cr_assert_not(target_same_file(&file, 5, 1001));
	cr_assert_not(target_same_file(&file, 5, 1000 | layer));
	/* Another device: overlayfs or btrfs, in the process's own root only. */
	cr_assert(target_same_file(&file, 6, 1000));
	cr_assert(target_same_file(&file, 6, 1000 | layer));
	cr_assert_not(target_same_file(&file, 6, 1001));
	cr_assert(target_same_file(&file, 0, 1000));
	file.where = TARGET_IN_OWN_ROOT;
	cr_assert(target_same_file(&file, 5, 1000));
	cr_assert_not(target_same_file(&file, 6, 1000));
	cr_assert_not(target_same_file(&file, 0, 1000));
}

/* A process in a jail of its own: what it calls /file is not our /file, and its links stay inside. */
Test(target_file, root_of_another_process)
{
	struct target_file file;
	int ready[2], root;
	struct jail j;
	pid_t pid;
	char c;

	if (geteuid() != 0)
		return; /* chroot(2) needs root; openat2 below a directory is covered above */
	j = jail_new();
	cr_assert_eq(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		close(ready[0]);
		if (!chroot(j.path) && !chdir("/") && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	cr_assert_eq(read(ready[0], &c, 1), 1);
	cr_assert_eq(target_open((uint32_t)pid, "/file", MIB, &file), 0);
	cr_assert_eq(file.where, TARGET_IN_PROCESS);
	expect_text(&file, "inside");
	cr_assert_eq(target_open((uint32_t)pid, "/absolute_link", MIB, &file), -ENOENT);
	cr_assert_eq(target_open((uint32_t)pid, "/dotdot_link", MIB, &file), -ENOENT);
	/* A root that was opened in time outlives the process. */
	root = target_open_root((uint32_t)pid);
	cr_assert_geq(root, 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_assert_eq(target_open_at(root, "/file", MIB, &file), 0);
	expect_text(&file, "inside");
	close(root);
	close(ready[0]);
	jail_done(&j);
}
