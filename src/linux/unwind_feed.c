/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Feeding the walker, and walking copies.
 * Called by src/linux/drain.c.
 * Must not know where the memory of the tables is.
 */
#include "linux/unwind_feed.h"

#include <bpf/bpf.h>
#include <elf.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/macros.h"
#include "base/u32_map.h"
#include "base/vdso.h"
#include "unwind/table_cache.h"

#if defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#define NATIVE_SP      31 /* index in struct unwind_regs */
#else
#define NATIVE_MACHINE EM_X86_64
#define NATIVE_SP      7
#endif

/* Copies that an image may send each second for lack of tables, once it is published: pages of large programs come in
 * one by one, and what has no table at all must not cost a copy for ever. */
#define COPIES_PER_SECOND 256
/* The same for an image that is walked here because what it has mapped changes all the time. */
#define COPIES_PER_SECOND_OF_CHANGING 8192
/* An image where so many mappings took the place of others since the last tick is one of those. */
#define REPLACED_PER_TICK 8
/* All pages of a module are loaded when it is first mapped as long as the store is not fuller than one part in so many:
 * each page that a sample has to ask for costs a copy of a stack, and a page is some 5 KiB of rows. */
#define PRELOAD_PART 2

/* What is mapped, by the sink's number. */
struct feed_module {
	struct unwind_table *table; /* NULL = there is none */
	uint32_t number;            /* in the store; 0 = not there */
	uint32_t round;             /* of put_ranges() that needed it last */
	bool is_tried;
};

/* Addresses where one mapping took the place of another, and until when the kernel walked by the old one's table. */
struct replaced {
	uint64_t start;
	uint64_t end;
	uint64_t since_ns;
	uint64_t last_ns;  /* when the last one did, of several */
	uint64_t until_ns; /* 0 = the new one is not published yet */
};

/* An image that runs and is published. */
struct feed_image {
	uint64_t name;
	uint32_t pid;
	sink_process process;
	struct unwind_image image;
	struct replaced replaced; /* last; all zero = nothing was ever */
	uint32_t nr_replaced;     /* since the last tick */
	bool is_dirty;
};

/* What was replaced in an image while its samples were still counted, and the counters are not handed out yet. */
struct unsure_counts {
	sink_process process;
	struct replaced replaced;
};

struct unwind_feed {
	struct unwind_feed_opts opts;
	struct sink *sink;
	struct unwind_store *store;

	struct u32_map module_index; /* the sink's number -> index + 1 */
	struct feed_module *modules;
	size_t nr_modules;
	size_t modules_cap;
	struct u32_map by_number; /* in the store -> index */
	uint32_t round;

	struct u32_map image_index; /* pid -> index + 1 */
	struct feed_image *images;
	size_t nr_images;
	size_t images_cap;
	bool is_dirty; /* some image is */

	struct unsure_counts *unsure;
	size_t nr_unsure;
	size_t unsure_cap;

	struct unwind_range *ranges; /* scratch */
	size_t ranges_cap;
	struct unwind_feed_stats stats;
};

int unwind_feed_new(const struct unwind_feed_opts *opts, struct sink *sink,
		    struct unwind_feed **ret_feed)
{
	struct unwind_feed *feed = calloc(1, sizeof(*feed));
	int rc;

	if (!feed)
		return -ENOMEM;
	feed->opts = *opts;
	feed->sink = sink;
	rc = unwind_store_new(opts->memory, opts->quiesce, opts->quiesce_arg, &feed->store);
	if (rc) {
		free(feed);
		return rc;
	}
	*ret_feed = feed;
	return 0;
}

void unwind_feed_free(struct unwind_feed *feed)
{
	if (!feed)
		return;
	unwind_store_free(feed->store);
	for (size_t i = 0; i < feed->nr_modules; i++)
		unwind_table_free(feed->modules[i].table);
	u32_map_done(&feed->module_index);
	u32_map_done(&feed->by_number);
	u32_map_done(&feed->image_index);
	free(feed->modules);
	free(feed->images);
	free(feed->unsure);
	free(feed->ranges);
	free(feed);
}

