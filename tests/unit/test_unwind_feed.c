/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Feeding the walker, with this process as the target: its own mappings, files and stack.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "linux/unwind_feed.h"
#include "unwind/table_cache.h"

#define NR_RANGES 4096
#define NR_PAGES  65536
#define NR_CHUNKS 8
#define COPIED    16384
/* Code of this program lies within these; relocations for sanitizers can be 10 MiB in front of it. */
#define PAGES_SEARCHED 1024

struct known_mapping {
	struct sink_mapping mapping;
	char path[256];
};

struct fixture {
	struct sink sink;
	struct known_mapping known[512];
	uint32_t nr;
	sink_process now;
	uint32_t opened;
	struct unwind_memory memory;
	uint32_t tick;
	struct unwind_feed *feed;
};

static bool on_mapping_next(struct sink *sink, sink_process process, uint64_t address,
			    struct sink_mapping *ret_mapping)
{
	struct fixture *f = container_of(sink, struct fixture, sink);

	for (uint32_t i = 0; process == 1 && i < f->nr; i++) {
		if (f->known[i].mapping.end > address) {
			*ret_mapping = f->known[i].mapping;
			return true;
		}
	}
	return false;
}

static int on_module_open(struct sink *sink, uint32_t module, uint32_t pid)
{
	struct fixture *f = container_of(sink, struct fixture, sink);
	int fd;

	cr_assert_eq(pid, (uint32_t)getpid());
	f->opened++;
	fd = open(f->known[module - 1].path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int on_module_open_frames(struct sink *sink, uint32_t module, uint32_t pid)
{
	(void)sink;
	(void)module;
	(void)pid;
	return -ENOENT;
}

static bool on_process_is_now(struct sink *sink, sink_process process)
{
	return container_of(sink, struct fixture, sink)->now == process;
}

static const struct sink_ops ops = {
	.process_is_now = on_process_is_now,
	.mapping_next = on_mapping_next,
	.module_open = on_module_open,
	.module_open_frames = on_module_open_frames,
};

static void read_own_mappings(struct fixture *f)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long long start, end, offset;
	char line[512], flags[8], path[256];

	cr_assert_not_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		struct known_mapping *known = &f->known[f->nr];

		path[0] = '\0';
		if (sscanf(line, "%llx-%llx %7s %llx %*s %*s %255s", &start, &end, flags, &offset,
			   path) < 4 ||
		    flags[2] != 'x' || start >> 63)
			continue;
		cr_assert_lt(f->nr, ARRAY_SIZE(f->known));
		snprintf(known->path, sizeof(known->path), "%s", path);
		known->mapping = (struct sink_mapping){ .start = start,
							.end = end,
							.file_offset = offset,
							.module = ++f->nr,
							.type = path[0] == '/' ? SINK_MAPPING_FILE
								: !strcmp(path, "[vdso]")
									? SINK_MAPPING_VDSO
									: SINK_MAPPING_ANON };
	}
	fclose(maps);
}

static const char *cache; /* directory of tables; NULL = none */

static uint32_t nr_chunks = NR_CHUNKS;

static struct fixture *setup(uint64_t table_bytes)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct unwind_feed_opts opts = { .images_fd = -1,
					 .table_bytes = table_bytes,
					 .cache = cache };

	cr_assert_not_null(f);
	f->sink.ops = &ops;
	f->now = 1;
	read_own_mappings(f);
	f->memory = (struct unwind_memory){
		.ranges = calloc(NR_RANGES, sizeof(struct unwind_range)),
		.directory = calloc(NR_PAGES, sizeof(struct unwind_page)),
		.rules = calloc(UNWIND_RULES_MAX, sizeof(struct unwind_rule)),
		.rows = calloc(NR_CHUNKS * UNWIND_CHUNK_WORDS, sizeof(uint32_t)),
		.tick = &f->tick,
		.nr_ranges = NR_RANGES,
		.nr_pages = NR_PAGES,
		.nr_rules = UNWIND_RULES_MAX,
		.nr_chunks = nr_chunks,
	};
	opts.memory = &f->memory;
	cr_assert_eq(unwind_feed_new(&opts, &f->sink, &f->feed), 0);
	return f;
}

