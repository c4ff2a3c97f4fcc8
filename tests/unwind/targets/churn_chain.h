/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A chain of three functions without frame pointers: NAME_enter, NAME_middle, NAME_leaf, which spins. Their frames have
 * the size that the includer gives, and are full of an address that is no caller's: with the table of another library or
 * program, that one is found in place of the caller.
 * Included by the programs and libraries of churn*.c. They call nothing, so they run wherever they are mapped.
 */
#ifndef TARGETS_CHURN_CHAIN_H
#define TARGETS_CHURN_CHAIN_H

#include <stdint.h>

#define NOINLINE __attribute__((noinline))

/* Ends a function: the call before it is no tail call. The room stays on the stack until then. */
#define KEEP(room) __asm__ volatile("" ::"r"(room) : "memory")

/* words: beyond 16, so that no frame fits below the stack pointer. */
#define CHURN_CHAIN(name, words)                                                      \
	static NOINLINE void name##_leaf(uint64_t rounds, uint64_t decoy)             \
	{                                                                             \
		uint64_t room[words];                                                 \
                                                                                      \
		CHURN_FILL(room, decoy);                                              \
		for (; rounds; rounds--)                                              \
			KEEP(room);                                                   \
	}                                                                             \
	static NOINLINE void name##_middle(uint64_t rounds, uint64_t decoy)           \
	{                                                                             \
		uint64_t room[3 * (words)];                                           \
                                                                                      \
		CHURN_FILL(room, decoy);                                              \
		name##_leaf(rounds, decoy);                                           \
		KEEP(room);                                                           \
	}                                                                             \
	__attribute__((visibility("default"))) void name##_enter(uint64_t, uint64_t); \
	NOINLINE void name##_enter(uint64_t rounds, uint64_t decoy)                   \
	{                                                                             \
		uint64_t room[2 * (words)];                                           \
                                                                                      \
		CHURN_FILL(room, decoy);                                              \
		name##_middle(rounds, decoy);                                         \
		KEEP(room);                                                           \
	}

#define CHURN_FILL(room, word)                                                         \
	do {                                                                           \
		for (unsigned int i_ = 0; i_ < sizeof(room) / sizeof((room)[0]); i_++) \
			(room)[i_] = (word);                                           \
		KEEP(room);                                                            \
	} while (0)

/* A function that nobody calls, and an address in it. */
#define CHURN_DECOY(name)                                            \
	static NOINLINE __attribute__((used)) void name(void)        \
	{                                                            \
		__asm__ volatile("nop; nop; nop; nop" ::: "memory"); \
	}
#define CHURN_DECOY_IN(name) ((uint64_t)(uintptr_t) & (name) + 2)

#endif
