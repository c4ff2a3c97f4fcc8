/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux/procfs.h: parsers on kernel text, on hostile text, and reading our own /proc files.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/macros.h"
#include "linux/procfs.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX32 "0123456789abcdef0123456789abcdef"

/* ---- stat ---- */

#define STAT_TAIL                                                                                  \
	" S 1 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 7 0 123456 1000 5 18446744073709551615 1 " \
	"2 "                                                                                       \
	"140722000000000 0\n"

static int parse_stat(const char *text, struct proc_stat *stat)
{
	return proc_parse_stat(text, strlen(text), stat);
}

Test(procfs, stat)
{
	struct proc_stat stat;

	cr_assert_eq(parse_stat("42 (bash)" STAT_TAIL, &stat), 0);
	cr_assert_eq(stat.pid, 42);
	cr_assert_eq(stat.comm_len, 4);
	cr_assert_eq(memcmp(stat.comm, "bash", 4), 0);
	cr_assert_eq(stat.state, 'S');
	cr_assert_eq(stat.parent_pid, 1);
	cr_assert_eq(stat.nr_threads, 7);
	cr_assert_eq(stat.start_ticks, 123456);
	cr_assert_eq(stat.start_stack, 140722000000000);
	cr_assert_not(stat.kernel_thread);
}

Test(procfs, stat_of_a_kernel_thread)
{
	struct proc_stat stat;

	cr_assert_eq(
		parse_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0\n",
			   &stat),
		0);
	cr_assert(stat.kernel_thread);
	cr_assert_eq(stat.start_ticks, 0);
	cr_assert_eq(stat.start_stack, 0);
}

Test(procfs, stat_with_a_hostile_comm)
{
	static const char *const comms[] = { ") R 1 1", "a) S (b", "\n) Z 9", "", ")", "((" };

	for (size_t i = 0; i < ARRAY_SIZE(comms); i++) {
		struct proc_stat stat;
		char text[256];

		snprintf(text, sizeof(text), "42 (%s)" STAT_TAIL, comms[i]);
		cr_assert_eq(parse_stat(text, &stat), 0, "%s", comms[i]);
		cr_assert_eq(stat.comm_len, strlen(comms[i]));
		cr_assert_eq(memcmp(stat.comm, comms[i], stat.comm_len), 0);
		cr_assert_eq(stat.state, 'S');
		cr_assert_eq(stat.nr_threads, 7);
	}
}

Test(procfs, stat_cut_anywhere_is_refused)
{
	static const char text[] = "42 (bash) S 1 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 7 0 1";
	struct proc_stat stat = { .pid = 77 };

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		/* On the heap and to the byte, so that a sanitizer sees a read beyond it. */
		char *copy = malloc(len ? len : 1);

		memcpy(copy, text, len);
		cr_assert_eq(proc_parse_stat(copy, len, &stat), -EINVAL, "length %zu", len);
		free(copy);
	}
	cr_assert_eq(stat.pid, 77, "a failure leaves the result alone");
	cr_assert_eq(parse_stat("42 (bash) S 1 42 42 0 -1 99999999999 1 0 0 0 1 2 0 0 20 0 7 0 1",
				&stat),
		     -EINVAL);
	cr_assert_eq(parse_stat("42 bash) S 1", &stat), -EINVAL);
}

/* ---- status ---- */

static int parse_ns_pid(const char *text, uint32_t *pid)
{
	return proc_parse_ns_pid(text, strlen(text), pid);
}

Test(procfs, ns_pid_is_the_innermost)
{
	uint32_t pid = 0;

	cr_assert_eq(parse_ns_pid("Name:\tx\nPid:\t9\nNSpid:\t9\nNSpgid:\t8\n", &pid), 0);
	cr_assert_eq(pid, 9);
	cr_assert_eq(parse_ns_pid("Name:\tx\nNSpid:\t4021\t17\t1\nNSpgid:\t1\n", &pid), 0);
	cr_assert_eq(pid, 1);
	cr_assert_eq(parse_ns_pid("Name:\tx\nNSpid:\t4021\t17", &pid), 0);
	cr_assert_eq(pid, 17);
}

Test(procfs, ns_pid_missing_or_damaged)
{
	uint32_t pid = 5;

	cr_assert_eq(parse_ns_pid("", &pid), -ENODATA);
	cr_assert_eq(parse_ns_pid("Name:\tNSpid:\t7\n", &pid), -ENODATA);
	cr_assert_eq(parse_ns_pid("Name:\tx\nNSpid:\n", &pid), -ENODATA);
	cr_assert_eq(parse_ns_pid("Name:\tx\nNSpid:\t1\tx\n", &pid), -ENODATA);
	cr_assert_eq(parse_ns_pid("Name:\tx\nNSpid:\t99999999999\n", &pid), -ENODATA);
	cr_assert_eq(pid, 5);
}

/* ---- maps ---- */

static void expect_path(const char *raw, const char *want)
{
	char path[64];

	proc_map_path(raw, strlen(raw), path, sizeof(path));
	cr_assert_str_eq(path, want);
}