/* ---- modules ---------------------------------------------------------------------------------------------------- */

static int compile_vdso(struct unwind_table **ret_table)
{
	size_t size;
	const void *image = vdso_image(&size);

	return image ? unwind_table_compile_image(image, size, ret_table, NULL) : -ENOENT;
}

static void drop_module(struct unwind_feed *feed, struct feed_module *module)
{
	if (module->number) {
		u32_map_remove(&feed->by_number, module->number, NULL);
		unwind_store_remove_module(feed->store, module->number);
	}
	feed->stats.tables--;
	feed->stats.table_bytes -= unwind_table_bytes(module->table);
	unwind_table_free(module->table);
	*module = (struct feed_module){ 0 };
}

/* Makes room: takes out the modules that neither a published image nor the one being made has mapped. */
static void drop_unused_modules(struct unwind_feed *feed)
{
	for (size_t i = 0; i < feed->nr_images; i++) {
		const struct unwind_image *image = &feed->images[i].image;

		for (uint32_t k = 0; k < image->nr; k++) {
			uint32_t number = feed->opts.memory->ranges[image->first + k].module;
			uint32_t index;

			if (number && u32_map_get(&feed->by_number, number, &index))
				feed->modules[index].round = feed->round;
		}
	}
	for (size_t i = 0; i < feed->nr_modules; i++) {
		if (feed->modules[i].table && feed->modules[i].round != feed->round)
			drop_module(feed, &feed->modules[i]);
	}
}

/*
 * Tables are kept by build-id, which anybody can write into a file: only files that nobody but root can write are
 * believed.
 */