static void teardown(struct fixture *f)
{
	unwind_feed_free(f->feed);
	free(f->memory.ranges);
	free(f->memory.directory);
	free(f->memory.rules);
	free(f->memory.rows);
	free(f);
}

/* Bytes from an address of the stack to the end of its mapping. */
static size_t bytes_above(uint64_t address)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long long start, end, left = 0;
	char line[512];

	cr_assert_not_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%llx-%llx", &start, &end) == 2 && start <= address &&
		    address < end)
			left = end - address;
	}
	fclose(maps);
	return MIN((size_t)left, (size_t)COPIED);
}

/* Not memcpy(): to the sanitizers other functions' variables are nobody's business. */
__attribute__((no_sanitize("address"))) static void copy_words(uint64_t *to, uint64_t from,
							       size_t size)
{
	for (size_t i = 0; i < size / sizeof(*to); i++)
		to[i] = ((const volatile uint64_t *)from)[i];
}

/* A copy of the stack as a sample here would make it. */
static struct wire_copy *copy_here(void)
{
	struct wire_copy *copy = calloc(1, sizeof(*copy) + COPIED);
	uint64_t sp;
	ucontext_t here;

	cr_assert_not_null(copy);
	cr_assert_eq(getcontext(&here), 0);
#if defined(__x86_64__)
	copy->regs.ip = (uint64_t)here.uc_mcontext.gregs[REG_RIP];
	copy->regs.numbered[6] = (uint64_t)here.uc_mcontext.gregs[REG_RBP];
	sp = copy->regs.numbered[7] = (uint64_t)here.uc_mcontext.gregs[REG_RSP];
#else
	copy->regs.ip = here.uc_mcontext.pc;
	for (int i = 0; i < 31; i++)
		copy->regs.numbered[i] = here.uc_mcontext.regs[i];
	sp = copy->regs.numbered[31] = here.uc_mcontext.sp;
#endif
	copy->nr_bytes = (uint32_t)bytes_above(sp);
	copy_words((uint64_t *)(void *)(copy + 1), sp, copy->nr_bytes);
	copy->tgid = (uint32_t)getpid();
	copy->image = 77;
	return copy;
}

/* The frames above the innermost two must be those that the C library's own unwinder finds. */
static void expect_same_as_backtrace(const struct unwind_feed_stack *stack)
{
	void *want[UNWIND_FRAMES_MAX];
	int nr = backtrace(want, ARRAY_SIZE(want));
	uint32_t ours = 0;
	int theirs = 0;

	/* The frames that differ in place: here, and in the function that copied. */
	while (ours < stack->nr && theirs < nr) {
		for (theirs = 0; theirs < nr; theirs++) {
			if ((uint64_t)(uintptr_t)want[theirs] == stack->frames[ours])
				break;
		}
		if (theirs < nr)
			break;
		ours++;
		theirs = 0;
	}
	cr_assert_leq(ours, 3, "no common frame");
	cr_assert_eq(stack->nr - ours, (uint32_t)(nr - theirs), "%u frames of ours, %d of theirs",
		     stack->nr - ours, nr - theirs);
	for (; theirs < nr; theirs++, ours++)
		cr_assert_eq(stack->frames[ours], (uint64_t)(uintptr_t)want[theirs]);
}

Test(unwind_feed, a_copy_of_this_stack)
{
	struct fixture *f = setup(64 << 20);
	struct wire_copy *copy = copy_here();
	size_t size = sizeof(*copy) + copy->nr_bytes;
	struct unwind_feed_stack stack;
	struct unwind_feed_stats stats;
	uint32_t opened;

	cr_assert_eq(unwind_feed_walk(f->feed, copy, size, 1, &stack), 0);
	cr_assert_eq(stack.frames[0], copy->regs.ip);
	expect_same_as_backtrace(&stack);
	cr_assert_eq(stack.state, WIRE_STACK_COMPLETE);
	opened = f->opened;
	cr_assert_gt(opened, 1);
	/* Nothing is read twice, not for another image either. */
	cr_assert_eq(unwind_feed_walk(f->feed, copy, size, 1, &stack), 0);
	copy->image = 78;
	cr_assert_eq(unwind_feed_walk(f->feed, copy, size, 1, &stack), 0);
	cr_assert_eq(f->opened, opened);
	unwind_feed_stats(f->feed, &stats);
	cr_assert_eq(stats.copies_walked, 3);
	cr_assert_eq(stats.images_published, 2);
	cr_assert_gt(stats.store.pages_loaded, 0);
	free(copy);
	teardown(f);
}