Test(procfs, maps_lines)
{
	static const char text[] =
		"55d0c0a00000-55d0c0a02000 r--p 00000000 fe:01 131 /usr/bin/a b\n"
		"not a line\n"
		"7f0000000000-7f0000001000 r-xp 00026000 08:1f 4503599627370496                 "
		"/lib/x\\012y "
		"(deleted)\n"
		"7f0000002000-7f0000003000 rwxp 00000000 00:00 0 \n"
		"7f0000004000-7f0000003000 r-xp 00000000 00:00 0 \n"
		"7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0                          [vdso]\n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]";
	struct proc_map map;
	size_t pos = 0, len = sizeof(text) - 1;

	cr_assert(proc_next_map(text, len, &pos, &map));
	cr_assert_not(map.executable);
	cr_assert_eq(map.path_len, strlen("/usr/bin/a b"));
	cr_assert(proc_next_map(text, len, &pos, &map));
	cr_assert(map.executable);
	cr_assert_eq(map.start, 0x7f0000000000);
	cr_assert_eq(map.end, 0x7f0000001000);
	cr_assert_eq(map.file_offset, 0x26000);
	cr_assert_eq(map.device, makedev(8, 0x1f));
	cr_assert_eq(map.inode, 4503599627370496);
	cr_assert_eq(map.path_len, strlen("/lib/x\\012y (deleted)"));
	cr_assert(proc_next_map(text, len, &pos, &map));
	cr_assert(map.executable);
	cr_assert_eq(map.path_len, 0);
	cr_assert(proc_next_map(text, len, &pos, &map));
	cr_assert_eq(memcmp(map.path, "[vdso]", map.path_len), 0);
	cr_assert(proc_next_map(text, len, &pos, &map));
	cr_assert_eq(map.start, 0xffffffffff600000);
	cr_assert(map.executable);
	cr_assert_not(proc_next_map(text, len, &pos, &map));
	cr_assert_eq(pos, len);
}

Test(procfs, maps_cut_anywhere_stay_inside)
{
	static const char text[] = "7f0000000000-7f0000001000 r-xp 00026000 08:1f 4503 "
				   "/lib/x\n7f-80 r-xp 0 0:0 1 /y\n";

	for (size_t len = 0; len < sizeof(text); len++) {
		char *copy = malloc(len ? len : 1);
		struct proc_map map;
		size_t pos = 0;

		memcpy(copy, text, len);
		while (proc_next_map(copy, len, &pos, &map)) {
			cr_assert_lt(map.start, map.end);
			cr_assert_leq(map.path + map.path_len, copy + len);
		}
		cr_assert_eq(pos, len);
		free(copy);
	}
}

Test(procfs, map_paths)
{
	char small[4];

	expect_path("/a b", "/a b");
	expect_path("/a\\012b", "/a\nb");
	expect_path("/a\\040b\\", "/a\\040b\\");
	expect_path("/a\\01", "/a\\01");
	expect_path("", "");
	proc_map_path("/abcdef", 7, small, sizeof(small));
	cr_assert_str_eq(small, "/ab");
}

Test(procfs, deleted)
{
	cr_assert_eq(proc_path_len("/usr/bin/x (deleted)"), strlen("/usr/bin/x"));
	cr_assert_eq(proc_path_len("/usr/bin/x"), strlen("/usr/bin/x"));
	cr_assert_eq(proc_path_len(" (deleted)"), strlen(" (deleted)"));
	cr_assert_eq(proc_path_len("[x] (deleted)"), strlen("[x] (deleted)"));
	cr_assert_eq(proc_path_len(""), 0);
}

/* ---- cgroup ---- */

static void expect_cgroup(const char *text, const char *want)
{
	const char *path = NULL;
	size_t len = 0;

	cr_assert_eq(proc_parse_cgroup(text, strlen(text), &path, &len), 0, "%s", text);
	cr_assert_eq(len, strlen(want), "%.*s", (int)len, path);
	cr_assert_eq(memcmp(path, want, len), 0, "%.*s", (int)len, path);
}

Test(procfs, cgroup_lines)
{
	const char *path;
	size_t len;

	expect_cgroup("0::/user.slice/session-1.scope\n", "/user.slice/session-1.scope");
	expect_cgroup("0::/\n", "/");
	expect_cgroup("9:name=systemd:/\n4:memory:/jobs/a:b c\n2:cpu:/other\n0::/\n",
		      "/jobs/a:b c");
	expect_cgroup("4:memory:/jobs\n0::/unified/x", "/unified/x");
	expect_cgroup("4:memory:/a\n3:pids:/docker/" HEX64 "\n0::/unified/x\n", "/docker/" HEX64);
	expect_cgroup("garbage\n:\n4:memory\n5:x:no-slash\n1::/ok\n", "/ok");
	cr_assert_eq(proc_parse_cgroup("", 0, &path, &len), -ENODATA);
	cr_assert_eq(proc_parse_cgroup("0::\n1:a\n", 8, &path, &len), -ENODATA);
}

