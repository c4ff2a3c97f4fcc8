/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the parts of a merged machine come from: hosts, one entry for each boot, and how their clocks lie.
 * Used by merge.c only.
 */
#ifndef EXPORT_ORIGINS_H
#define EXPORT_ORIGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onecollect/machine.h>

/* One host since one boot. */
struct origin {
	oc_string_id hostname; /* in dst; 0 = unknown */
	bool has_wall;         /* the moment of boot is known */
	int64_t boot_wall_ns;  /* when it was booted */
	int64_t shift_ns;      /* added to its times */
	oc_process_id
		owner; /* of its modules that must differ from those of others; 0 = it has no process yet */
};

/* Number 0 is what the machine's axis is of. */
struct origins {
	struct origin *items;
	size_t nr, cap;
};

/*
 * Finds the origin of src, which is being merged into dst, or adds it; its hostname has been interned as `hostname`.
 * is_first: dst has nothing yet, so that the origin of src is number 0; else that of dst is, if there was none.
 * Returns its number or -ENOMEM.
 */
int64_t origin_of(struct oc_machine *dst, const struct oc_machine *src, oc_string_id hostname,
		  bool is_first);

/* A time moved by shift_ns; 0 and UINT64_MAX, which are no times, stay. */
uint64_t origin_time(int64_t shift_ns, uint64_t time_ns);

/* Frees what a machine has of origins. Accepts NULL. */
void origins_free(struct origins *origins);

#endif
