/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples one process with the kernel's walker by tables, its tables filled here, and prints what it saw; for
 * tests/live/test_unwind_walk.py. Fixed to the process: nothing of others is read.
 * Usage: unwind_walk PID SECONDS tables|fp|copy
 *
 * One line for each stack: stack SAMPLES STATE ADDRESS...   (leaf first, without the place that the sample hit)
 * In the end: samples=N copies=N runs=N ns=N             (ns: a run of the program, on average)
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/macros.h"
#include "base/vdso.h"
#include "bpf/wire.h"
#include "linux/procfs.h"
#include "unwind/store.h"

#include "cpu.skel.h"

#define NR_RANGES   1024u
#define NR_PAGES    8192u
#define NR_CHUNKS   64u
#define MAPS_BYTES  (1u << 20)
#define RATE_HZ     999
#define POLL_MS     20
#define MODULES_MAX 512

struct module {
	uint64_t inode; /* 0 = the vDSO */
	uint64_t device;
	uint32_t number;
	struct unwind_table *table;
};

/* Frames by the name of their stack. */
struct stack {
	uint64_t name;
	uint32_t nr;
	uint64_t frames[WIRE_FRAMES_MAX];
};

struct session {
	struct cpu_bpf *skel;
	pid_t pid;
	struct unwind_memory memory;
	struct unwind_store *store;
	struct module modules[MODULES_MAX];
	size_t nr_modules;
	struct unwind_image image;
	uint64_t image_name;
	struct stack *stacks;
	size_t nr_stacks, cap_stacks;
	uint64_t copies;
};

static int die(const char *what, int code)
{
	fprintf(stderr, "unwind_walk: %s: %s\n", what, strerror(-code));
	return 1;
}

static void wait_for_programs(void *arg)
{
	(void)arg;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(20000);
}

/* ---- tables ----------------------------------------------------------------------------------------------------- */

static int compile(const struct session *s, const struct proc_map *map,
		   struct unwind_table **ret_table)
{
	char path[96];
	int fd __cleanup(cleanup_close) = -1;

	/* All processes of a kernel have the same. */
	if (!map->inode) {
		size_t size;
		const void *vdso = vdso_image(&size);

		return vdso ? unwind_table_compile_image(vdso, size, ret_table, NULL) : -ENOENT;
	}
	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)s->pid,
		 (unsigned long long)map->start, (unsigned long long)map->end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : unwind_table_compile(fd, -1, ret_table, NULL);
}

static struct module *module_of(struct session *s, const struct proc_map *map)
{
	bool is_vdso = map->path_len == 6 && !memcmp(map->path, "[vdso]", 6);
	struct module *m = s->modules;

	if (!map->inode && !is_vdso)
		return NULL;
	for (; m < s->modules + s->nr_modules; m++) {
		if (m->inode == map->inode && m->device == map->device)
			return m;
	}
	if (s->nr_modules == MODULES_MAX)
		return NULL;
	s->nr_modules++;
	m->inode = map->inode;
	m->device = map->device;
	if (!compile(s, map, &m->table) && unwind_store_add_module(s->store, m->table, &m->number))
		m->number = 0;
	return m;
}

/* The ranges of what is mapped. Returns how many. */
static uint32_t list_ranges(struct session *s, const struct buffer *maps,
			    struct unwind_range *ranges)
{
	struct proc_map map;
	size_t pos = 0;
	uint32_t nr = 0;

	while (proc_next_map(maps->data, maps->len, &pos, &map) &&
	       nr + UNWIND_MAPPING_RANGES <= NR_RANGES) {
		const struct module *m;
		uint64_t bias = 0;
		uint32_t number;

		if (!map.executable || map.start >> 63)
			continue;
		m = module_of(s, &map);
		number = m ? m->number : 0;
		if (number && unwind_table_bias(m->table, map.start, map.file_offset, &bias))
			number = 0;
		nr += unwind_store_mapping(s->store, number, map.start, map.end, bias, ranges + nr);
	}
	return nr;
}