static bool is_cacheable(const struct unwind_feed *feed, const struct sink_mapping *mapping, int fd)
{
	struct stat st;

	return feed->opts.cache && mapping->build_id_size >= TABLE_CACHE_ID_MIN &&
	       mapping->build_id_size <= TABLE_CACHE_ID_MAX && !fstat(fd, &st) && !st.st_uid &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* The table of a file, from the directory of tables if it is there, else compiled and kept there. */
static int compile_file(const struct unwind_feed *feed, const struct sink_mapping *mapping,
			uint32_t pid, int fd, struct unwind_table **ret_table)
{
	int debug_fd __cleanup(cleanup_close) =
		feed->sink->ops->module_open_frames(feed->sink, mapping->module, pid);
	bool cacheable;
	int rc;

	if (debug_fd == -ENOMEM)
		return debug_fd;
	/* Debug files come and go, so what was made with one is not kept. */
	cacheable = debug_fd < 0 && is_cacheable(feed, mapping, fd);
	if (cacheable && !table_cache_load(feed->opts.cache, mapping->build_id,
					   mapping->build_id_size, ret_table))
		return 0;
	if (!cacheable)
		return unwind_table_open(fd, debug_fd, ret_table, NULL);
	rc = unwind_table_compile(fd, -1, ret_table, NULL);
	/* A directory that cannot be written costs time in the next recording and nothing else. */
	if (!rc)
		table_cache_store(feed->opts.cache, mapping->build_id, mapping->build_id_size,
				  *ret_table);
	return rc;
}

/* Makes the table of what is mapped. *ret_table stays NULL when there is none to be had. Returns 0 or -ENOMEM. */
static int compile(struct unwind_feed *feed, const struct sink_mapping *mapping, uint32_t pid,
		   struct unwind_table **ret_table)
{
	size_t bytes;
	int fd, rc;

	if (mapping->type == SINK_MAPPING_VDSO) {
		rc = compile_vdso(ret_table);
	} else {
		fd = feed->sink->ops->module_open(feed->sink, mapping->module, pid);
		if (fd < 0)
			return fd == -ENOMEM ? fd : 0;
		rc = compile_file(feed, mapping, pid, fd, ret_table);
		close(fd);
	}
	if (rc) {
		feed->stats.tables_refused++;
		return rc == -ENOMEM ? rc : 0;
	}
	bytes = unwind_table_bytes(*ret_table);
	if (feed->stats.table_bytes + bytes > feed->opts.table_bytes)
		drop_unused_modules(feed);
	if ((*ret_table)->machine != NATIVE_MACHINE ||
	    feed->stats.table_bytes + bytes > feed->opts.table_bytes) {
		feed->stats.tables_refused++;
		unwind_table_free(*ret_table);
		*ret_table = NULL;
		return 0;
	}
	feed->stats.tables++;
	feed->stats.table_bytes += bytes;
	return 0;
}

static void preload(struct unwind_feed *feed, const struct feed_module *module)
{
	const struct unwind_memory *memory = feed->opts.memory;
	uint64_t room = (uint64_t)memory->nr_chunks * UNWIND_CHUNK_WORDS * sizeof(uint32_t);
	const struct unwind_table *table = module->table;
	struct unwind_store_stats stats;

	if (table->lazy)
		return;
	unwind_store_stats(feed->store, &stats);
	if (stats.row_bytes + table->nr_rows * sizeof(uint32_t) > room / PRELOAD_PART)
		return;
	for (uint32_t i = 0; i < table->nr_pages; i++) {
		/* Full: the rest comes when it is asked for. */
		if (unwind_store_load_page(feed->store, module->number, table->first_page + i))
			return;
	}
}

/* The record of a module, by the sink's number; NULL = no memory. */
static struct feed_module *find_module(struct unwind_feed *feed, uint32_t name)
{
	uint32_t index;

	if (u32_map_get(&feed->module_index, name, &index))
		return &feed->modules[index - 1];
	if (array_reserve(&feed->modules, &feed->modules_cap, feed->nr_modules + 1,
			  sizeof(*feed->modules)) ||
	    u32_map_set(&feed->module_index, name, (uint32_t)feed->nr_modules + 1))
		return NULL;
	feed->modules[feed->nr_modules] = (struct feed_module){ 0 };
	return &feed->modules[feed->nr_modules++];
}

static int add_to_store(struct unwind_feed *feed, struct feed_module *module)
{
	int rc = unwind_store_add_module(feed->store, module->table, &module->number);

	if (rc == -ENOSPC) {
		drop_unused_modules(feed);
		rc = unwind_store_add_module(feed->store, module->table, &module->number);
	}
	if (rc == -ENOSPC) {
		feed->stats.tables_refused++;
		return 0;
	}
	if (rc)
		return rc;
	preload(feed, module);
	return u32_map_set(&feed->by_number, module->number, (uint32_t)(module - feed->modules));
}

/* Finds or makes a module. Returns 0 or -ENOMEM. */
static int get_module(struct unwind_feed *feed, const struct sink_mapping *mapping, uint32_t pid,
		      const struct feed_module **ret_module)
{
	struct feed_module *module = find_module(feed, mapping->module);
	int rc;

	if (!module)
		return -ENOMEM;
	*ret_module = module;
	module->round = feed->round;
	if (module->is_tried)
		return 0;
	module->is_tried = true;
	rc = compile(feed, mapping, pid, &module->table);
	return rc || !module->table || !module->table->nr_pages ? rc : add_to_store(feed, module);
}

/* ---- images ----------------------------------------------------------------------------------------------------- */

static int add_ranges(struct unwind_feed *feed, const struct sink_mapping *mapping, uint32_t pid,
		      uint32_t *nr)
{
	const struct feed_module *module = NULL;
	uint32_t number = 0;
	uint64_t bias = 0;
	int rc = 0;

	if (mapping->type != SINK_MAPPING_ANON)
		rc = get_module(feed, mapping, pid, &module);
	if (rc)
		return rc;
	if (module && module->number &&
	    !unwind_table_bias(module->table, mapping->start, mapping->file_offset, &bias))
		number = module->number;
	if (array_reserve(&feed->ranges, &feed->ranges_cap, *nr + UNWIND_MAPPING_RANGES,
			  sizeof(*feed->ranges)))
		return -ENOMEM;
	*nr += unwind_store_mapping(feed->store, number, mapping->start, mapping->end, bias,
				    &feed->ranges[*nr]);
	return 0;
}

static uint32_t copies_per_second(const struct feed_image *image)
{
	return image->image.flags & UNWIND_IMAGE_CHANGING ? COPIES_PER_SECOND_OF_CHANGING
							  : COPIES_PER_SECOND;
}

/* Puts the mappings of an image into a new slice of the store. The one that it had stays, in *ret_old. */
static int put_ranges(struct unwind_feed *feed, struct feed_image *image,
		      struct unwind_image *ret_old)
{
	struct sink_mapping mapping;
	uint64_t address = 0;
	uint32_t nr = 0;
	int rc;

	feed->round++;
	while (feed->sink->ops->mapping_next(feed->sink, image->process, address, &mapping)) {
		rc = add_ranges(feed, &mapping, image->pid, &nr);
		if (rc)
			return rc;
		address = mapping.end;
	}
	*ret_old = image->image;
	image->is_dirty = false;
	image->image.copies = copies_per_second(image);
	rc = unwind_store_put_ranges(feed->store, feed->ranges, nr, &image->image);
	if (!rc || rc == -ENOMEM)
		return rc;
	/* No ranges at all rather than those of before. */
	image->image.nr = 0;
	feed->stats.images_refused++;
	return 0;
}

static void unpublish(struct unwind_feed *feed, const struct feed_image *image)
{
	if (feed->opts.images_fd >= 0)
		bpf_map_delete_elem(feed->opts.images_fd, &image->name);
	unwind_store_drop_ranges(feed->store, &image->image);
}

/* From now on the kernel walks by what is mapped. */
static void end_doubt(struct unwind_feed *feed, struct feed_image *image)
{
	uint64_t now = clock_monotonic_ns();

	if (image->replaced.since_ns && !image->replaced.until_ns)
		image->replaced.until_ns = now;
	for (size_t i = 0; i < feed->nr_unsure; i++) {
		struct unsure_counts *unsure = &feed->unsure[i];

		if (unsure->process == image->process && !unsure->replaced.until_ns)
			unsure->replaced.until_ns = now;
	}
}

/* Brings the kernel's view of an image up to date. Returns 0 or -ENOMEM. */
static int publish(struct unwind_feed *feed, struct feed_image *image)
{
	struct unwind_image old;
	int rc = put_ranges(feed, image, &old);

	if (rc)
		return rc;
	feed->stats.images_published++;
	/* One that does not fit is walked from copies. */
	if (feed->opts.images_fd >= 0 &&
	    bpf_map_update_elem(feed->opts.images_fd, &image->name, &image->image, BPF_ANY))
		feed->stats.images_refused++;
	if (old.nr)
		unwind_store_drop_ranges(feed->store, &old);
	end_doubt(feed, image);
	return 0;
}

static struct feed_image *find_image(const struct unwind_feed *feed, uint32_t pid)
{
	uint32_t index;

	return u32_map_get(&feed->image_index, pid, &index) ? &feed->images[index - 1] : NULL;
}

void unwind_feed_image_ended(struct unwind_feed *feed, uint32_t pid)
{
	struct feed_image *last, *image;
	uint32_t index;

	if (!u32_map_remove(&feed->image_index, pid, &index))
		return;
	image = &feed->images[index - 1];
	unpublish(feed, image);
	last = &feed->images[--feed->nr_images];
	if (last == image)
		return;
	/* Replacing the value of a key that is there needs no memory. */
	u32_map_set(&feed->image_index, last->pid, index);
	*image = *last;
}

/* Publishes the image that a process runs now. Returns 0 or -ENOMEM. */
static int add_image(struct unwind_feed *feed, const struct feed_image *image,
		     struct feed_image **ret_image)
{
	unwind_feed_image_ended(feed, image->pid);
	if (array_reserve(&feed->images, &feed->images_cap, feed->nr_images + 1,
			  sizeof(*feed->images)) ||
	    u32_map_set(&feed->image_index, image->pid, (uint32_t)feed->nr_images + 1))
		return -ENOMEM;
	feed->images[feed->nr_images] = *image;
	*ret_image = &feed->images[feed->nr_images++];
	return publish(feed, *ret_image);
}

/* Does what is mapped there now differ from a range that the kernel walks by? */
static bool is_replaced(const struct unwind_feed *feed, const struct unwind_range *range,
			const struct sink_mapping *now)
{
	const struct feed_module *module;
	uint64_t bias;
	uint32_t index;

	if (!range->module)
		return false;
	if (!u32_map_get(&feed->module_index, now->module, &index))
		return true;
	module = &feed->modules[index - 1];
	return module->number != range->module ||
	       unwind_table_bias(module->table, now->start, now->file_offset, &bias) ||
	       bias != range->bias;
}

static bool replaces(const struct unwind_feed *feed, const struct feed_image *image, uint64_t start,
		     uint64_t end)
{
	const struct unwind_range *ranges = feed->opts.memory->ranges + image->image.first;
	struct sink_mapping now;

	if (!feed->sink->ops->mapping_next(feed->sink, image->process, start, &now))
		return false;
	for (uint32_t i = 0; i < image->image.nr; i++) {
		if (ranges[i].start < end && ranges[i].end > start &&
		    is_replaced(feed, &ranges[i], &now))
			return true;
	}
	return false;
}

static void widen(struct replaced *replaced, uint64_t start, uint64_t end)
{
	replaced->start = MIN(replaced->start, start);
	replaced->end = MAX(replaced->end, end);
}

/* The samples of an image that are counted until the kernel knows that it should not. */
static void widen_unsure(struct unwind_feed *feed, const struct feed_image *image, uint64_t start,
			 uint64_t end)
{
	for (size_t i = 0; i < feed->nr_unsure; i++) {
		struct unsure_counts *unsure = &feed->unsure[i];

		if (unsure->process == image->process && !unsure->replaced.until_ns)
			widen(&unsure->replaced, start, end);
	}
}

static int note_unsure(struct unwind_feed *feed, const struct feed_image *image)
{
	if (array_reserve(&feed->unsure, &feed->unsure_cap, feed->nr_unsure + 1,
			  sizeof(*feed->unsure)))
		return -ENOMEM;
	feed->unsure[feed->nr_unsure++] =
		(struct unsure_counts){ .process = image->process, .replaced = image->replaced };
	return 0;
}

int unwind_feed_mapped(struct unwind_feed *feed, uint32_t pid, uint64_t time_ns, uint64_t start,
		       uint64_t end)
{
	struct feed_image *image = find_image(feed, pid);
	struct replaced *replaced;
	bool was_timed;

	if (!image)
		return 0;
	image->is_dirty = true;
	feed->is_dirty = true;
	if (!replaces(feed, image, start, end))
		return 0;
	replaced = &image->replaced;
	was_timed = image->image.flags & UNWIND_IMAGE_TIMED;
	if (!replaced->since_ns || replaced->until_ns)
		*replaced = (struct replaced){ .start = start, .end = end, .since_ns = time_ns };
	replaced->last_ns = time_ns;
	widen(replaced, start, end);
	widen_unsure(feed, image, start, end);
	/* The kernel's view would always be too old; a copy is walked by what was mapped at its time. */
	if (++image->nr_replaced >= REPLACED_PER_TICK)
		image->image.flags |= UNWIND_IMAGE_CHANGING;
	if (was_timed)
		return 0;
	image->image.flags |= UNWIND_IMAGE_TIMED;
	return note_unsure(feed, image);
}

bool unwind_feed_is_late(const struct unwind_feed *feed, uint32_t pid, sink_process process,
			 uint64_t time_ns)
{
	const struct feed_image *image = find_image(feed, pid);

	return image && image->process == process && time_ns < image->replaced.last_ns;
}

bool unwind_feed_unsure(const struct unwind_feed *feed, uint32_t pid, sink_process process,
			uint64_t time_ns, uint64_t *ret_start, uint64_t *ret_end)
{
	const struct feed_image *image;

	if (!time_ns) {
		for (size_t i = 0; i < feed->nr_unsure; i++) {
			if (feed->unsure[i].process != process)
				continue;
			*ret_start = feed->unsure[i].replaced.start;
			*ret_end = feed->unsure[i].replaced.end;
			return true;
		}
		return false;
	}
	image = find_image(feed, pid);
	if (!image || image->process != process || !image->replaced.since_ns ||
	    (image->replaced.until_ns && time_ns >= image->replaced.until_ns))
		return false;
	*ret_start = image->replaced.start;
	*ret_end = image->replaced.end;
	/* It came too late: what was mapped at its time is no longer known. */
	if (unwind_feed_is_late(feed, pid, process, time_ns)) {
		*ret_start = 0;
		*ret_end = UINT64_MAX;
	}
	return true;
}

void unwind_feed_drained(struct unwind_feed *feed, uint64_t flip_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < feed->nr_unsure; i++) {
		const struct unsure_counts *unsure = &feed->unsure[i];

		if (!unsure->replaced.until_ns || unsure->replaced.until_ns >= flip_ns)
			feed->unsure[kept++] = *unsure;
	}
	feed->nr_unsure = kept;
}