Test(unwind_feed, what_is_not_known_ends_the_walk)
{
	struct fixture *f = setup(64 << 20);
	struct wire_copy *copy = copy_here();
	size_t size = sizeof(*copy) + copy->nr_bytes;
	struct unwind_feed_stack stack;

	/* An image that is gone, of which nothing is known any more. */
	cr_assert_eq(unwind_feed_walk(f->feed, copy, size, 9, &stack), 0);
	cr_assert_eq(stack.state, WIRE_STACK_NO_MAPPING);
	cr_assert_eq(stack.nr, 1);
	/* Only the first words were copied. */
	copy->nr_bytes = 16;
	cr_assert_eq(unwind_feed_walk(f->feed, copy, size, 1, &stack), 0);
	cr_assert_eq(stack.state, WIRE_STACK_TRUNCATED);
	/* A record that is shorter than it says. */
	copy->nr_bytes = (uint32_t)(size - sizeof(*copy)) + 1;
	cr_assert_eq(unwind_feed_walk(f->feed, copy, size, 1, &stack), -EBADMSG);
	cr_assert_eq(unwind_feed_walk(f->feed, copy, sizeof(*copy) - 1, 1, &stack), -EBADMSG);
	free(copy);
	teardown(f);
}

/* A stack that is longer than its copy: the kernel says which page it missed beyond. */
Test(unwind_feed, a_page_beyond_the_copy)
{
	struct wire_copy *copy = copy_here();
	struct unwind_feed_stack stack;
	struct unwind_feed_stats before, after;
	struct fixture *f;

	/* A store so small that this program is not loaded as a whole at once. */
	nr_chunks = 1;
	f = setup(64 << 20);
	copy->nr_bytes = 16;
	copy->module = 1;
	for (copy->page = 0; copy->page < PAGES_SEARCHED; copy->page++)
		cr_assert_eq(unwind_feed_walk(f->feed, copy, sizeof(*copy) + 16, 1, &stack), 0);
	unwind_feed_stats(f->feed, &before);
	copy->why = UNWIND_NO_PAGE;
	for (copy->page = 0; copy->page < PAGES_SEARCHED; copy->page++) {
		cr_assert_eq(unwind_feed_walk(f->feed, copy, sizeof(*copy) + 16, 1, &stack), 0);
		cr_assert_eq(stack.state, WIRE_STACK_TRUNCATED);
	}
	unwind_feed_stats(f->feed, &after);
	cr_assert_gt(after.store.pages_loaded, before.store.pages_loaded);
	/* One that is not there any more. */
	copy->module = 4711;
	cr_assert_eq(unwind_feed_walk(f->feed, copy, sizeof(*copy) + 16, 1, &stack), 0);
	free(copy);
	teardown(f);
}

Test(unwind_feed, mappings_that_change)
{
	struct fixture *f = setup(64 << 20);
	struct wire_copy *copy = copy_here();
	size_t size = sizeof(*copy) + copy->nr_bytes;
	uint32_t pid = (uint32_t)getpid(), nr = f->nr;
	struct unwind_feed_stack stack;

	cr_assert_eq(unwind_feed_mapped(f->feed, pid, 1, 0x1000, 0x2000),
		     0); /* of no interest yet */
	cr_assert_eq(unwind_feed_publish(f->feed), 0);
	cr_assert_eq(unwind_feed_walk(f->feed, copy, size, 1, &stack), 0);
	cr_assert_gt(stack.nr, 2);
	f->nr = 0;
	cr_assert_eq(unwind_feed_mapped(f->feed, pid, 1, 0x1000, 0x2000), 0);
	cr_assert_eq(unwind_feed_publish(f->feed), 0);
	cr_assert_eq(unwind_feed_walk(f->feed, copy, size, 1, &stack), 0);
	cr_assert_eq(stack.nr, 1);
	f->nr = nr;
	unwind_feed_image_ended(f->feed, pid);
	unwind_feed_image_ended(f->feed, pid);
	cr_assert_eq(unwind_feed_walk(f->feed, copy, size, 1, &stack), 0);
	expect_same_as_backtrace(&stack);
	free(copy);
	teardown(f);
}

