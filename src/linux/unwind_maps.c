/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of the unwind tables: the kernel programs' arrays, mapped here, or plain memory when all walking is done in
 * user space. Makes the feed that fills them.
 * Called by src/linux/bpf_load.c and src/linux/bpf_collector.c.
 * Must not know what is in the tables.
 */
#include "linux/bpf_private.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/macros.h"

#define IMAGES_MAX   4096
#define NR_RANGES    32768 /* some 30 per image */
#define NR_PAGES     65536 /* 4 GiB of code */
#define CHUNK_BYTES  (UNWIND_CHUNK_WORDS * sizeof(uint32_t))
#define BUDGET_BYTES (8u << 20) /* 100 MiB of code; the default */
/* Tables in user space: they hold all pages of a module, the kernel those in use. */
#define TABLES_PER_BUDGET 4

/* The arrays by number, in the order of struct unwind_maps.array. */
enum { ARRAY_RANGES, ARRAY_PAGES, ARRAY_RULES, ARRAY_ROWS };

static uint32_t nr_chunks(const struct bpf_collector *c)
{
	uint64_t bytes = c->opts.unwind_budget_bytes ? c->opts.unwind_budget_bytes : BUDGET_BYTES;

	return (uint32_t)MIN(MAX(bytes / CHUNK_BYTES, 1u), UNWIND_MEMORY_CHUNKS_MAX);
}

/* The rooms to build copies in; of no size that matters when none are made. */
static int size_copies(struct bpf_collector *c)
{
	int nr_cpus = libbpf_num_possible_cpus();
	uint32_t stack =
		c->opts.unwind == OC_UNWIND_COPY ? WIRE_COPY_BYTES_EACH : WIRE_COPY_BYTES_MAX;
	uint32_t bytes = sizeof(struct wire_copy) + stack + WIRE_COPY_PAGE_BYTES;
	int rc;

	if (nr_cpus < 0)
		return nr_cpus;
	c->skel->rodata->copy_bytes = stack;
	rc = bpf_map__set_value_size(c->skel->maps.stack_copies, bytes);
	return rc ? rc
		  : bpf_map__set_max_entries(c->skel->maps.stack_copies,
					     (uint32_t)nr_cpus * WIRE_SCRATCH_SLOTS);
}

static bool wants_tables(const struct bpf_collector *c)
{
	return c->opts.unwind != OC_UNWIND_FP;
}

static int explain_sizes(int rc, struct oc_error *err)
{
	return rc ? oc_error_set(err, rc, "cannot size the kernel's unwind tables: %s",
				 strerror(-rc))
		  : 0;
}

#ifdef ONECOLLECT_NO_BPF_UNWINDER

int unwind_maps_prepare(struct bpf_collector *c, struct oc_error *err)
{
	if (c->opts.unwind == OC_UNWIND_EH_FRAME)
		return oc_error_set(err, -EOPNOTSUPP,
				    "this record-trace was built without the kernel's unwinder by "
				    "call frame information; use --unwind copy or fp");
	c->skel->rodata->always_copy = c->opts.unwind == OC_UNWIND_COPY;
	return explain_sizes(wants_tables(c) ? size_copies(c) : 0, err);
}

static bool in_kernel(const struct bpf_collector *c)
{
	(void)c;
	return false;
}

static struct bpf_map *map_of(const struct bpf_collector *c, int array)
{
	(void)c;
	(void)array;
	return NULL;
}

static int images_fd(const struct bpf_collector *c)
{
	(void)c;
	return -1;
}

void unwind_maps_tick(struct bpf_collector *c)
{
	c->unwind.ticks++;
	if (c->feed)
		unwind_feed_tick(c->feed);
}

#else

static bool in_kernel(const struct bpf_collector *c)
{
	return c->skel->rodata->has_eh_frame;
}