int unwind_feed_publish(struct unwind_feed *feed)
{
	if (!feed->is_dirty)
		return 0;
	feed->is_dirty = false;
	for (size_t i = 0; i < feed->nr_images; i++) {
		int rc = feed->images[i].is_dirty ? publish(feed, &feed->images[i]) : 0;

		if (rc)
			return rc;
	}
	return 0;
}

void unwind_feed_tick(struct unwind_feed *feed)
{
	struct unwind_image now;

	for (size_t i = 0; i < feed->nr_images && feed->opts.images_fd >= 0; i++) {
		struct feed_image *image = &feed->images[i];

		if (image->nr_replaced < REPLACED_PER_TICK)
			image->image.flags &= ~UNWIND_IMAGE_CHANGING;
		image->nr_replaced = 0;
		image->image.copies = copies_per_second(image);
		/* The kernel counts down in its row, below 0 too; what it takes in between is not missed. */
		if (!bpf_map_lookup_elem(feed->opts.images_fd, &image->name, &now) &&
		    (now.copies != image->image.copies || now.flags != image->image.flags))
			bpf_map_update_elem(feed->opts.images_fd, &image->name, &image->image,
					    BPF_EXIST);
	}
}

/* ---- copies ----------------------------------------------------------------------------------------------------- */