static void expect_container(const char *path, const char *want)
{
	const char *id = NULL;
	size_t len = 0;

	if (!want) {
		cr_assert_not(cgroup_container_id(path, strlen(path), &id, &len), "%s gave %.*s",
			      path, (int)len, id);
		return;
	}
	cr_assert(cgroup_container_id(path, strlen(path), &id, &len), "%s", path);
	cr_assert_eq(len, strlen(want), "%s gave %.*s", path, (int)len, id);
	cr_assert_eq(memcmp(id, want, len), 0, "%s gave %.*s", path, (int)len, id);
}

Test(procfs, container_ids)
{
	expect_container(
		"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234_5.slice/"
		"cri-containerd-" HEX64 ".scope",
		HEX64);
	expect_container("/kubepods.slice/kubepods-pod1.slice/crio-" HEX64 ".scope/container",
			 HEX64);
	expect_container("/kubepods/besteffort/pod12-34/" HEX64, HEX64);
	expect_container("/kubepods/pod" HEX32 "/" HEX64 "/init", HEX64);
	expect_container("/system.slice/kubepods-pod1.slice:cri-containerd:" HEX64, HEX64);
	expect_container("/system.slice/docker-" HEX64 ".scope/init", HEX64);
	expect_container("/docker/" HEX64, HEX64);
	expect_container("/machine.slice/libpod-" HEX64 ".scope/container", HEX64);
	expect_container("/ecs/task/" HEX32 "-1234567890", HEX32 "-1234567890");
	expect_container("/lxc/web1", "web1");
	expect_container("/lxc/web1/system.slice/ssh.service", "web1");
	expect_container("/lxc.payload.web2/init.scope", "web2");
	expect_container("/machine.slice/systemd-nspawn@deb.service/payload", "deb");
	/* The innermost of nested ones. */
	expect_container("/docker/" HEX64 "/kubepods/pod1/ff" HEX32
			 "0123456789abcdef0123456789abcd",
			 "ff" HEX32 "0123456789abcdef0123456789abcd");
}

Test(procfs, not_containers)
{
	expect_container("", NULL);
	expect_container("/", NULL);
	expect_container("/user.slice/user-1000.slice", NULL);
	expect_container("/kubepods/pod" HEX32, NULL);
	expect_container("/x/crio-conmon-" HEX64 ".scope", NULL);
	expect_container("/x/libpod-conmon-" HEX64 ".scope", NULL);
	expect_container("/x/" HEX32, NULL);
	expect_container("/x/" HEX32 "-", NULL);
	expect_container("/x/" HEX32 "-12a", NULL);
	expect_container("/x/" HEX64 "0", NULL);
	expect_container("/lxc/", NULL);
}

/* ---- files ---- */

static int count_id(void *arg, uint32_t id)
{
	uint32_t *wanted = arg;

	if (id == *wanted)
		*wanted = 0;
	return 0;
}

static int stop_at_once(void *arg, uint32_t id)
{
	(void)arg;
	(void)id;
	return 42;
}

Test(procfs, reads_our_own_files)
{
	struct buffer text = BUFFER_INIT;
	struct proc_stat stat;
	uint32_t wanted = (uint32_t)getpid(), ns_pid;
	char link[4096];
	int fd = proc_open((uint32_t)getpid());

	cr_assert_geq(fd, 0);
	cr_assert_eq(proc_read(fd, "stat", 65536, &text), 0);
	cr_assert_eq(proc_parse_stat(text.data, text.len, &stat), 0);
	cr_assert_eq(stat.pid, (uint32_t)getpid());
	cr_assert_eq(stat.parent_pid, (uint32_t)getppid());
	cr_assert_eq(proc_read(fd, "status", 65536, &text), 0);
	cr_assert_eq(proc_parse_ns_pid(text.data, text.len, &ns_pid), 0);
	cr_assert_eq(proc_read(fd, "maps", 100, &text), -EFBIG);
	cr_assert_eq(text.len, 100);
	cr_assert_eq(proc_read(fd, "maps", 1 << 20, &text), 0);
	cr_assert_gt(text.len, 1000);
	cr_assert_eq(proc_read(fd, "no such file", 100, &text), -ENOENT);
	cr_assert_eq(proc_read_link(fd, "exe", link, sizeof(link)), 0);
	cr_assert_eq(link[0], '/');
	cr_assert_eq(proc_read_link(fd, "exe", link, 3), -ENAMETOOLONG);
	cr_assert_eq(proc_for_each(fd, "task", count_id, &wanted), 0);
	cr_assert_eq(wanted, 0, "our own thread is among the tasks");
	cr_assert_eq(proc_for_each(AT_FDCWD, "/proc", stop_at_once, NULL), 42);
	cr_assert_eq(proc_for_each(AT_FDCWD, "/no such directory", stop_at_once, NULL), -ENOENT);
	close(fd);
	buffer_done(&text);
	cr_assert_eq(proc_open(INT32_MAX), -ENOENT);
}
