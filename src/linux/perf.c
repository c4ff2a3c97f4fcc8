/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perf events and their ring buffers.
 * Called by side-band discovery and both Linux collectors.
 * Must not know what a record means.
 */
#include "linux/perf.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "linux/privilege.h"

/* perf's clock and ours run apart a little; to take a CPU away and bring it back takes longer than this. */
#define PULSE_SLACK_NS 20000000u

/* perf_event_header.size is 16 bits wide. */
#define RECORD_MAX 65536u

int perf_open(struct perf_event_attr *attr, int pid, int cpu, int group_fd)
{
	long fd = syscall(SYS_perf_event_open, attr, pid, cpu, group_fd, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

uint64_t perf_enabled_ns(int fd)
{
	struct {
		uint64_t value;
		uint64_t enabled_ns;
	} reading;

	if (fd < 0 || read(fd, &reading, sizeof(reading)) != sizeof(reading))
		return 0;
	return reading.enabled_ns;
}

bool perf_is_alive(int fd, struct perf_pulse *pulse)
{
	uint64_t before_ns = clock_monotonic_ns();
	uint64_t enabled = perf_enabled_ns(fd);
	bool alive =
		!pulse->checked_ns ||
		enabled + PULSE_SLACK_NS >= pulse->enabled_ns + (before_ns - pulse->checked_ns);

	*pulse = (struct perf_pulse){ .enabled_ns = enabled, .checked_ns = clock_monotonic_ns() };
	return alive;
}

/* kernel.<name> of /proc/sys, -1 when it cannot be read. */
static long setting(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	return privilege_sysctl(path, -1);
}

static int explain_refusal(int code, const char *what, struct oc_error *err)
{
	if (privilege_has(CAP_PERFMON))
		return oc_error_set(
			err, code,
			"cannot open %s: %s, although CAP_PERFMON is held; a seccomp filter or a "
			"security "
			"module forbids perf_event_open(2): in a container allow that system call",
			what, strerror(-code));
	return oc_error_set(
		err, code,
		"cannot open %s: %s; CAP_PERFMON is missing and kernel.perf_event_paranoid is %ld: "
		"run as "
		"root or with CAP_PERFMON, or set it to 2 for one's own processes or to 0 for all: "
		"sudo sysctl kernel.perf_event_paranoid=0",
		what, strerror(-code), setting("perf_event_paranoid"));
}

int perf_explain(int code, const char *what, struct oc_error *err)
{
	struct rlimit files = { 0 };

	switch (code) {
	case -EACCES:
	case -EPERM:
		return explain_refusal(code, what, err);
	case -EMFILE:
	case -ENFILE:
		getrlimit(RLIMIT_NOFILE, &files);
		return oc_error_set(err, code,
				    "cannot open %s: too many open files (the limit is %llu); "
				    "raise it: ulimit -n %llu",
				    what, (unsigned long long)files.rlim_cur,
				    (unsigned long long)MAX(files.rlim_cur * 4, 65536));
	case -EINVAL:
		return oc_error_set(err, code,
				    "cannot open %s: the kernel refused the request; a sampling "
				    "rate must not exceed "
				    "kernel.perf_event_max_sample_rate, which is %ld",
				    what, setting("perf_event_max_sample_rate"));
	case -ENOBUFS:
		return oc_error_set(
			err, code,
			"cannot map the buffer of %s: the memory that a user may lock is used up "
			"(kernel.perf_event_mlock_kb is %ld per CPU); use a smaller --buffer, or "
			"raise it: "
			"sudo sysctl kernel.perf_event_mlock_kb=8192",
			what, setting("perf_event_mlock_kb"));
	case -ENOSYS:
		return oc_error_set(err, code,
				    "cannot open %s: this kernel is built without perf events",
				    what);
	case -ENOENT:
	case -EOPNOTSUPP:
		return oc_error_set(err, code,
				    "cannot open %s: this machine does not have that event", what);
	case -ESRCH:
		return oc_error_set(err, code, "cannot open %s: no such process", what);
	case -ENODEV:
		return oc_error_set(err, code, "cannot open %s: no such CPU, or it is offline",
				    what);
	default:
		return oc_error_set(err, code, "cannot open %s: %s", what, strerror(-code));
	}
}

/* Maps the buffer of ring->fd. Returns 0 or a negative errno value. */
static int map_buffer(struct perf_ring *ring, uint32_t pages)
{
	size_t page = (size_t)getpagesize();
	void *base;

	ring->wrapped = malloc(RECORD_MAX);
	if (!ring->wrapped)
		return -ENOMEM;
	base = mmap(NULL, page + page * pages, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	/* EPERM of this mmap(2) has one cause; give it a code of its own so that it can be explained. */
	if (base == MAP_FAILED)
		return errno == EPERM ? -ENOBUFS : -errno;
	ring->base = base;
	ring->data_size = page * pages;
	return 0;
}

int perf_ring_open(struct perf_ring *ring, struct perf_event_attr *attr, int pid, int cpu,
		   uint32_t pages)
{
	int r;

	*ring = (struct perf_ring){ .fd = perf_open(attr, pid, cpu, -1), .cpu = cpu };
	if (ring->fd < 0) {
		r = ring->fd;
		ring->fd = -1;
		return r;
	}
	r = map_buffer(ring, pages);
	if (r)
		perf_ring_close(ring);
	return r;
}

void perf_ring_close(struct perf_ring *ring)
{
	if (ring->base)
		munmap(ring->base, (size_t)getpagesize() + ring->data_size);
	if (ring->fd >= 0)
		close(ring->fd);
	free(ring->wrapped);
	*ring = (struct perf_ring){ .fd = -1, .cpu = ring->cpu };
}

/*
 * The record that begins `at` bytes into the stream, in one piece; `available` bytes follow.
 * Returns NULL when its size cannot be right. Records are padded to 8 bytes, so a header never crosses the end.
 */
static const struct perf_event_header *record_at(struct perf_ring *ring, uint64_t at,
						 uint64_t available)
{
	char *data = (char *)ring->base + getpagesize();
	size_t offset = at & (ring->data_size - 1);
	const struct perf_event_header *record = (const void *)(data + offset);
	size_t size, first;

	if (available < sizeof(*record))
		return NULL;
	size = record->size;
	if (size < sizeof(*record) || size % 8 || size > available)
		return NULL;
	first = ring->data_size - offset;
	if (size <= first)
		return record;
	memcpy(ring->wrapped, record, first);
	memcpy(ring->wrapped + first, data, size - first);
	return (const void *)ring->wrapped;
}

/* Hands out what is in the buffer; *ret_tail is set to the position behind the last record handed out or skipped. */
static int walk(struct perf_ring *ring, perf_record_fn fn, void *arg, uint64_t *ret_tail)
{
	struct perf_event_mmap_page *page = ring->base;
	uint64_t tail = page->data_tail; /* only written by this process */
	/* Pairs with the kernel's barrier between writing data and publishing data_head. */
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
	int r = 0;

	*ret_tail = head;
	if (head - tail > ring->data_size || tail % 8)
		return -EBADMSG;
	while (tail != head && !r) {
		const struct perf_event_header *record = record_at(ring, tail, head - tail);

		if (!record)
			return -EBADMSG;
		tail += record->size;
		r = fn(arg, record);
	}
	*ret_tail = tail;
	return r;
}

int perf_ring_read(struct perf_ring *ring, perf_record_fn fn, void *arg)
{
	struct perf_event_mmap_page *page = ring->base;
	uint64_t tail;
	int r;

	if (!page)
		return 0;
	r = walk(ring, fn, arg, &tail);
	/* The kernel may overwrite what is before data_tail, so all reads come first. */
	__atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
	return r;
}

int perf_ring_peek(struct perf_ring *ring, perf_record_fn fn, void *arg)
{
	uint64_t tail;

	return ring->base ? walk(ring, fn, arg, &tail) : 0;
}
