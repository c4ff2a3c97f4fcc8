/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that is hard to unwind: no frame pointers, and at random depths the kinds of frame that compilers and the
 * system make. Compiled against glibc, static glibc and musl; stopped at random instants by tests/unwind/compare.c.
 * Usage: mix SECONDS [THREADS [quiet]]; quiet: without signals
 */
#include <alloca.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
/* Ends a function: the call before it is no tail call. */
#define KEEP() __asm__ volatile("" ::: "memory")

#define ALT_STACK_BYTES 65536
#define MAX_DEPTH       24
#define DEEP            180 /* beyond what a window of the stack holds, below what walkers give up at */

struct walk {
	uint64_t random;
	int left;
};

typedef int wide __attribute__((vector_size(32)));
typedef void (*step_fn)(struct walk *w);

static volatile uint64_t sink;
static volatile int stopped;
static __thread struct walk *current;
static bool quiet;
static time_t end_s;

static void descend(struct walk *w);

static unsigned int pick(struct walk *w, unsigned int below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (unsigned int)(w->random >> 20) % below;
}

static NOINLINE void plain(struct walk *w)
{
	volatile char room[40];

	room[0] = (char)w->left;
	descend(w);
	sink += (uint64_t)room[0];
}

static NOINLINE void big_frame(struct walk *w)
{
	volatile char room[5000];

	room[w->left] = 1;
	descend(w);
	sink += (uint64_t)room[w->left];
}

static NOINLINE void with_alloca(struct walk *w)
{
	volatile char *room = alloca((size_t)w->left * 16 + 16);

	room[0] = 1;
	descend(w);
	sink += (uint64_t)room[0];
}

#if defined(__x86_64__)
__attribute__((target("avx2")))
#endif
static NOINLINE void
realigned(struct walk *w)
{
	volatile wide v = { w->left };

	descend(w);
	sink += (uint64_t)v[0];
}

static NOINLINE void realigned_alloca(struct walk *w)
{
	_Alignas(64) volatile char room[64];
	volatile char *more = alloca((size_t)w->left * 16 + 16);

	room[0] = 1;
	more[0] = 1;
	descend(w);
	sink += (uint64_t)(room[0] + more[0]);
}

static int compare_and_descend(const void *a, const void *b)
{
	(void)a;
	if (current && current->left > 0 && *(const int *)b == 1)
		descend(current);
	KEEP();
	return *(const int *)a - *(const int *)b;
}

static NOINLINE void by_qsort(struct walk *w)
{
	int numbers[] = { 3, 1, 2 };

	current = w;
	qsort(numbers, 3, sizeof(numbers[0]), compare_and_descend);
	sink += (uint64_t)numbers[0];
}

static NOINLINE void by_bsearch(struct walk *w)
{
	static const int numbers[] = { 0, 1, 2 };
	int key = 2;

	current = w;
	sink += bsearch(&key, numbers, 3, sizeof(numbers[0]), compare_and_descend) != NULL;
}

static void on_signal(int sig)
{
	(void)sig;
	if (current && current->left > 0)
		descend(current);
	KEEP();
}

static NOINLINE void by_signal(struct walk *w)
{
	current = w;
	if (quiet)
		descend(w);
	else
		raise(pick(w, 2) ? SIGUSR1 : SIGUSR2);
	KEEP();
}

static NOINLINE uint64_t six(struct walk *w, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
			     uint64_t f)
{
	descend(w);
	return b * c + d * e + f;
}

static NOINLINE void many_registers(struct walk *w)
{
	uint64_t x = w->random;

	sink += six(w, x * 3, x ^ 5, x + 7, x >> 9, x << 11) * x;
}

static NOINLINE void deep(struct walk *w, int levels)
{
	if (levels > 0)
		deep(w, levels - 1);
	else
		descend(w);
	KEEP();
}