Test(unwind_feed, tables_stay_inside_their_budget)
{
	struct fixture *f = setup(1);
	struct wire_copy *copy = copy_here();
	struct unwind_feed_stack stack;
	struct unwind_feed_stats stats;

	cr_assert_eq(unwind_feed_walk(f->feed, copy, sizeof(*copy) + copy->nr_bytes, 1, &stack), 0);
	unwind_feed_stats(f->feed, &stats);
	cr_assert_eq(stats.tables, 0);
	cr_assert_gt(stats.tables_refused, 1);
	free(copy);
	teardown(f);
}

/* One library in the place of another: what was walked in between is in doubt, and what was only counted. */
Test(unwind_feed, a_mapping_that_takes_the_place_of_another)
{
	struct fixture *f = setup(64 << 20);
	struct wire_copy *copy = copy_here();
	size_t size = sizeof(*copy) + copy->nr_bytes;
	uint32_t pid = (uint32_t)getpid();
	struct unwind_feed_stack stack;
	struct sink_mapping *first = NULL;
	uint64_t start, end, changed, published;

	cr_assert_eq(unwind_feed_walk(f->feed, copy, size, 1, &stack), 0);
	for (uint32_t i = 0; i < f->nr && !first; i++) {
		if (f->known[i].mapping.type == SINK_MAPPING_FILE)
			first = &f->known[i].mapping;
	}
	cr_assert_not_null(first);
	/* The same once more is nothing new. */
	changed = clock_monotonic_ns();
	cr_assert_eq(unwind_feed_mapped(f->feed, pid, changed, first->start, first->end), 0);
	cr_assert_not(unwind_feed_unsure(f->feed, pid, 1, changed, &start, &end));
	cr_assert_not(unwind_feed_unsure(f->feed, pid, 1, 0, &start, &end));
	/* Other memory is. */
	first->type = SINK_MAPPING_ANON;
	first->module = 600;
	cr_assert_eq(unwind_feed_mapped(f->feed, pid, changed, first->start, first->end), 0);
	cr_assert_not(unwind_feed_is_late(f->feed, pid, 1, changed));
	cr_assert(unwind_feed_unsure(f->feed, pid, 1, changed, &start, &end));
	cr_assert(start == first->start && end == first->end);
	cr_assert(unwind_feed_unsure(f->feed, pid, 1, 0, &start, &end));
	cr_assert_not(unwind_feed_unsure(f->feed, pid, 2, 0, &start, &end), "another image");
	/* One of before that comes only now: nobody knows what it was walked by, wherever that was. */
	cr_assert(unwind_feed_is_late(f->feed, pid, 1, changed - 1));
	cr_assert_not(unwind_feed_is_late(f->feed, pid, 2, changed - 1), "another image");
	cr_assert(unwind_feed_unsure(f->feed, pid, 1, changed - 1, &start, &end));
	cr_assert(start == 0 && end == UINT64_MAX);
	/* Of several changes the last one counts. */
	first->module = 601;
	cr_assert_eq(unwind_feed_mapped(f->feed, pid, changed + 2, first->start, first->end), 0);
	cr_assert(unwind_feed_is_late(f->feed, pid, 1, changed + 1));
	cr_assert_eq(unwind_feed_publish(f->feed), 0);
	published = clock_monotonic_ns();
	cr_assert(unwind_feed_unsure(f->feed, pid, 1, changed + 2, &start, &end));
	cr_assert(start == first->start && end == first->end);
	cr_assert_not(unwind_feed_unsure(f->feed, pid, 1, published, &start, &end));
	/* Counters of before are in doubt until they are handed out. */
	unwind_feed_drained(f->feed, changed);
	cr_assert(unwind_feed_unsure(f->feed, pid, 1, 0, &start, &end));
	unwind_feed_drained(f->feed, published);
	cr_assert_not(unwind_feed_unsure(f->feed, pid, 1, 0, &start, &end));
	free(copy);
	teardown(f);
}

