/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares our stacks with libdw's: stops processes at random instants, unwinds their threads both ways, compares the
 * addresses one by one and says of which class each difference is. One JSON object on standard output, examples of
 * each class on standard error. Exit status 1 when a difference has no explanation, or fewer than 99.5 % are equal.
 * Run by tests/unwind/programs.py.
 * Usage: compare STOPS SECONDS PID...
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/macros.h"
#include "base/u64_map.h"
#include "linux/procfs.h"

#include "oracle.h"
#include "ours.h"
#include "tracees.h"

#define PIDS_MAX           16
#define THREADS_PER_STOP   4
#define RUN_NS_MIN         200000
#define RUN_NS_MAX         3000000
#define BUSY_TRIES         100
#define STAT_BYTES_MAX     4096
#define MAPS_BYTES_MAX     (16u << 20)
#define EXAMPLES_PER_KIND  2
#define EXAMPLE_FRAMES     6
#define DIFFERENT_PERMILLE 5
#define DIFFERENT_FREE     2 /* so many are no share yet */

/*
 * How two stacks relate. What decides are the frames that both have: their code, and what their modules say of it.
 * Only those of `explained` below may occur.
 */
enum kind {
	KIND_SAME,
	KIND_JIT,    /* generated code: both guess by the frame pointer */
	KIND_NO_CFI, /* code of a file without call frame information: both guess */
	KIND_SIGRETURN, /* a signal trampoline without call frame information: we know its code, libdw guesses */
	KIND_UNKNOWN_RULE, /* we end, counted, at a rule that we do not support */
	KIND_ORACLE_SHORT, /* libdw gives up with an error, we reach the root */
	KIND_ORACLE_BEYOND, /* libdw goes on where its own information says that there is no caller */
	KIND_WRONG,         /* none of these */
	NR_KINDS
};

static const struct {
	const char *name;
	bool explained;
} kinds[NR_KINDS] = {
	[KIND_SAME] = { "same", true },
	[KIND_JIT] = { "jit", true },
	[KIND_NO_CFI] = { "no_cfi", true },
	[KIND_SIGRETURN] = { "sigreturn", true },
	[KIND_UNKNOWN_RULE] = { "unknown_rule", true },
	[KIND_ORACLE_SHORT] = { "oracle_short", true },
	[KIND_ORACLE_BEYOND] = { "oracle_beyond", true },
	[KIND_WRONG] = { "wrong", false },
};

/* Executable memory. */
struct code {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	uint64_t inode;
};

struct target {
	pid_t pid;
	struct oracle *oracle;
	struct ours *ours;
	struct code *code; /* what is executable, sorted */
	size_t nr_code;
	size_t cap_code;
};

struct comparison {
	struct target targets[PIDS_MAX];
	size_t nr_targets;
	struct tracees tracees;
	struct u64_map distinct; /* hashes of stacks */
	uint64_t random;
	uint64_t stops;
	uint64_t stacks;
	uint64_t frames;
	uint64_t deepest;
	uint64_t complete; /* of ours */
	uint64_t cut;
	uint64_t nr[NR_KINDS];
};

static uint64_t random_below(struct comparison *c, uint64_t below)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return (c->random >> 11) % below;
}

/* Takes in what is executable. Returns 1 when that has changed, 0 when not, or a negative errno value. */
static int read_code(struct target *target, const struct buffer *maps)
{
	struct proc_map map;
	size_t pos = 0;
	size_t nr = 0;
	int changed = 0;

	while (proc_next_map(maps->data, maps->len, &pos, &map)) {
		struct code code = { .start = map.start,
				     .end = map.end,
				     .file_offset = map.file_offset,
				     .inode = map.inode };

		if (!map.executable)
			continue;
		if (array_reserve(&target->code, &target->cap_code, nr + 1, sizeof(code)))
			return -ENOMEM;
		if (nr >= target->nr_code || memcmp(&target->code[nr], &code, sizeof(code)))
			changed = 1;
		target->code[nr++] = code;
	}
	changed |= nr != target->nr_code;
	target->nr_code = nr;
	return changed;
}

/* Tells both unwinders when what is executable in a process has changed. Returns 0 or a negative errno value. */
static int refresh(struct target *target)
{
	struct buffer maps __cleanup(buffer_done) = BUFFER_INIT;
	int proc_fd __cleanup(cleanup_close) = proc_open((uint32_t)target->pid);
	int err = proc_fd < 0 ? proc_fd : proc_read(proc_fd, "maps", MAPS_BYTES_MAX, &maps);

	if (!err)
		err = read_code(target, &maps);
	if (err <= 0)
		return err;
	return oracle_refresh(target->oracle) || ours_refresh(target->ours, maps.data, maps.len)
		       ? -EIO
		       : 0;
}

static bool is_code(const struct target *target, uint64_t pc)
{
	for (size_t i = 0; i < target->nr_code; i++) {
		if (pc >= target->code[i].start && pc < target->code[i].end)
			return true;
	}
	return false;
}

