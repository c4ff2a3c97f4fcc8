/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small recording made by hand through the public interface, with everything that formats get wrong in it.
 * Used by unit tests and by the programs of tests/interop; its totals are known.
 *
 *   process 100 "server", /usr/bin/server, threads 100 and 101 (named "work;er" and a newline and "1")
 *   process 200 "no;de </script>", /usr/bin/node, in a container, threads 200 and 0 (a tid that reads as "absent")
 *   kernel frames, a JIT module, addresses outside every mapping, an inlined function, recursion, code without
 *   symbols, a sample without any stack
 */
#ifndef TESTS_SAMPLE_MACHINE_H
#define TESTS_SAMPLE_MACHINE_H

#include <onecollect/machine.h>

enum sample_machine_flags {
	SAMPLE_TIMELINE = 1,  /* single samples with times and CPUs, instead of counts */
	SAMPLE_TWO_KINDS = 2, /* page faults besides CPU time */
	SAMPLE_EMPTY = 4,     /* processes and mappings, but no samples */
	SAMPLE_WAITS = 8,     /* times that were waited, one of each */
};

#define SAMPLE_PERIOD_NS 1000000ULL

/* Of kind "cpu": samples, and samples of functions. The value of each is its count times SAMPLE_PERIOD_NS. */
#define SAMPLE_TOTAL       101ULL
#define SAMPLE_HOT_LOOP    50ULL /* self, inlined into compute */
#define SAMPLE_RECURSE     10ULL /* self, and total although it is there three times */
#define SAMPLE_VFS_READ    7ULL  /* self, kernel */
#define SAMPLE_JIT         20ULL /* self */
#define SAMPLE_UNKNOWN     3ULL  /* self of an address outside every mapping */
#define SAMPLE_HOSTILE     5ULL  /* self of the function with the hostile name */
#define SAMPLE_NO_STACK    2ULL
#define SAMPLE_NO_SYMBOL   4ULL /* self of an address in a file without a symbol */
#define SAMPLE_SERVER_MAIN 71ULL
/* Of kind "page_faults". */
#define SAMPLE_FAULTS 9ULL
/* Of kind "off_cpu", in thread 101 of process 100: one wait, and when it was over. */
#define SAMPLE_WAIT_NS     200000000ULL
#define SAMPLE_WAIT_END_NS 5500000000ULL

/* Hostile as recorded; the machine escapes the newline when it takes it in. */
#define SAMPLE_HOSTILE_NAME "evil;na me</script>\n\"&' "

/*
 * Makes a finished machine. flags: enum sample_machine_flags. Aborts when anything fails, for it is a test's input.
 * The caller frees it with oc_machine_free().
 */
struct oc_machine *sample_machine_new(unsigned int flags);

#endif
