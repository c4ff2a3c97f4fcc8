/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A chain of three functions without frame pointers: NAME_enter, NAME_middle, NAME_leaf, which spins. Their frames have
 * the size that the includer gives, so a table of another library or program gives another chain, or none.
 * Included by the programs and libraries of churn*.c. They call nothing, so they run wherever they are mapped.
 */
#ifndef TARGETS_CHURN_CHAIN_H
#define TARGETS_CHURN_CHAIN_H

#include <stdint.h>

#define NOINLINE __attribute__((noinline))

/* Ends a function: the call before it is no tail call. The room stays on the stack until then. */
#define KEEP(room) __asm__ volatile("" ::"r"(room) : "memory")

#define CHURN_CHAIN(name, words)                                                   \
	static NOINLINE void name##_leaf(uint64_t rounds)                          \
	{                                                                          \
		volatile uint64_t room[(words) + 1];                               \
                                                                                   \
		for (room[0] = rounds; room[0]; room[0]--)                         \
			KEEP(room);                                                \
	}                                                                          \
	static NOINLINE void name##_middle(uint64_t rounds)                        \
	{                                                                          \
		volatile uint64_t room[3 * (words)];                               \
                                                                                   \
		room[0] = rounds;                                                  \
		name##_leaf(room[0]);                                              \
		KEEP(room);                                                        \
	}                                                                          \
	__attribute__((visibility("default"))) void name##_enter(uint64_t rounds); \
	NOINLINE void name##_enter(uint64_t rounds)                                \
	{                                                                          \
		volatile uint64_t room[2 * (words)];                               \
                                                                                   \
		room[0] = rounds;                                                  \
		name##_middle(room[0]);                                            \
		KEEP(room);                                                        \
	}

#endif
