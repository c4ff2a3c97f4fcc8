/* SPDX-License-Identifier: BSD-2-Clause */
/* The other library: as churn_a.c, with frames of another size, and code before it that shifts its functions. */
#include "churn_chain.h"

void b_shift(uint64_t rounds);
NOINLINE void b_shift(uint64_t rounds)
{
	volatile uint64_t room[90];

	for (room[0] = rounds; room[0]; room[0]--)
		room[room[0] % 90] = rounds;
}

CHURN_CHAIN(b, 23)