/*
 * Where it lost its way, an unwinder shows the address that it found in place of a return address, and then says
 * that nothing is there. That is no frame. Cuts the stack before it.
 */
static bool cut(const struct target *target, struct stack *stack)
{
	for (uint32_t i = 1; i < stack->nr; i++) {
		if (is_code(target, stack->pcs[i]) || is_code(target, stack->pcs[i] - 1))
			continue;
		stack->nr = i;
		stack->complete = false;
		return true;
	}
	return false;
}

/* Whether a frame of a stack is that of a running or interrupted function, whose address is not behind a call. */
static bool is_exact(const struct target *target, const struct stack *stack, uint32_t i)
{
	return i == 0 || oracle_place(target->oracle, stack->pcs[i - 1]).signal_frame;
}

/* Whether the code at an address is "mov $__NR_rt_sigreturn,%rax; syscall", what a signal handler returns to. */
static bool is_sigreturn(const struct target *target, uint64_t pc)
{
	static const uint8_t expected[] = { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 };
	uint8_t code[sizeof(expected)];
	struct iovec to = { .iov_base = code, .iov_len = sizeof(code) };
	struct iovec from = { .iov_base = (void *)(uintptr_t)pc, .iov_len = sizeof(code) };

	return process_vm_readv(target->pid, &to, 1, &from, 1, 0) == (ssize_t)sizeof(code) &&
	       !memcmp(code, expected, sizeof(code));
}

/*
 * The class of two stacks whose first `same` frames are equal and which differ behind them. A guess anywhere among
 * these explains it: it may have found the right caller, but other registers of it.
 */
static enum kind classify(const struct target *target, const struct stack *ours,
			  const struct stack *theirs, uint32_t same)
{
	struct oracle_place place = { 0 };

	for (uint32_t i = 0; i < same; i++) {
		bool exact = is_exact(target, ours, i);
		uint64_t pc = ours->pcs[i] - !exact;

		place = oracle_place(target->oracle, pc);
		if (!place.in_file)
			return KIND_JIT;
		if (!place.has_cfi)
			return is_sigreturn(target, ours->pcs[i]) ? KIND_SIGRETURN : KIND_NO_CFI;
		if (!ours_supports(target->ours, pc, i == 0))
			return KIND_UNKNOWN_RULE;
	}
	if (same && same == theirs->nr && !theirs->complete && ours->complete)
		return KIND_ORACLE_SHORT;
	if (same && same == ours->nr && ours->complete && place.root)
		return KIND_ORACLE_BEYOND;
	return KIND_WRONG;
}

static void print_stack(const struct target *target, const char *whose, const struct stack *stack,
			uint32_t first)
{
	char name[256];

	fprintf(stderr, "  %s: %u frames, ended: %s\n", whose, stack->nr, stack->end);
	for (uint32_t i = first; i < stack->nr && i < first + EXAMPLE_FRAMES; i++) {
		oracle_name(target->oracle, stack->pcs[i], name, sizeof(name));
		fprintf(stderr, "    #%-3u %016llx %s\n", i, (unsigned long long)stack->pcs[i],
			name);
	}
}

/* Whether a thread has moved since it was last looked at. */
static bool has_moved(struct comparison *c, struct tracee *tracee, const struct stack *theirs)
{
	uint64_t hash = 0;

	for (uint32_t i = 0; i < theirs->nr; i++)
		hash = (hash ^ theirs->pcs[i]) * 0x9e3779b97f4a7c15ull;
	hash |= 1;
	if (tracee->seen == hash)
		return false;
	tracee->seen = hash;
	(void)u64_map_set(&c->distinct, hash, 1);
	return true;
}

static void compare_stacks(struct comparison *c, const struct target *target, struct stack *ours,
			   struct stack *theirs)
{
	uint32_t same = 0;
	enum kind kind = KIND_SAME;

	c->cut += cut(target, theirs);
	cut(target, ours);
	while (same < MIN(ours->nr, theirs->nr) && ours->pcs[same] == theirs->pcs[same])
		same++;
	if (same < MAX(ours->nr, theirs->nr))
		kind = classify(target, ours, theirs, same);
	if (kind != KIND_SAME && c->nr[kind] < EXAMPLES_PER_KIND) {
		fprintf(stderr, "%s: process %d, %u frames alike\n", kinds[kind].name,
			(int)target->pid, same);
		print_stack(target, "ours", ours, 0);
		print_stack(target, "libdw", theirs, 0);
	}
	c->nr[kind]++;
	c->stacks++;
	c->frames += theirs->nr;
	c->complete += ours->complete;
	c->deepest = MAX(c->deepest, theirs->nr);
}

/* Unwinds some of the stopped threads of a process. Returns 0 or a negative errno value. */
static int look(struct comparison *c, struct target *target)
{
	size_t nr = c->tracees.nr;
	size_t first = random_below(c, nr);
	unsigned int left = THREADS_PER_STOP;
	struct stack ours;
	struct stack theirs;
	int err = refresh(target);

	for (size_t i = 0; !err && left && i < nr; i++) {
		struct tracee *t = &c->tracees.items[(first + i) % nr];

		if (t->pid != target->pid || !t->stopped)
			continue;
		err = ours_unwind(target->ours, t->tid, &ours);
		if (err)
			break;
		oracle_unwind(target->oracle, t->tid, &theirs);
		if (has_moved(c, t, &theirs))
			compare_stacks(c, target, &ours, &theirs);
		left--;
	}
	return err;
}

