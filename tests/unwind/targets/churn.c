/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes what is mapped, a thousand times a second, and runs what it has mapped: which call chains there can be is
 * known beforehand (tests/live/test_unwind_churn.py).
 * Usage: churn dlopen|remap|processes SECONDS [PROCESSES]
 *
 *   dlopen     churn_a.so and churn_b.so, in turn, where the other one was
 *   remap      generated code, which keeps a frame pointer, and the code of churn_a.so, which keeps none, in turn at
 *              one address
 *   processes  so many processes, each running now and then
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "churn_chain.h"

#define ROUNDS      600000 /* of a leaf: some 300 us */
#define PERIOD_NS   1000000
#define PLACE       ((void *)0x700000000000)
#define PLACE_BYTES 65536
#define CALLEE      64 /* where the second generated function is */

CHURN_CHAIN(p, 21)
CHURN_DECOY(decoy)

typedef void (*enter_fn)(uint64_t rounds, uint64_t decoy);

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Sleeps until the next period begins. Returns false once the time is over. */
static bool next_period(uint64_t *due_ns, uint64_t end_ns)
{
	struct timespec ts;

	*due_ns += PERIOD_NS;
	ts = (struct timespec){ .tv_sec = (time_t)(*due_ns / 1000000000),
				.tv_nsec = (long)(*due_ns % 1000000000) };
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	return now_ns() < end_ns;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* The path of a library that lies beside this program. */
static void beside(const char *program, const char *name, char *path, size_t size)
{
	const char *slash = strrchr(program, '/');

	snprintf(path, size, "%.*s%s", slash ? (int)(slash - program + 1) : 2,
		 slash ? program : "./", name);
}

static NOINLINE uint64_t churn_dlopen(const char *program, uint64_t end_ns)
{
	static const char *const names[] = { "churn_a.so", "churn_b.so" };
	static const char *const functions[] = { "a_enter", "b_enter" };
	uint64_t due_ns = now_ns();
	uint64_t nr = 0;
	char path[2][512];

	for (int i = 0; i < 2; i++)
		beside(program, names[i], path[i], sizeof(path[i]));
	do {
		void *library = dlopen(path[nr & 1], RTLD_NOW);
		void *function = library ? dlsym(library, functions[nr & 1]) : NULL;

		if (!function)
			fail(path[nr & 1]);
		((enter_fn)(uintptr_t)function)(ROUNDS, CHURN_DECOY_IN(decoy));
		dlclose(library);
		nr++;
	} while (next_period(&due_ns, end_ns));
	return nr;
}

/* Where the code of churn_a.so lies in its file. */
struct text {
	int fd;
	off_t offset; /* of its segment */
	size_t size;
	size_t enter; /* offset of a_enter in the segment */
};

static int find_text(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct text *text = arg;

	(void)size;
	if (!strstr(info->dlpi_name, "churn_a.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_X))
			continue;
		text->offset = (off_t)(ph->p_offset & ~4095ull);
		text->size = ph->p_filesz + (ph->p_offset & 4095);
		text->enter -= info->dlpi_addr + (ph->p_vaddr & ~4095ull);
	}
	return 1;
}

static struct text open_text(const char *program)
{
	struct text text = { 0 };
	char path[512];
	void *library;

	beside(program, "churn_a.so", path, sizeof(path));
	text.fd = open(path, O_RDONLY | O_CLOEXEC);
	library = dlopen(path, RTLD_NOW);
	if (text.fd < 0 || !library)
		fail(path);
	text.enter = (size_t)dlsym(library, "a_enter");
	if (!dl_iterate_phdr(find_text, &text) || !text.size || text.size > PLACE_BYTES)
		exit(1);
	dlclose(library);
	return text;
}

/* Two functions with frame pointers; the first calls the second, which counts its argument down to zero. */
static void write_code(uint8_t *to)
{
	static const uint8_t caller[] = {
		0x55,                      /* push %rbp */
		0x48, 0x89, 0xe5,          /* mov %rsp,%rbp */
		0x48, 0x83, 0xec, 0x40,    /* sub $64,%rsp */
		0xe8, 0x33, 0,    0,    0, /* call CALLEE */
		0xc9,                      /* leave */
		0xc3,                      /* ret */
	};
	static const uint8_t callee[] = {
		0x55,                   /* push %rbp */
		0x48, 0x89, 0xe5,       /* mov %rsp,%rbp */
		0x48, 0x83, 0xef, 0x01, /* sub $1,%rdi */
		0x75, 0xfa,             /* jne the sub */
		0x5d,                   /* pop %rbp */
		0xc3,                   /* ret */
	};

	memcpy(to, caller, sizeof(caller));
	memcpy(to + CALLEE, callee, sizeof(callee));
}

static NOINLINE uint64_t churn_remap(const char *program, uint64_t end_ns)
{
	struct text text = open_text(program);
	uint64_t due_ns = now_ns();
	uint64_t nr = 0;

	do {
		bool generate = nr & 1;
		uint8_t *at = mmap(PLACE, generate ? 4096 : text.size,
				   generate ? PROT_READ | PROT_WRITE : PROT_READ | PROT_EXEC,
				   MAP_PRIVATE | MAP_FIXED | (generate ? MAP_ANONYMOUS : 0),
				   generate ? -1 : text.fd, generate ? 0 : text.offset);
		uint8_t *enter = generate ? at : at + text.enter;

		if (at == MAP_FAILED)
			fail("mmap");
		if (generate) {
			write_code(at);
			if (mprotect(at, 4096, PROT_READ | PROT_EXEC))
				fail("mprotect");
		}
		((enter_fn)(uintptr_t)enter)(ROUNDS, CHURN_DECOY_IN(decoy));
		munmap(at, PLACE_BYTES);
		nr++;
	} while (next_period(&due_ns, end_ns));
	return nr;
}

static NOINLINE void run_child(uint64_t end_ns, uint64_t nr_processes)
{
	struct timespec nap = { .tv_nsec = (long)(nr_processes * PERIOD_NS % 1000000000),
				.tv_sec = (time_t)(nr_processes * PERIOD_NS / 1000000000) };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (now_ns() < end_ns) {
		p_enter(ROUNDS, CHURN_DECOY_IN(decoy));
		nanosleep(&nap, NULL);
	}
	exit(0);
}

static NOINLINE uint64_t churn_processes(uint64_t nr_processes, uint64_t end_ns)
{
	struct timespec gap = { .tv_nsec = PERIOD_NS };

	for (uint64_t i = 0; i < nr_processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		if (pid == 0)
			run_child(end_ns, nr_processes);
		if (i % 2)
			nanosleep(&gap, NULL);
	}
	while (wait(NULL) > 0)
		;
	return nr_processes;
}

int main(int argc, char **argv)
{
	uint64_t end_ns = argc > 2 ? now_ns() + strtoull(argv[2], NULL, 10) * 1000000000 : 0;
	uint64_t nr;

	if (argc < 3)
		return 2;
	if (!strcmp(argv[1], "dlopen"))
		nr = churn_dlopen(argv[0], end_ns);
	else if (!strcmp(argv[1], "remap"))
		nr = churn_remap(argv[0], end_ns);
	else if (!strcmp(argv[1], "processes") && argc > 3)
		nr = churn_processes(strtoull(argv[3], NULL, 10), end_ns);
	else
		return 2;
	printf("%llu\n", (unsigned long long)nr);
	return 0;
}