struct copy_reader {
	struct unwind_feed *feed;
	uint64_t start;
	uint64_t size;
	const uint8_t *bytes;
	bool is_beyond; /* something was wanted above what was copied */
};

static int read_copy(void *arg, uint64_t address, void *to, size_t size)
{
	struct copy_reader *reader = arg;
	uint64_t offset = address - reader->start;

	if (address < reader->start || offset > reader->size || reader->size - offset < size) {
		reader->is_beyond |= address >= reader->start;
		return -EFAULT;
	}
	memcpy(to, reader->bytes + offset, size);
	return 0;
}

static int load_page(void *arg, uint32_t module, uint64_t page)
{
	return unwind_store_load_page(((struct copy_reader *)arg)->feed->store, module, page);
}

/* What the record of a sample says of such an end of a walk. */
static uint8_t state_of(enum unwind_outcome outcome, const struct copy_reader *reader)
{
	switch (outcome) {
	case UNWIND_COMPLETE:
		return WIRE_STACK_COMPLETE;
	case UNWIND_TRUNCATED:
		return WIRE_STACK_TRUNCATED;
	case UNWIND_BAD_ADDRESS:
		return reader->is_beyond ? WIRE_STACK_TRUNCATED : WIRE_STACK_BAD_ADDRESS;
	case UNWIND_NO_INFO:
		return reader->is_beyond ? WIRE_STACK_TRUNCATED : WIRE_STACK_NO_UNWIND_INFO;
	case UNWIND_NO_PAGE:
		return WIRE_STACK_NO_TABLE;
	case UNWIND_FP_END:
		return WIRE_STACK_FINE;
	case UNWIND_NO_IMAGE:
	case UNWIND_NO_RANGE:
		return WIRE_STACK_NO_MAPPING;
	default:
		return WIRE_STACK_NO_UNWIND_INFO;
	}
}

