/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What works on this machine: each feature is tried for real, and what is missing is named with its fix.
 * Called by `record-trace check` and by programs through onecollect/recording.h.
 * Must not leave anything attached.
 */
#include <onecollect/recording.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <sys/statfs.h>
#include <linux/magic.h>
#include <unistd.h>

#include "base/macros.h"
#include "linux/bpf_private.h"
#include "linux/perf.h"
#include "linux/privilege.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"

static void say(char *text, size_t size, const char *fmt, ...) __printf_like(3, 4);
static void say(char *text, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, size, fmt, args);
	va_end(args);
}

#define because(check, ...) say((check)->why, sizeof((check)->why), __VA_ARGS__)
#define fix_is(check, ...)  say((check)->fix, sizeof((check)->fix), __VA_ARGS__)

static bool lacks(struct oc_check *check, const int *caps, size_t nr)
{
	char missing[96];

	if (!privilege_missing(caps, nr, missing, sizeof(missing)))
		return false;
	check->needs_privilege = true;
	because(check, "this process lacks %s", missing);
	fix_is(check, "run as root: sudo record-trace ...");
	return true;
}

static void explain_errno(struct oc_check *check, int code, const char *what)
{
	struct oc_error err = { 0 };

	perf_explain(code, what, &err);
	because(check, "%s", err.message);
}

static enum oc_check_state check_btf(struct oc_check *check)
{
	if (!access(BTF_PATH, R_OK)) {
		because(check, "%s is there", BTF_PATH);
		return OC_CHECK_OK;
	}
	because(check, "%s: %s", BTF_PATH, strerror(errno));
	fix_is(check, "use a kernel built with CONFIG_DEBUG_INFO_BTF=y");
	return OC_CHECK_MISSING;
}

static int stay_quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level, (void)fmt, (void)args;
	return 0;
}

static enum oc_check_state try_load(struct oc_check *check, bool with_children)
{
	static const int caps[] = { CAP_BPF, CAP_PERFMON };
	struct oc_error err = { 0 };
	struct cpu_bpf *skel;
	int rc;

	libbpf_set_print(stay_quiet);
	if (bpf_load_probe(&err) == -EOPNOTSUPP) {
		because(check, "%s", err.message);
		fix_is(check, "use Linux 5.17 or newer with CONFIG_DEBUG_INFO_BTF=y");
		return OC_CHECK_MISSING;
	}
	skel = cpu_bpf__open();
	if (!skel) {
		because(check, "cannot read the programs: %s", strerror(errno));
		return OC_CHECK_MISSING;
	}
	bpf_program__set_autoload(skel->progs.follow_fork, with_children);
	bpf_program__set_autoload(skel->progs.follow_exit, with_children);
	bpf_program__set_autoload(skel->progs.follow_free, with_children);
	rc = cpu_bpf__load(skel);
	cpu_bpf__destroy(skel);
	if (!rc) {
		because(check, "loads and verifies");
		return OC_CHECK_OK;
	}
	if (!lacks(check, caps, ARRAY_SIZE(caps))) {
		because(check, "the kernel refuses the program: %s", strerror(-rc));
		fix_is(check, "in a container allow bpf(2) in its seccomp profile");
	}
	return OC_CHECK_MISSING;
}

static enum oc_check_state check_bpf(struct oc_check *check)
{
	return try_load(check, false);
}

static enum oc_check_state check_children(struct oc_check *check)
{
	return try_load(check, true);
}

static enum oc_check_state try_event(struct oc_check *check, struct perf_event_attr *attr, int pid,
				     int cpu)
{
	int fd = perf_open(attr, pid, cpu, -1);

	if (fd >= 0) {
		close(fd);
		because(check, "an event opens");
		return OC_CHECK_OK;
	}
	explain_errno(check, fd, check->what);
	check->needs_privilege = fd == -EACCES || fd == -EPERM;
	if (check->needs_privilege)
		fix_is(check, "run as root, or: sudo sysctl kernel.perf_event_paranoid=%d",
		       cpu >= 0 ? 0 : 2);
	return OC_CHECK_MISSING;
}

static enum oc_check_state check_clock(struct oc_check *check)
{
	struct perf_event_attr attr = { .size = sizeof(attr),
					.type = PERF_TYPE_SOFTWARE,
					.config = PERF_COUNT_SW_CPU_CLOCK,
					.freq = 1,
					.sample_freq = 99,
					.disabled = 1 };

	return try_event(check, &attr, -1, 0);
}

