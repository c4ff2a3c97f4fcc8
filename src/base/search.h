/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Binary search.
 * Used by every module; knows nothing of what is searched.
 */
#ifndef BASE_SEARCH_H
#define BASE_SEARCH_H

#include <stddef.h>

/*
 * How many of nr items, from the first one on, are in front of what is looked for; so the index of the first that is not.
 * is_before: an expression of the index called i, evaluated about log2(nr) times, which holds for the items in front and
 * for none behind them. Returns a size_t, at most nr.
 */
#define PARTITION_POINT(i, nr, is_before)                           \
	({                                                          \
		size_t low_ = 0, high_ = (nr);                      \
                                                                    \
		while (low_ < high_) {                              \
			const size_t i = low_ + (high_ - low_) / 2; \
                                                                    \
			if (is_before)                              \
				low_ = i + 1;                       \
			else                                        \
				high_ = i;                          \
		}                                                   \
		low_;                                               \
	})

#endif