static int find_or_publish(struct unwind_feed *feed, const struct wire_copy *copy,
			   sink_process process, struct feed_image *passing,
			   struct unwind_image *ret_image)
{
	struct feed_image *image = find_image(feed, copy->tgid);
	struct unwind_image none;
	int rc = 0;

	*passing =
		(struct feed_image){ .name = copy->image, .pid = copy->tgid, .process = process };
	if (!image || image->name != copy->image) {
		/* Of one that has ended since there is nothing to publish; its mappings serve this walk. */
		if (!feed->sink->ops->process_is_now(feed->sink, process)) {
			rc = put_ranges(feed, passing, &none);
			*ret_image = passing->image;
			return rc;
		}
		rc = add_image(feed, passing, &image);
	} else if (image->is_dirty) {
		rc = publish(feed, image);
	}
	if (!rc)
		*ret_image = image->image;
	return rc;
}

int unwind_feed_walk(struct unwind_feed *feed, const struct wire_copy *copy, size_t size,
		     sink_process process, struct unwind_feed_stack *ret_stack)
{
	struct copy_reader reader = {
		.feed = feed,
		.start = copy->regs.numbered[NATIVE_SP],
		.bytes = (const uint8_t *)(copy + 1),
	};
	struct unwind_walk_input input = {
		.memory = feed->opts.memory,
		.machine = NATIVE_MACHINE,
		.is_behind_syscall = copy->is_behind_syscall,
		.read = read_copy,
		.load = load_page,
		.arg = &reader,
	};
	struct unwind_walk_result result;
	struct feed_image passing;
	int rc;

	if (size < sizeof(*copy) || size - sizeof(*copy) < copy->nr_bytes)
		return -EBADMSG;
	reader.size = copy->nr_bytes;
	rc = find_or_publish(feed, copy, process, &passing, &input.image);
	if (rc)
		return rc;
	unwind_walk(&input, &copy->regs, ret_stack->frames, ARRAY_SIZE(ret_stack->frames), &result);
	/*
	 * The kernel reads the stack itself, so it may have come farther than the copy reaches. Only it knows what is
	 * missing there; without that every such stack would end at the same place for ever.
	 */
	if (copy->why == UNWIND_NO_PAGE && reader.is_beyond)
		unwind_store_load_page(feed->store, copy->module, copy->page);
	ret_stack->nr = result.nr_frames;
	ret_stack->state = state_of(result.outcome, &reader);
	feed->stats.copies_walked++;
	if (passing.image.nr)
		unwind_store_drop_ranges(feed->store, &passing.image);
	return 0;
}

void unwind_feed_stats(const struct unwind_feed *feed, struct unwind_feed_stats *ret_stats)
{
	*ret_stats = feed->stats;
	unwind_store_stats(feed->store, &ret_stats->store);
}
