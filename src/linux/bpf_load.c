/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading the BPF programs: map sizes, settings, and sentences for what goes wrong.
 * Called by src/linux/bpf_collector.c.
 * Must not know what the programs send.
 */
#include "linux/bpf_private.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/macros.h"
#include "linux/privilege.h"

#define BTF_PATH           "/sys/kernel/btf/vmlinux"
#define RING_BYTES_DEFAULT (2u << 20)
#define RING_BYTES_COPIES \
	(4u << 20) /* where stacks may come as copies of 16 KiB, for a while all of them */
#define RING_BYTES_DEFAULT_MAX (32u << 20)
#define RING_BYTES_MIN         4096u
#define RING_BYTES_MAX         (1u << 30)
#define COUNTS_MIN             8192u
#define COUNTS_MAX             (1u << 20)

/* The first warning of libbpf: what failed. Those that follow say what could not go on because of it. */
static _Thread_local char first_warning[256];

static int keep_warning(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (level != LIBBPF_WARN || first_warning[0])
		return 0;
	vsnprintf(first_warning, sizeof(first_warning), fmt, args);
	first_warning[strcspn(first_warning, "\n")] = '\0';
	return 0;
}

/* bpf_loop() is the youngest of the helpers that the programs cannot do without. Some kernels have it backported, so it
 * is looked for, and not the version. An answer that is no clear "no" is left to the attempt to load. */
static int probe_helpers(struct oc_error *err)
{
	struct utsname os;

	if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_PERF_EVENT, BPF_FUNC_loop, NULL))
		return 0;
	if (uname(&os))
		memset(&os, 0, sizeof(os));
	return oc_error_set(
		err, -EOPNOTSUPP,
		"kernel %s is too old for our BPF programs, for --unwind=copy as well: they need "
		"bpf_loop(), which Linux 5.17 and newer have",
		os.release);
}

int bpf_load_probe(struct oc_error *err)
{
	static const int caps[] = { CAP_BPF, CAP_PERFMON };
	char missing[64];

	if (privilege_missing(caps, ARRAY_SIZE(caps), missing, sizeof(missing)))
		return oc_error_set(
			err, -EPERM,
			"BPF programs need %s, which this process lacks; run it as root (sudo), "
			"or: "
			"sudo setcap "
			"cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search,cap_syslog+ep "
			"\"$(command -v record-trace)\"",
			missing);
	if (access(BTF_PATH, R_OK))
		return oc_error_set(err, -EOPNOTSUPP,
				    "the kernel has no type information (%s); it needs "
				    "CONFIG_DEBUG_INFO_BTF=y, "
				    "which distribution kernels since 2020 have",
				    BTF_PATH);
	return probe_helpers(err);
}

static uint32_t round_up_power_of_two(uint64_t n, uint32_t least, uint32_t most)
{
	uint32_t size = least;

	while (size < n && size < most)
		size *= 2;
	return size;
}

/* Rows for two seconds in which no two samples are alike; a drain is due when half of them are used. */
static uint32_t counts_entries(const struct bpf_collector *c)
{
	if (c->opts.map_entries)
		return c->opts.map_entries;
	return round_up_power_of_two((uint64_t)c->opts.frequency_hz * c->events.nr * 2, COUNTS_MIN,
				     COUNTS_MAX);
}

/* A timeline needs room for a second of samples, for when we get the CPU late. */
static uint64_t ring_bytes(const struct bpf_collector *c)
{
	uint64_t second =
		(uint64_t)c->opts.frequency_hz * c->events.nr * (sizeof(struct wire_sample) + 8);

	uint64_t least = c->opts.unwind == OC_UNWIND_FP ? RING_BYTES_DEFAULT : RING_BYTES_COPIES;

	if (c->opts.ring_bytes)
		return c->opts.ring_bytes;
	/* Half a second of copies. */
	if (c->opts.unwind == OC_UNWIND_COPY)
		second = (uint64_t)c->opts.frequency_hz * c->events.nr * WIRE_COPY_BYTES_EACH / 2;
	else if (!c->opts.timeline)
		return least;
	return MIN(MAX(second, least), RING_BYTES_DEFAULT_MAX);
}

