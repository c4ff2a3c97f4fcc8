/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Growing plain C arrays.
 * Called through base/array.h.
 * Must not know what the elements are.
 */
#include "base/array.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "base/macros.h"

int array_reserve(void *items, size_t *cap, size_t need, size_t elem_size)
{
	void **slot = items;
	size_t want, bytes;
	void *grown;

	if (need <= *cap)
		return 0;
	want = *cap + *cap / 2;
	if (want < need)
		want = need;
	if (want < 16)
		want = 16;
	if (__builtin_mul_overflow(want, elem_size, &bytes))
		return -ENOMEM;
	grown = realloc(*slot, bytes);
	if (!grown)
		return -ENOMEM;
	*slot = grown;
	*cap = want;
	return 0;
}

void cleanup_free(void *p)
{
	free(*(void **)p);
}

void cleanup_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}
