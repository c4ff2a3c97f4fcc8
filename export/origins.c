/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Telling hosts and boots apart, and how far their monotonic clocks lie from one another.
 * Called by merge.c.
 * Must not know what is merged.
 */
#include "export/origins.h"

#include <errno.h>

#include <onecollect/merge.h>

#include "base/array.h"
#include "base/macros.h"
#include "export/machine_private.h"

/* Clocks are set and slewed; hosts do not boot that often. */
#define BOOT_TOLERANCE_NS 5000000000LL

/* When the host was booted; false when the recording does not tell. */
static bool boot_moment(const struct oc_recording_info *info, int64_t *ret_ns)
{
	uint64_t since_boot = info->start_boot_ns ? info->start_boot_ns : info->start_mono_ns;

	return info->start_wall_ns && since_boot &&
	       !__builtin_sub_overflow(info->start_wall_ns, since_boot, ret_ns);
}

/* The wall clock when the monotonic one was 0. */
static bool wall_offset(const struct oc_recording_info *info, int64_t *ret_ns)
{
	return info->start_wall_ns && info->start_mono_ns &&
	       !__builtin_sub_overflow(info->start_wall_ns, info->start_mono_ns, ret_ns);
}

/* What two origins must have in common. A name with a comma is of several hosts already. */
static bool same_origin(const char *name_a, const struct origin *a, const char *name_b,
			const struct origin *b)
{
	int64_t apart;

	if (strcmp(name_a, name_b) || strchr(name_a, ','))
		return false;
	if (!a->has_wall || !b->has_wall)
		return true;
	return !__builtin_sub_overflow(a->boot_wall_ns, b->boot_wall_ns, &apart) &&
	       apart < BOOT_TOLERANCE_NS && apart > -BOOT_TOLERANCE_NS;
}

bool oc_machine_same_boot(const struct oc_machine *a, const struct oc_machine *b)
{
	struct origin of_a = { 0 }, of_b = { 0 };

	of_a.has_wall = boot_moment(&a->info, &of_a.boot_wall_ns);
	of_b.has_wall = boot_moment(&b->info, &of_b.boot_wall_ns);
	return same_origin(oc_machine_string(a, a->info.hostname, NULL), &of_a,
			   oc_machine_string(b, b->info.hostname, NULL), &of_b);
}

static int64_t add_origin(struct origins *origins, const struct origin *origin)
{
	if (array_reserve(&origins->items, &origins->cap, origins->nr + 1, sizeof(*origin)))
		return -ENOMEM;
	origins->items[origins->nr] = *origin;
	return (int64_t)origins->nr++;
}

int64_t origin_of(struct oc_machine *dst, const struct oc_machine *src, oc_string_id hostname,
		  bool is_first)
{
	struct origin wanted = { .hostname = hostname };
	int64_t axis, offset;

	if (!dst->origins)
		dst->origins = calloc(1, sizeof(*dst->origins));
	if (!dst->origins)
		return -ENOMEM;
	wanted.has_wall = boot_moment(&src->info, &wanted.boot_wall_ns);
	if (!dst->origins->nr && !is_first) {
		struct origin own = { .hostname = dst->info.hostname, .owner = 0 };

		own.has_wall = boot_moment(&dst->info, &own.boot_wall_ns);
		if (add_origin(dst->origins, &own) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < dst->origins->nr; i++) {
		const struct origin *have = &dst->origins->items[i];

		if (same_origin(oc_machine_string(dst, have->hostname, NULL), have,
				oc_machine_string(dst, hostname, NULL), &wanted))
			return (int64_t)i;
	}
	if (!is_first && wall_offset(&dst->info, &axis) && wall_offset(&src->info, &offset) &&
	    __builtin_sub_overflow(offset, axis, &wanted.shift_ns))
		wanted.shift_ns = 0;
	return add_origin(dst->origins, &wanted);
}

uint64_t origin_time(int64_t shift_ns, uint64_t time_ns)
{
	uint64_t moved;

	if (!time_ns || time_ns == UINT64_MAX)
		return time_ns;
	if (__builtin_add_overflow(time_ns, shift_ns, &moved))
		return shift_ns < 0 ? 1 : UINT64_MAX - 1;
	return MIN(MAX(moved, 1ULL), UINT64_MAX - 1);
}

void origins_free(struct origins *origins)
{
	if (!origins)
		return;
	free(origins->items);
	free(origins);
}