static int size_maps(struct bpf_collector *c)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	uint32_t ring =
		round_up_power_of_two(ring_bytes(c), MAX(page, RING_BYTES_MIN), RING_BYTES_MAX);
	uint32_t seen = c->opts.map_entries ? c->opts.map_entries : 65536;
	int rc;

	c->counts_entries = c->opts.timeline ? 1 : counts_entries(c);
	rc = bpf_map__set_max_entries(c->skel->maps.records, ring);
	rc = rc ? rc : bpf_map__set_max_entries(c->skel->maps.counts_even, c->counts_entries);
	rc = rc ? rc : bpf_map__set_max_entries(c->skel->maps.counts_odd, c->counts_entries);
	rc = rc ? rc : bpf_map__set_max_entries(c->skel->maps.seen_stacks, seen);
	c->skel->rodata->wakeup_bytes = ring / 4;
	return rc;
}

static void configure(struct bpf_collector *c)
{
	long frames = privilege_sysctl("/proc/sys/kernel/perf_event_max_stack", WIRE_FRAMES_MAX);
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed))
		c->skel->rodata->hash_seed = seed;
	c->skel->rodata->is_timeline = c->opts.timeline;
	c->skel->rodata->has_kernel_stacks = c->opts.kernel_stacks;
	c->skel->rodata->frames_max =
		frames > 0 && frames < WIRE_FRAMES_MAX ? (uint32_t)frames : WIRE_FRAMES_MAX;
}

static int explain_load(int code, struct oc_error *err)
{
	struct utsname os;

	if (bpf_load_probe(err))
		return code;
	if (uname(&os))
		memset(&os, 0, sizeof(os));
	if (code == -EPERM || code == -EACCES)
		return oc_error_set(err, code,
				    "the kernel refused our BPF programs (%s) although the "
				    "capabilities are there; a "
				    "container's seccomp profile or kernel lockdown forbids it. %s",
				    strerror(-code), first_warning);
	return oc_error_set(err, code, "our BPF programs do not load on kernel %s: %s. %s",
			    os.release, strerror(-code), first_warning);
}

int bpf_load(struct bpf_collector *c, struct oc_error *err)
{
	int rc;

	first_warning[0] = '\0';
	libbpf_set_print(keep_warning);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	c->skel = cpu_bpf__open();
	if (!c->skel)
		return explain_load(-errno, err);
	configure(c);
	rc = size_maps(c);
	if (rc)
		return oc_error_set(err, rc, "cannot size the kernel's tables: %s", strerror(-rc));
	rc = unwind_maps_prepare(c, err);
	rc = rc ? rc : targets_prepare(c, err);
	if (rc)
		return rc;
	rc = cpu_bpf__load(c->skel);
	if (rc)
		return explain_load(rc, err);
	return unwind_maps_open(c, err);
}

/* The kernel tells a map's memory only in its descriptor's fdinfo. */
static uint64_t map_bytes(int fd)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	}
	fclose(f);
	return bytes;
}

uint64_t bpf_load_map_bytes(const struct bpf_collector *c)
{
	uint64_t bytes = 0;
	struct bpf_map *map;

	if (!c->skel)
		return 0;
	bpf_object__for_each_map(map, c->skel->obj)
	{
		if (bpf_map__fd(map) >= 0)
			bytes += map_bytes(bpf_map__fd(map));
	}
	return bytes;
}

void bpf_load_run_time(const struct bpf_collector *c, uint64_t *ret_ns, uint64_t *ret_runs,
		       uint64_t *ret_missed)
{
	struct bpf_program *prog;

	*ret_ns = *ret_runs = *ret_missed = 0;
	if (!c->skel)
		return;
	bpf_object__for_each_program(prog, c->skel->obj)
	{
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		if (bpf_program__fd(prog) < 0 ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			continue;
		*ret_ns += info.run_time_ns;
		*ret_runs += info.run_cnt;
		*ret_missed += info.recursion_misses;
	}
}