static enum oc_check_state check_own(struct oc_check *check)
{
	struct perf_event_attr attr = { .size = sizeof(attr),
					.type = PERF_TYPE_SOFTWARE,
					.config = PERF_COUNT_SW_CPU_CLOCK,
					.freq = 1,
					.sample_freq = 99,
					.exclude_kernel = 1,
					.disabled = 1 };

	return try_event(check, &attr, 0, -1);
}

static enum oc_check_state check_cycles(struct oc_check *check)
{
	struct perf_event_attr attr = { .size = sizeof(attr),
					.type = PERF_TYPE_HARDWARE,
					.config = PERF_COUNT_HW_CPU_CYCLES,
					.freq = 1,
					.sample_freq = 99,
					.disabled = 1 };

	if (try_event(check, &attr, -1, 0) == OC_CHECK_OK)
		return OC_CHECK_OK;
	because(check, "no hardware counter here (usual in virtual machines); samples come by the "
		       "CPU clock");
	check->fix[0] = '\0';
	check->needs_privilege = false;
	return OC_CHECK_LIMITED;
}

static enum oc_check_state check_sideband(struct oc_check *check)
{
	struct perf_event_attr attr = { .size = sizeof(attr),
					.type = PERF_TYPE_SOFTWARE,
					.config = PERF_COUNT_SW_DUMMY,
					.mmap = 1,
					.mmap2 = 1,
					.comm = 1,
					.task = 1 };

	return try_event(check, &attr, -1, 0);
}

/* The first symbols may be per-CPU variables, whose address truly is 0 (x86 below 6.15), so a function has to tell. */
static bool sees_kernel_addresses(void)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	unsigned long long address = 0;
	char line[1024], type = '\0';

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %c", &address, &type) == 2 && (type == 'T' || type == 't'))
			break;
		address = 0;
	}
	if (f)
		fclose(f);
	return address;
}

static enum oc_check_state check_kernel_symbols(struct oc_check *check)
{
	if (sees_kernel_addresses()) {
		because(check, "addresses are readable");
		return OC_CHECK_OK;
	}
	because(check, "kernel addresses are hidden (kernel.kptr_restrict is %ld)",
		privilege_sysctl("/proc/sys/kernel/kptr_restrict", -1));
	fix_is(check, "run as root, and: sudo sysctl kernel.kptr_restrict=1");
	return OC_CHECK_LIMITED;
}

static enum oc_check_state check_other_processes(struct oc_check *check)
{
	static const int caps[] = { CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH };

	if (lacks(check, caps, ARRAY_SIZE(caps)))
		return OC_CHECK_LIMITED;
	because(check, "files of every process can be read");
	return OC_CHECK_OK;
}

static enum oc_check_state check_cgroups(struct oc_check *check)
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		struct statfs fs;

		if (!statfs(mounts[i], &fs) && fs.f_type == CGROUP2_SUPER_MAGIC) {
			because(check, "version 2 at %s", mounts[i]);
			return OC_CHECK_OK;
		}
	}
	because(check,
		"no version 2 hierarchy; members of a version 1 group are listed once a second");
	return OC_CHECK_LIMITED;
}

static const struct {
	const char *name;
	const char *what;
	bool required;
	enum oc_check_state (*run)(struct oc_check *check);
} features[] = {
	{ "btf", "type information of the kernel", true, check_btf },
	{ "bpf-sampling", "stacks counted inside the kernel", true, check_bpf },
	{ "perf-clock", "CPU sampling of the whole machine", true, check_clock },
	{ "sideband", "processes, threads and mappings as they come and go", true, check_sideband },
	{ "perf-cycles", "sampling by CPU cycles", false, check_cycles },
	{ "children", "following the children of recorded processes", false, check_children },
	{ "kernel-symbols", "names of kernel functions", false, check_kernel_symbols },
	{ "other-processes", "names in other users' processes", false, check_other_processes },
	{ "cgroups", "recording one cgroup or container", false, check_cgroups },
	{ "own-processes", "recording one's own processes without privilege", false, check_own },
};

int oc_check_run(struct oc_check **ret_checks)
{
	struct oc_check *checks = calloc(ARRAY_SIZE(features), sizeof(*checks));

	if (!checks)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		checks[i].name = features[i].name;
		checks[i].what = features[i].what;
		checks[i].required = features[i].required;
		checks[i].state = features[i].run(&checks[i]);
	}
	*ret_checks = checks;
	return ARRAY_SIZE(features);
}
