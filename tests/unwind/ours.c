/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's build of the walker on a stopped process. See ours.h. */
#include "ours.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <unistd.h>

#include "base/array.h"
#include "base/macros.h"
#include "linux/procfs.h"
#include "unwind/store.h"
#include "unwind/table.h"
#include "unwind/walk.h"

#define NR_RANGES  4096
#define NR_PAGES   16384
#define NR_CHUNKS  128 /* 32 MiB: cc1's tables fit several times */
#define VDSO_BYTES 65536

/* A file, or the vDSO, that was mapped at some time. */
struct module {
	uint64_t device;
	uint64_t inode;             /* 0 = the vDSO */
	uint32_t number;            /* in the store; 0 = it has no table */
	struct unwind_table *table; /* NULL = none could be made */
};

struct ours {
	pid_t pid;
	int mem_fd;
	uint32_t tick;
	struct unwind_memory memory;
	struct unwind_store *store;
	struct unwind_image image;
	/* Walks remember from stop to stop, as the kernel's do from sample to sample. */
	struct unwind_known known[UNWIND_KNOWN_MAX];
	struct module *modules;
	size_t nr_modules;
	size_t cap_modules;
	struct unwind_range *ranges;
	size_t nr_ranges;
	size_t cap_ranges;
};

static int read_memory(void *arg, uint64_t address, void *to, size_t size)
{
	const struct ours *ours = arg;
	ssize_t n = pread(ours->mem_fd, to, size, (off_t)address);

	return n == (ssize_t)size ? 0 : -EFAULT;
}

static int load_page(void *arg, uint32_t module, uint64_t page)
{
	struct ours *ours = arg;

	return unwind_store_load_page(ours->store, module, page);
}

struct ours *ours_new(pid_t pid)
{
	struct ours *ours = calloc(1, sizeof(*ours));
	char path[64];
	int err;

	if (!ours)
		return NULL;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	ours->pid = pid;
	ours->tick = 1;
	ours->mem_fd = open(path, O_RDONLY | O_CLOEXEC);
	ours->memory = (struct unwind_memory){
		.ranges = calloc(NR_RANGES, sizeof(struct unwind_range)),
		.directory = calloc(NR_PAGES, sizeof(struct unwind_page)),
		.rules = calloc(UNWIND_RULES_MAX, sizeof(struct unwind_rule)),
		.rows = calloc((size_t)NR_CHUNKS * UNWIND_CHUNK_WORDS, sizeof(uint32_t)),
		.tick = &ours->tick,
		.nr_ranges = NR_RANGES,
		.nr_pages = NR_PAGES,
		.nr_rules = UNWIND_RULES_MAX,
		.nr_chunks = NR_CHUNKS,
	};
	err = ours->mem_fd < 0 ? -errno : 0;
	if (!ours->memory.ranges || !ours->memory.directory || !ours->memory.rules ||
	    !ours->memory.rows)
		err = -ENOMEM;
	if (!err)
		err = unwind_store_new(&ours->memory, NULL, NULL, &ours->store);
	if (err) {
		fprintf(stderr, "ours: process %d: %s\n", (int)pid, strerror(-err));
		ours_free(ours);
		return NULL;
	}
	return ours;
}

void ours_free(struct ours *ours)
{
	if (!ours)
		return;
	unwind_store_free(ours->store);
	for (size_t i = 0; i < ours->nr_modules; i++)
		unwind_table_free(ours->modules[i].table);
	free(ours->memory.ranges);
	free(ours->memory.directory);
	free(ours->memory.rules);
	free(ours->memory.rows);
	free(ours->modules);
	free(ours->ranges);
	if (ours->mem_fd >= 0)
		close(ours->mem_fd);
	free(ours);
}

static int compile_file(const struct ours *ours, const struct proc_map *map,
			struct unwind_table **ret_table, struct oc_error *err)
{
	char path[96];
	int fd __cleanup(cleanup_close) = -1;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)ours->pid,
		 (unsigned long long)map->start, (unsigned long long)map->end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : unwind_table_compile(fd, -1, ret_table, err);
}

static int compile_vdso(struct ours *ours, const struct proc_map *map,
			struct unwind_table **ret_table, struct oc_error *err)
{
	size_t size = map->end - map->start;
	char *image __cleanup(cleanup_free) = NULL;
	int rc;

	if (size > VDSO_BYTES)
		return -EFBIG;
	image = malloc(size);
	if (!image)
		return -ENOMEM;
	rc = read_memory(ours, map->start, image, size);
	return rc ? rc : unwind_table_compile_image(image, size, ret_table, err);
}

/* The module of a mapping; NULL = out of memory. One that has no table stays known, without. */
static struct module *module_of(struct ours *ours, const struct proc_map *map)
{
	struct module module = { .device = map->device, .inode = map->inode };
	struct oc_error err = { 0 };
	int rc;

	for (size_t i = 0; i < ours->nr_modules; i++) {
		if (ours->modules[i].device == map->device && ours->modules[i].inode == map->inode)
			return &ours->modules[i];
	}
	if (array_reserve(&ours->modules, &ours->cap_modules, ours->nr_modules + 1, sizeof(module)))
		return NULL;
	rc = map->inode ? compile_file(ours, map, &module.table, &err)
			: compile_vdso(ours, map, &module.table, &err);
	if (!rc)
		rc = unwind_store_add_module(ours->store, module.table, &module.number);
	if (rc)
		fprintf(stderr, "ours: no table for %.*s: %s %s\n", (int)map->path_len, map->path,
			strerror(-rc), err.message);
	ours->modules[ours->nr_modules] = module;
	return &ours->modules[ours->nr_modules++];
}

