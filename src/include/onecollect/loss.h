/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The closed list of reasons why data can be missing: one list for the kernel programs, the machine, every output,
 * the summary and the agent's metrics. Preprocessor only, so that BPF programs include it too.
 * Append only: the numbers are part of the recorded format.
 */
#ifndef ONECOLLECT_LOSS_H
#define ONECOLLECT_LOSS_H

/*
 * X(NAME, "name", "sentence"): why a sample is not in the recording at all. Invariant, per kind:
 * taken = kept + sum(lost).
 */
#define OC_LOSS_REASONS(X)                                                                     \
	X(RING_FULL, "ring_full", "the kernel-to-user ring buffer was full; raise --buffer")   \
	X(COUNTS_FULL, "counts_full",                                                          \
	  "the kernel's table of counters was full; raise --map-entries")                      \
	X(MAP_BUSY, "map_busy",                                                                \
	  "a kernel table was locked by the code that the sample interrupted")                 \
	X(RECURSION, "recursion",                                                              \
	  "the kernel skipped the program because it was already running on that CPU")         \
	X(SCRATCH, "scratch", "no scratch memory for the program; a bug or out of memory")     \
	X(THROTTLED, "throttled",                                                              \
	  "the kernel throttled sampling; lower -F or raise kernel.perf_cpu_time_max_percent") \
	X(KERNEL_BUFFER, "kernel_buffer", "a perf ring buffer was full; raise --buffer")       \
	X(UNKNOWN_STACK, "unknown_stack", "a counter arrived whose stack never did; a bug")    \
	X(UNKNOWN_TASK, "unknown_task", "a sample arrived whose thread never did; a bug")      \
	X(MEMORY, "memory",                                                                    \
	  "neither memory nor the temporary file had room; see --memory-budget, TMPDIR")       \
	X(HOOK, "hook", "dropped on request by a sample filter")

/*
 * Why the stack of a kept sample does not reach its root, or is not there. Invariant, per kind:
 * stacks = complete + sum(incomplete).
 */
#define OC_STACK_REASONS(X)                                                                     \
	X(NO_STACK, "no_stack", "the kernel returned no user stack")                            \
	X(TRUNCATED, "truncated", "the stack is deeper than what was recorded of it")           \
	X(BROKEN, "broken",                                                                     \
	  "the walk ended in a frame that is not a thread's first function; "                   \
	  "usually code without frame pointers")                                                \
	X(NO_MAPPING, "no_mapping", "the walk ended at an address outside every known mapping") \
	X(EXEC, "exec", "the process was replacing its program; its user stack did not exist")  \
	X(NO_UNWIND_INFO, "no_unwind_info",                                                     \
	  "the walk ended in code that has neither call frame information nor frame pointers")  \
	X(BAD_ADDRESS, "bad_address",                                                           \
	  "the walk ended where the stack is unreadable or does not lead outwards")             \
	X(REMAPPED, "remapped",                                                                 \
	  "the stack leads through memory that another file was mapped to at about that time")  \
	X(NO_TABLE, "no_table",                                                                 \
	  "the unwind table of the code was not in memory; raise --unwind-budget")

#endif