/* Tables that no image needs any more make room for others. */
Test(unwind_feed, modules_that_are_not_mapped_any_more)
{
	struct fixture *f = setup(64 << 20);
	struct wire_copy *copy = copy_here();
	size_t size = sizeof(*copy) + copy->nr_bytes;
	struct unwind_feed_stack stack;
	struct unwind_feed_stats before, after;
	uint32_t nr = f->nr;

	cr_assert_eq(unwind_feed_walk(f->feed, copy, size, 1, &stack), 0);
	unwind_feed_stats(f->feed, &before);
	teardown(f);
	/* Room for the tables of one image, but not of two that share nothing. */
	f = setup(before.table_bytes + before.table_bytes / 4);
	cr_assert_eq(f->nr, nr);
	cr_assert_eq(unwind_feed_walk(f->feed, copy, size, 1, &stack), 0);
	unwind_feed_image_ended(f->feed, (uint32_t)getpid());
	/* The same files under other numbers. */
	for (uint32_t i = 0; i < nr; i++) {
		f->known[nr + i] = f->known[i];
		f->known[i].mapping.module += nr;
	}
	copy->image = 78;
	cr_assert_eq(unwind_feed_walk(f->feed, copy, size, 1, &stack), 0);
	cr_assert_eq(stack.state, WIRE_STACK_COMPLETE);
	unwind_feed_stats(f->feed, &after);
	cr_assert_eq(after.tables_refused, before.tables_refused);
	cr_assert_leq(after.table_bytes, before.table_bytes + before.table_bytes / 4);
	free(copy);
	teardown(f);
}

static uint32_t nr_files(const char *dir)
{
	DIR *open = opendir(dir);
	uint32_t nr = 0;

	cr_assert_not_null(open);
	while (readdir(open))
		nr++;
	closedir(open);
	return nr - 2;
}

/* What was compiled once is read the next time, and a walk cannot tell the difference. */
Test(unwind_feed, tables_that_are_kept)
{
	char dir[] = "/tmp/onecollect-unit-XXXXXX", command[64];
	struct unwind_feed_stack first, second;
	struct fixture *f;
	struct wire_copy *copy;
	uint32_t nr;

	cache = mkdtemp(dir);
	cr_assert_not_null(cache);
	f = setup(64 << 20);
	for (uint32_t i = 0; i < f->nr; i++) {
		struct known_mapping *known = &f->known[i];
		size_t len = strlen(known->path), size = MIN(len, (size_t)TABLE_CACHE_ID_MAX);

		/* The end of a path is as good as a build-id here. */
		known->mapping.build_id = (const uint8_t *)known->path + len - size;
		known->mapping.build_id_size = (uint8_t)size;
	}
	copy = copy_here();
	cr_assert_eq(unwind_feed_walk(f->feed, copy, sizeof(*copy) + copy->nr_bytes, 1, &first), 0);
	expect_same_as_backtrace(&first);
	nr = nr_files(dir);
	/* Libraries are root's; the directory is ours, so that all of this works for anybody. */
	cr_assert_gt(nr, 0);
	copy->image = 78;
	unwind_feed_free(f->feed);
	cr_assert_eq(unwind_feed_new(&(struct unwind_feed_opts){ .memory = &f->memory,
								 .images_fd = -1,
								 .table_bytes = 64 << 20,
								 .cache = cache },
				     &f->sink, &f->feed),
		     0);
	memset(f->memory.directory, 0, NR_PAGES * sizeof(struct unwind_page));
	memset(f->memory.rules, 0, UNWIND_RULES_MAX * sizeof(struct unwind_rule));
	cr_assert_eq(unwind_feed_walk(f->feed, copy, sizeof(*copy) + copy->nr_bytes, 1, &second),
		     0);
	cr_assert_eq(second.state, WIRE_STACK_COMPLETE);
	cr_assert_eq(second.nr, first.nr);
	cr_assert_eq(memcmp(second.frames, first.frames, first.nr * sizeof(*first.frames)), 0);
	cr_assert_eq(nr_files(dir), nr);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	cr_assert_eq(system(command), 0);
	cache = NULL;
	free(copy);
	teardown(f);
}