static bool is_vdso(const struct proc_map *map)
{
	return map->path_len == strlen("[vdso]") && !memcmp(map->path, "[vdso]", map->path_len);
}

static int add_mapping(struct ours *ours, const struct proc_map *map)
{
	struct unwind_range ranges[UNWIND_MAPPING_RANGES];
	const struct module *module = NULL;
	uint64_t bias = 0;
	uint32_t number = 0;
	uint32_t nr;

	if (map->inode || is_vdso(map)) {
		module = module_of(ours, map);
		if (!module)
			return -ENOMEM;
	}
	if (module && module->number &&
	    !unwind_table_bias(module->table, map->start, map->file_offset, &bias))
		number = module->number;
	nr = unwind_store_mapping(ours->store, number, map->start, map->end, bias, ranges);
	if (array_reserve(&ours->ranges, &ours->cap_ranges, ours->nr_ranges + nr,
			  sizeof(*ours->ranges)))
		return -ENOMEM;
	memcpy(ours->ranges + ours->nr_ranges, ranges, nr * sizeof(*ranges));
	ours->nr_ranges += nr;
	return 0;
}

int ours_refresh(struct ours *ours, const char *maps, size_t len)
{
	struct unwind_image old = ours->image;
	struct proc_map map;
	size_t pos = 0;
	int err = 0;

	ours->nr_ranges = 0;
	while (!err && proc_next_map(maps, len, &pos, &map)) {
		if (map.executable && map.start < 1ull << 63) /* not [vsyscall] */
			err = add_mapping(ours, &map);
	}
	if (!err)
		err = unwind_store_put_ranges(ours->store, ours->ranges, (uint32_t)ours->nr_ranges,
					      &ours->image);
	if (err) {
		fprintf(stderr, "ours: process %d: %s\n", (int)ours->pid, strerror(-err));
		return -1;
	}
	if (old.version)
		unwind_store_drop_ranges(ours->store, &old);
	return 0;
}

static int read_registers(pid_t tid, struct unwind_regs *ret_regs)
{
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &r))
		return -errno;
	*ret_regs = (struct unwind_regs){
		.ip = r.rip,
		.numbered = { r.rax, r.rdx, r.rcx, r.rbx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9,
			      r.r10, r.r11, r.r12, r.r13, r.r14, r.r15 },
	};
	return 0;
}

static const char *end_name(enum unwind_outcome outcome)
{
	static const char *const names[] = {
		[UNWIND_RUNNING] = "running",         [UNWIND_COMPLETE] = "root",
		[UNWIND_TRUNCATED] = "limit",         [UNWIND_BAD_ADDRESS] = "bad address",
		[UNWIND_NO_INFO] = "no unwind info",  [UNWIND_FP_END] = "end of frame pointers",
		[UNWIND_NO_IMAGE] = "no image",       [UNWIND_NO_RANGE] = "no range",
		[UNWIND_NO_PAGE] = "page not loaded",
	};

	return outcome < ARRAY_SIZE(names) && names[outcome] ? names[outcome] : "unknown outcome";
}

int ours_unwind(struct ours *ours, pid_t tid, struct stack *ret_stack)
{
	struct unwind_walk_input input = {
		.memory = &ours->memory,
		.image = ours->image,
		.machine = EM_X86_64,
		.known = ours->known,
		.read = read_memory,
		.load = load_page,
		.arg = ours,
	};
	struct unwind_walk_result result;
	struct unwind_regs regs;
	int err = read_registers(tid, &regs);

	if (err)
		return err;
	unwind_walk(&input, &regs, ret_stack->pcs, STACK_FRAMES_MAX, &result);
	ret_stack->nr = result.nr_frames;
	ret_stack->complete =
		result.outcome == UNWIND_COMPLETE ||
		(result.outcome == UNWIND_TRUNCATED && result.nr_frames == STACK_FRAMES_MAX);
	ret_stack->end = end_name(result.outcome);
	return 0;
}

/* The rule at an address of a table. */
static const struct unwind_rule *rule_at(const struct unwind_table *table, uint64_t address)
{
	uint64_t page = (address >> UNWIND_PAGE_SHIFT) - table->first_page;
	const struct unwind_rule *rule = &table->rules[0];

	if (page >= table->nr_pages)
		return rule;
	for (uint32_t i = table->page_rows[page]; i < table->page_rows[page + 1]; i++) {
		if (UNWIND_ROW_LOW(table->rows[i]) <= (address & 0xffff))
			rule = &table->rules[UNWIND_ROW_RULE(table->rows[i])];
	}
	return rule;
}

bool ours_supports(const struct ours *ours, uint64_t pc, bool leaf)
{
	for (size_t i = 0; i < ours->nr_ranges; i++) {
		const struct unwind_range *range = &ours->ranges[i];

		if (pc < range->start || pc >= range->end || !range->module)
			continue;
		for (size_t k = 0; k < ours->nr_modules; k++) {
			const struct unwind_rule *rule;

			if (ours->modules[k].number != range->module)
				continue;
			rule = rule_at(ours->modules[k].table, pc - range->bias);
			return rule->cfa != UNWIND_CFA_UNKNOWN &&
			       (rule->cfa != UNWIND_CFA_REG || leaf);
		}
	}
	return true;
}