static void target_done(struct target *target)
{
	oracle_free(target->oracle);
	ours_free(target->ours);
	free(target->code);
}

/* Whether the main thread of a process runs, or wants to. */
static bool is_busy(pid_t pid)
{
	struct buffer text __cleanup(buffer_done) = BUFFER_INIT;
	int proc_fd __cleanup(cleanup_close) = proc_open((uint32_t)pid);
	struct proc_stat stat;

	return proc_fd >= 0 && !proc_read(proc_fd, "stat", STAT_BYTES_MAX, &text) &&
	       !proc_parse_stat(text.data, text.len, &stat) && stat.state == 'R';
}

/* Lets all run until a random instant, at which the process is busy if it ever is: most servers sleep mostly, and in
 * few places. Returns 0 or a negative errno value. */
static int run_on(struct comparison *c, pid_t pid)
{
	int err = tracees_run(&c->tracees, RUN_NS_MIN + random_below(c, RUN_NS_MAX - RUN_NS_MIN));

	for (int i = 0; !err && i < BUSY_TRIES && !is_busy(pid); i++)
		err = tracees_run(&c->tracees, random_below(c, RUN_NS_MIN));
	return err;
}

/* One random instant. Returns 0, -ESRCH when no process is left, or a negative errno value. */
static int stop_once(struct comparison *c)
{
	struct target *target = &c->targets[random_below(c, c->nr_targets)];
	int err = run_on(c, target->pid);

	if (err)
		return err;
	err = tracees_stop(&c->tracees, target->pid);
	if (!err)
		err = look(c, target);
	tracees_resume(&c->tracees);
	if (err == -ESRCH || err == -ENOENT) {
		target_done(target);
		*target = c->targets[--c->nr_targets];
		return c->nr_targets ? 0 : -ESRCH;
	}
	c->stops += !err;
	return err;
}

static int add_target(struct comparison *c, pid_t pid)
{
	struct target *target = &c->targets[c->nr_targets];
	int err = tracees_seize(&c->tracees, pid);

	if (err) {
		fprintf(stderr, "cannot trace process %d: %s\n", (int)pid, strerror(-err));
		return -1;
	}
	c->nr_targets++;
	target->pid = pid;
	target->oracle = oracle_new(pid);
	target->ours = ours_new(pid);
	return target->oracle && target->ours ? 0 : -1;
}

static bool report(const struct comparison *c)
{
	uint64_t different = c->stacks - c->nr[KIND_SAME];
	bool good = c->stacks > 0;

	printf("{\"stops\":%llu,\"stacks\":%llu,\"distinct\":%zu,\"frames\":%llu,\"deepest\":%llu,"
	       "\"complete\":%llu,\"cut\":%llu,\"kinds\":{",
	       (unsigned long long)c->stops, (unsigned long long)c->stacks, c->distinct.count,
	       (unsigned long long)c->frames, (unsigned long long)c->deepest,
	       (unsigned long long)c->complete, (unsigned long long)c->cut);
	for (int i = 0; i < NR_KINDS; i++) {
		printf("%s\"%s\":%llu", i ? "," : "", kinds[i].name, (unsigned long long)c->nr[i]);
		good = good && (kinds[i].explained || !c->nr[i]);
	}
	good = good && different <= MAX(DIFFERENT_FREE, c->stacks * DIFFERENT_PERMILLE / 1000);
	printf("},\"good\":%s}\n", good ? "true" : "false");
	return good;
}

int main(int argc, char **argv)
{
	struct comparison c = { .random = clock_monotonic_ns() | 1 };
	bool good = false;
	int err = 0;

	if (argc < 4 || argc > 3 + PIDS_MAX) {
		fputs("usage: compare STOPS SECONDS PID...\n", stderr);
		return 2;
	}
	for (int i = 3; i < argc && !err; i++)
		err = add_target(&c, (pid_t)strtol(argv[i], NULL, 10));
	if (!err) {
		uint64_t stops = strtoull(argv[1], NULL, 10);
		uint64_t end_ns = clock_monotonic_ns() + strtoull(argv[2], NULL, 10) * 1000000000;

		while (!err && c.stops < stops && clock_monotonic_ns() < end_ns)
			err = stop_once(&c);
		if (err == -ESRCH)
			err = 0;
		if (err)
			fprintf(stderr, "compare: %s\n", strerror(-err));
		good = report(&c) && !err;
	}
	tracees_done(&c.tracees);
	for (size_t i = 0; i < c.nr_targets; i++) {
		target_done(&c.targets[i]);
	}
	u64_map_done(&c.distinct);
	return good ? 0 : 1;
}