/* Tells the kernel what is mapped. */
static int publish(struct session *s)
{
	static struct unwind_range ranges[NR_RANGES];
	struct unwind_image old = s->image;
	struct buffer maps = { 0 };
	int fd = proc_open((uint32_t)s->pid), rc;

	rc = fd < 0 ? fd : proc_read(fd, "maps", MAPS_BYTES, &maps);
	if (!rc)
		rc = unwind_store_put_ranges(s->store, ranges, list_ranges(s, &maps, ranges),
					     &s->image);
	s->image.copies = UINT16_MAX;
	if (!rc && bpf_map_update_elem(bpf_map__fd(s->skel->maps.unwind_images), &s->image_name,
				       &s->image, BPF_ANY))
		rc = -errno;
	if (!rc)
		unwind_store_drop_ranges(s->store, &old);
	buffer_done(&maps);
	cleanup_close(&fd);
	return rc;
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

/* What is missing is supplied, as long as the walker asks. */
static int take_copy(struct session *s, const struct wire_copy *copy, size_t size)
{
	if (size < sizeof(*copy) || size != sizeof(*copy) + copy->nr_bytes)
		return -EBADMSG;
	s->copies++;
	if (s->skel->rodata->always_copy)
		return 0;
	if (copy->why == UNWIND_NO_PAGE)
		return unwind_store_load_page(s->store, copy->module, copy->page);
	/* The one that is known may be waiting in the buffer several times. */
	if (copy->why == UNWIND_NO_IMAGE && copy->image == s->image_name)
		return 0;
	s->image_name = copy->image;
	return publish(s);
}

static int take_record(void *arg, void *data, size_t size)
{
	const struct wire_stack *in = data;
	struct session *s = arg;
	struct stack *stack;

	if (in->type == WIRE_COPY)
		return take_copy(s, data, size);
	if (in->type != WIRE_STACK || in->is_kernel)
		return 0;
	if (array_reserve(&s->stacks, &s->cap_stacks, s->nr_stacks + 1, sizeof(*s->stacks)))
		return -ENOMEM;
	stack = &s->stacks[s->nr_stacks++];
	stack->name = in->stack;
	stack->nr = in->nr_frames;
	memcpy(stack->frames, in->frames, in->nr_frames * sizeof(*in->frames));
	return 0;
}

static void print_row(const struct session *s, const struct wire_key *key, uint64_t count)
{
	printf("stack %llu %u", (unsigned long long)count, key->user_state);
	for (size_t i = 0; i < s->nr_stacks && key->user_stack; i++) {
		if (s->stacks[i].name != key->user_stack)
			continue;
		for (uint32_t k = 0; k < s->stacks[i].nr; k++)
			printf(" %llx", (unsigned long long)s->stacks[i].frames[k]);
		break;
	}
	printf("\n");
}

static void print_result(const struct session *s)
{
	struct bpf_prog_info info = { 0 };
	struct wire_key key, *previous = NULL;
	struct wire_count count;
	uint32_t len = sizeof(info);
	uint64_t samples = 0;

	while (!bpf_map_get_next_key(bpf_map__fd(s->skel->maps.counts_even), previous, &key)) {
		if (!bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.counts_even), &key, &count)) {
			print_row(s, &key, count.count);
			samples += count.count;
		}
		previous = &key;
	}
	bpf_obj_get_info_by_fd(bpf_program__fd(s->skel->progs.cpu_sample), &info, &len);
	printf("samples=%llu copies=%llu runs=%llu ns=%llu\n", (unsigned long long)samples,
	       (unsigned long long)s->copies, (unsigned long long)info.run_cnt,
	       info.run_cnt ? (unsigned long long)(info.run_time_ns / info.run_cnt) : 0);
}

/* ---- setup ------------------------------------------------------------------------------------------------------ */

