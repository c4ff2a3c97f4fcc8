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
#include "unwind/modules.h"
#include "unwind/table_cache.h"

#if defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#else
#define NATIVE_MACHINE EM_X86_64
#endif

/* Copies that an image may send each second for lack of tables, once it is published: pages of large programs come in
 * one by one, and what has no table at all must not cost a copy for ever. */
#define COPIES_PER_SECOND 256
/* The same for an image that is walked here because what it has mapped changes all the time. */
#define COPIES_PER_SECOND_OF_CHANGING 8192
/* An image where so many mappings took the place of others since the last tick is one of those. */
#define REPLACED_PER_TICK 8
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
	struct unwind_modules *modules; /* by the sink's numbers */

	struct u32_map image_index; /* pid -> index + 1 */
	struct feed_image *images;
	size_t nr_images;
	size_t images_cap;
	bool is_dirty; /* some image is */

	struct unsure_counts *unsure;
	size_t nr_unsure;
	size_t unsure_cap;

	struct unwind_feed_stats stats;
};

int unwind_feed_new(const struct unwind_feed_opts *opts, struct sink *sink,
		    struct unwind_feed **ret_feed)
{
	struct unwind_modules_opts modules_opts = {
		.memory = opts->memory,
		.quiesce = opts->quiesce,
		.quiesce_arg = opts->quiesce_arg,
		.table_bytes = opts->table_bytes,
		.machine = NATIVE_MACHINE,
		.preloads = true, /* what is asked for costs a copy of a stack */
	};
	struct unwind_feed *feed = calloc(1, sizeof(*feed));
	int rc;

	if (!feed)
		return -ENOMEM;
	feed->opts = *opts;
	feed->sink = sink;
	rc = unwind_modules_new(&modules_opts, &feed->modules);
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
	unwind_modules_free(feed->modules);
	u32_map_done(&feed->image_index);
	free(feed->images);
	free(feed->unsure);
	free(feed);
}

/* ---- modules ---------------------------------------------------------------------------------------------------- */

static int compile_vdso(struct unwind_table **ret_table)
{
	size_t size;
	const void *image = vdso_image(&size);

	return image ? unwind_table_compile_image(image, size, ret_table, NULL) : -ENOENT;
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
	if (!rc)
		return 0;
	feed->stats.tables_refused++;
	return rc == -ENOMEM ? rc : 0;
}

/* ---- images ----------------------------------------------------------------------------------------------------- */

static struct unwind_mapping mapping_of(const struct sink_mapping *mapping)
{
	return (struct unwind_mapping){
		.start = mapping->start,
		.end = mapping->end,
		.file_offset = mapping->file_offset,
		.module = mapping->type == SINK_MAPPING_ANON ? 0 : mapping->module,
	};
}

static int add_mapping(struct unwind_feed *feed, const struct sink_mapping *from, uint32_t pid)
{
	struct unwind_mapping mapping = mapping_of(from);
	struct unwind_table *table = NULL;
	int rc = 0;

	if (mapping.module && unwind_modules_wants(feed->modules, mapping.module)) {
		rc = compile(feed, from, pid, &table);
		rc = rc ? rc : unwind_modules_add(feed->modules, mapping.module, table);
	}
	return rc ? rc : unwind_modules_map(feed->modules, &mapping);
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
	int rc;

	unwind_modules_begin(feed->modules);
	while (feed->sink->ops->mapping_next(feed->sink, image->process, address, &mapping)) {
		rc = add_mapping(feed, &mapping, image->pid);
		if (rc)
			return rc;
		address = mapping.end;
	}
	*ret_old = image->image;
	image->is_dirty = false;
	image->image.copies = copies_per_second(image);
	rc = unwind_modules_put(feed->modules, &image->image);
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
	unwind_modules_drop(feed->modules, &image->image);
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
		unwind_modules_drop(feed->modules, &old);
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

static bool replaces(const struct unwind_feed *feed, const struct feed_image *image, uint64_t start,
		     uint64_t end)
{
	const struct unwind_range *ranges = feed->opts.memory->ranges + image->image.first;
	struct sink_mapping mapping;
	struct unwind_mapping now;

	if (!feed->sink->ops->mapping_next(feed->sink, image->process, start, &mapping))
		return false;
	now = mapping_of(&mapping);
	for (uint32_t i = 0; i < image->image.nr; i++) {
		if (ranges[i].start < end && ranges[i].end > start && ranges[i].module &&
		    !unwind_modules_same(feed->modules, &ranges[i], &now))
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

/* What the record of a sample says of such an end of a walk. */
static uint8_t state_of(enum unwind_outcome outcome)
{
	switch (outcome) {
	case UNWIND_COMPLETE:
		return WIRE_STACK_COMPLETE;
	case UNWIND_TRUNCATED:
		return WIRE_STACK_TRUNCATED;
	case UNWIND_BAD_ADDRESS:
		return WIRE_STACK_BAD_ADDRESS;
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
	struct unwind_copy in = {
		.regs = &copy->regs,
		.stack = (const uint8_t *)(copy + 1),
		.is_behind_syscall = copy->is_behind_syscall,
	};
	struct unwind_image image;
	struct unwind_walk_result result;
	struct feed_image passing;
	int rc;

	if (size < sizeof(*copy) || size - sizeof(*copy) < copy->nr_bytes)
		return -EBADMSG;
	in.size = copy->nr_bytes;
	rc = find_or_publish(feed, copy, process, &passing, &image);
	if (rc)
		return rc;
	unwind_modules_walk(feed->modules, &image, &in, ret_stack->frames,
			    ARRAY_SIZE(ret_stack->frames), &result);
	/*
	 * The kernel reads the stack itself, so it may have come farther than the copy reaches. Only it knows what is
	 * missing there; without that every such stack would end at the same place for ever.
	 */
	if (copy->why == UNWIND_NO_PAGE && result.outcome == UNWIND_TRUNCATED)
		unwind_store_load_page(unwind_modules_store(feed->modules), copy->module,
				       copy->page);
	ret_stack->nr = result.nr_frames;
	ret_stack->state = state_of(result.outcome);
	feed->stats.copies_walked++;
	if (passing.image.nr)
		unwind_modules_drop(feed->modules, &passing.image);
	return 0;
}

void unwind_feed_stats(const struct unwind_feed *feed, struct unwind_feed_stats *ret_stats)
{
	struct unwind_modules_stats modules;

	unwind_modules_stats(feed->modules, &modules);
	*ret_stats = feed->stats;
	ret_stats->tables_refused += modules.refused;
	ret_stats->tables = modules.tables;
	ret_stats->table_bytes = modules.table_bytes;
	unwind_store_stats(unwind_modules_store(feed->modules), &ret_stats->store);
}