int unwind_maps_prepare(struct bpf_collector *c, struct oc_error *err)
{
	struct cpu_bpf *skel = c->skel;
	int rc = 0;

	skel->rodata->has_eh_frame = wants_tables(c) && c->opts.unwind != OC_UNWIND_COPY;
	skel->rodata->always_copy = c->opts.unwind == OC_UNWIND_COPY;
	rc = wants_tables(c) ? size_copies(c) : 0;
	if (rc || !in_kernel(c))
		return explain_sizes(rc, err);
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
	rc = rc ? rc : bpf_map__set_max_entries(skel->maps.unwind_rows, nr_chunks(c));
	rc = rc ? rc : bpf_map__set_max_entries(skel->maps.unwind_images, IMAGES_MAX);
	return explain_sizes(rc, err);
}

static struct bpf_map *map_of(const struct bpf_collector *c, int array)
{
	struct bpf_map *maps[] = { c->skel->maps.unwind_ranges, c->skel->maps.unwind_directory,
				   c->skel->maps.unwind_rules, c->skel->maps.unwind_rows };

	return maps[array];
}

static int images_fd(const struct bpf_collector *c)
{
	return in_kernel(c) ? bpf_map__fd(c->skel->maps.unwind_images) : -1;
}

void unwind_maps_tick(struct bpf_collector *c)
{
	c->unwind.ticks++;
	if (in_kernel(c))
		c->skel->bss->unwind_ticks = c->unwind.ticks;
	if (c->feed)
		unwind_feed_tick(c->feed);
}

#endif

/* Maps an array of the kernel's, or makes one. */
static int open_array(struct bpf_collector *c, int array, size_t bytes)
{
	bool shared = in_kernel(c);
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS,
			shared ? bpf_map__fd(map_of(c, array)) : -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	c->unwind.arrays[array] = at;
	c->unwind.bytes[array] = bytes;
	return 0;
}

int unwind_maps_open(struct bpf_collector *c, struct oc_error *err)
{
	struct unwind_memory *memory = &c->unwind.memory;
	struct unwind_feed_opts opts = {
		.memory = memory,
		.images_fd = images_fd(c),
		.quiesce = in_kernel(c) ? drain_wait_for_programs : NULL,
		.cache = c->opts.unwind_cache,
		.table_bytes = TABLES_PER_BUDGET * nr_chunks(c) * CHUNK_BYTES,
	};
	int rc;

	if (!wants_tables(c))
		return 0;
	*memory = (struct unwind_memory){
		.tick = &c->unwind.ticks,
		.nr_ranges = NR_RANGES,
		.nr_pages = NR_PAGES,
		.nr_rules = UNWIND_RULES_MAX,
		.nr_chunks = nr_chunks(c),
	};
	rc = open_array(c, ARRAY_RANGES, NR_RANGES * sizeof(struct unwind_range));
	rc = rc ? rc : open_array(c, ARRAY_PAGES, NR_PAGES * sizeof(struct unwind_page));
	rc = rc ? rc : open_array(c, ARRAY_RULES, UNWIND_RULES_MAX * sizeof(struct unwind_rule));
	rc = rc ? rc : open_array(c, ARRAY_ROWS, memory->nr_chunks * CHUNK_BYTES);
	if (!rc) {
		memory->ranges = c->unwind.arrays[ARRAY_RANGES];
		memory->directory = c->unwind.arrays[ARRAY_PAGES];
		memory->rules = c->unwind.arrays[ARRAY_RULES];
		memory->rows = c->unwind.arrays[ARRAY_ROWS];
		rc = unwind_feed_new(&opts, c->sink, &c->feed);
	}
	return rc ? oc_error_set(err, rc, "cannot set up the unwind tables: %s", strerror(-rc)) : 0;
}

void unwind_maps_close(struct bpf_collector *c)
{
	unwind_feed_free(c->feed);
	c->feed = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(c->unwind.arrays); i++) {
		if (c->unwind.arrays[i])
			munmap(c->unwind.arrays[i], c->unwind.bytes[i]);
		c->unwind.arrays[i] = NULL;
	}
}