static NOINLINE void deeper(struct walk *w)
{
	deep(w, w->left == MAX_DEPTH - 2 ? DEEP : 3);
	KEEP();
}

/* ---- leaves ----------------------------------------------------------------------------------------------------- */

static NOINLINE void leaf_spin(struct walk *w)
{
	for (unsigned int i = pick(w, 4000); i; i--) {
		sink += i;
		w->random++;
	}
}

static NOINLINE void leaf_clock(struct walk *w)
{
	struct timespec ts;

	for (unsigned int i = pick(w, 60); i; i--) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		sink += (uint64_t)ts.tv_nsec;
	}
}

/* Short functions of other libraries: half of the time is spent in the linkage table and in prologues. */
static NOINLINE void leaf_plt(struct walk *w)
{
	char text[32];

	for (unsigned int i = pick(w, 60); i; i--) {
		snprintf(text, sizeof(text), "%u", i);
		sink += strtoul(text, NULL, 10) + strlen(text) + (uint64_t)abs((int)i);
		memset(text, (int)i, sizeof(text));
	}
}

static NOINLINE void leaf_heap(struct walk *w)
{
	for (unsigned int i = pick(w, 60); i; i--)
		free(memset(malloc(i * 40), 1, i * 40));
	KEEP();
}

static NOINLINE void leaf_syscall(struct walk *w)
{
	for (unsigned int i = pick(w, 20); i; i--)
		sink += (uint64_t)getppid();
	KEEP();
}

static void descend(struct walk *w)
{
	static const step_fn steps[] = {
		plain,
		big_frame,
		with_alloca,
		realigned_alloca,
		by_qsort,
		by_bsearch,
		by_signal,
		many_registers,
		deeper,
#if defined(__x86_64__)
		realigned,
#endif
	};
	static const step_fn leaves[] = { leaf_spin, leaf_clock, leaf_plt, leaf_heap,
					  leaf_syscall };
	step_fn step;

	if (w->left <= 0) {
		step = leaves[pick(w, sizeof(leaves) / sizeof(leaves[0]))];
	} else {
		w->left--;
		step = steps[pick(w, sizeof(steps) / sizeof(steps[0]))];
	}
	step(w);
	KEEP();
}

static void *work(void *arg)
{
	struct walk w = { .random = 88172645463325252ULL + (uintptr_t)arg * 977 };
	stack_t alt = { .ss_sp = malloc(ALT_STACK_BYTES), .ss_size = ALT_STACK_BYTES };

	if (!alt.ss_sp || sigaltstack(&alt, NULL))
		abort();
	while (!stopped && time(NULL) < end_s) {
		w.left = (int)pick(&w, MAX_DEPTH);
		current = &w;
		descend(&w);
	}
	return NULL;
}

/* Interrupts whatever runs, wherever it is: the frame below the signal's is at any instruction. */
static void on_tick(int sig)
{
	(void)sig;
	for (int i = 0; i < 3000; i++)
		sink += (uint64_t)i;
}

static void handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags | SA_RESTART };

	if (sigaction(sig, &action, NULL))
		abort();
}

int main(int argc, char **argv)
{
	struct itimerval tick = { .it_interval.tv_usec = 700, .it_value.tv_usec = 700 };
	int nr_threads = argc > 2 ? atoi(argv[2]) : 1;
	pthread_t threads[16];

	if (argc < 2 || nr_threads < 1 || nr_threads > 16)
		return 2;
	end_s = time(NULL) + atoi(argv[1]);
	quiet = argc > 3;
	handle(SIGUSR1, on_signal, SA_NODEFER);
	handle(SIGUSR2, on_signal, SA_NODEFER | SA_ONSTACK);
	handle(SIGALRM, on_tick, 0);
	if (!quiet)
		setitimer(ITIMER_REAL, &tick, NULL);
	for (int i = 1; i < nr_threads; i++) {
		if (pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i))
			return 1;
	}
	work(NULL);
	for (int i = 1; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