static int load(struct session *s, const char *way)
{
	struct cpu_bpf *skel = cpu_bpf__open();
	int rc;

	s->skel = skel;
	if (!skel)
		return -errno;
	skel->rodata->has_eh_frame = !strcmp(way, "tables");
	skel->rodata->always_copy = !strcmp(way, "copy");
	skel->rodata->ranges_mask = NR_RANGES - 1;
	skel->rodata->directory_mask = NR_PAGES - 1;
	skel->rodata->rules_mask = UNWIND_RULES_MAX - 1;
	rc = bpf_map__set_value_size(skel->maps.unwind_ranges,
				     NR_RANGES * sizeof(struct unwind_range));
	rc = rc ? rc
		: bpf_map__set_value_size(skel->maps.unwind_directory,
					  NR_PAGES * sizeof(struct unwind_page));
	rc = rc ? rc
		: bpf_map__set_value_size(skel->maps.unwind_rules,
					  UNWIND_RULES_MAX * sizeof(struct unwind_rule));
	rc = rc ? rc : bpf_map__set_max_entries(skel->maps.unwind_rows, NR_CHUNKS);
	rc = rc ? rc
		: bpf_map__set_max_entries(skel->maps.stack_copies,
					   (uint32_t)libbpf_num_possible_cpus() *
						   WIRE_SCRATCH_SLOTS);
	return rc ? rc : cpu_bpf__load(skel);
}

static void *map_array(const struct bpf_map *map, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return at == MAP_FAILED ? NULL : at;
}

static int open_store(struct session *s)
{
	struct cpu_bpf *skel = s->skel;

	s->memory = (struct unwind_memory){
		.ranges = map_array(skel->maps.unwind_ranges,
				    NR_RANGES * sizeof(struct unwind_range)),
		.directory = map_array(skel->maps.unwind_directory,
				       NR_PAGES * sizeof(struct unwind_page)),
		.rules = map_array(skel->maps.unwind_rules,
				   UNWIND_RULES_MAX * sizeof(struct unwind_rule)),
		.rows = map_array(skel->maps.unwind_rows,
				  NR_CHUNKS * UNWIND_CHUNK_WORDS * sizeof(uint32_t)),
		.tick = (const uint32_t *)&skel->bss->unwind_ticks,
		.nr_ranges = NR_RANGES,
		.nr_pages = NR_PAGES,
		.nr_rules = UNWIND_RULES_MAX,
		.nr_chunks = NR_CHUNKS,
	};
	if (!s->memory.ranges || !s->memory.directory || !s->memory.rules || !s->memory.rows)
		return -errno;
	return unwind_store_new(&s->memory, wait_for_programs, NULL, &s->store);
}

/* A clock for the first thread of the process. Returns its descriptor or a negative errno value. */
static int sample(const struct session *s)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000000 / RATE_HZ,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, s->pid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(s->skel->progs.cpu_sample)))
		return -errno;
	return fd;
}

static int run(struct session *s, const char *way, unsigned long seconds)
{
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME), event, rc;
	struct ring_buffer *ring;
	uint64_t end_ns;

	rc = load(s, way);
	if (rc)
		return die("load", rc);
	rc = open_store(s);
	ring = ring_buffer__new(bpf_map__fd(s->skel->maps.records), take_record, s, NULL);
	event = sample(s);
	if (rc || !ring || event < 0)
		return die("set up", rc ? rc : event < 0 ? event : -ENOMEM);
	end_ns = clock_monotonic_ns() + seconds * 1000000000ULL;
	while (rc >= 0 && clock_monotonic_ns() < end_ns) {
		rc = ring_buffer__poll(ring, POLL_MS);
		if (rc >= 0)
			rc = ring_buffer__consume(ring);
		s->skel->bss->copies_waiting = 0;
	}
	close(event);
	wait_for_programs(NULL);
	if (rc >= 0)
		rc = ring_buffer__consume(ring);
	if (rc >= 0)
		print_result(s);
	ring_buffer__free(ring);
	cleanup_close(&stats);
	return rc < 0 ? die("records", rc) : 0;
}

int main(int argc, char **argv)
{
	struct session s = { 0 };
	int rc;

	if (argc != 4) {
		fprintf(stderr, "usage: unwind_walk PID SECONDS tables|fp|copy\n");
		return 2;
	}
	s.pid = (pid_t)strtol(argv[1], NULL, 10);
	rc = run(&s, argv[3], strtoul(argv[2], NULL, 10));
	unwind_store_free(s.store);
	for (size_t i = 0; i < s.nr_modules; i++)
		unwind_table_free(s.modules[i].table);
	free(s.stacks);
	cpu_bpf__destroy(s.skel);
	return rc;
}
