/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store of unwind tables that the walker reads (bpf/unwind_wire.h): which modules, pages, rules and ranges are in it.
 * Works on plain memory: the memory-mapped arrays of the BPF programs (src/linux/), or the heap (tests, src/unwind/walk.c).
 * Must not know processes, files or BPF.
 *
 * Whatever is taken out may still be in use by a program that has just looked it up. It waits in limbo until somebody
 * needs the room; then quiesce() is called once for all of it.
 */
#ifndef UNWIND_STORE_H
#define UNWIND_STORE_H

#include <stdint.h>

#include "unwind/table.h"

/*
 * The arrays. All zero at the beginning, owned by the caller, alive as long as the store. Only the store writes them,
 * but for `used` in the directory and *tick.
 * Sizes of ranges, directory and rules are powers of two: the walker masks its indexes.
 */
struct unwind_memory {
	struct unwind_range *ranges;   /* [nr_ranges], at least UNWIND_MEMORY_RANGES_MIN */
	struct unwind_page *directory; /* [nr_pages], at least UNWIND_MEMORY_PAGES_MIN */
	struct unwind_rule *rules;     /* [nr_rules], 16 .. UNWIND_RULES_MAX */
	uint32_t *rows; /* [nr_chunks * UNWIND_CHUNK_WORDS], chunks one after the other */
	const uint32_t *
		tick; /* grows now and then, for instance each second; what was used lately stays */
	uint32_t nr_ranges;
	uint32_t nr_pages;
	uint32_t nr_rules;
	uint32_t nr_chunks; /* 1 .. UNWIND_MEMORY_CHUNKS_MAX */
};
#define UNWIND_MEMORY_RANGES_MIN 256
#define UNWIND_MEMORY_PAGES_MIN  512
#define UNWIND_MEMORY_CHUNKS_MAX 4096 /* 1 GiB */

/* Numbers since the store was made. */
struct unwind_store_stats {
	uint64_t pages_loaded;
	uint64_t pages_evicted;
	uint64_t pages_refused; /* loads for which there was no room */
	uint64_t
		rows_unfit; /* rows of pages with more of them than a block can have; their addresses are gaps */
	uint64_t rules_unfit;    /* rules that became unknown because the table of rules was full */
	uint64_t ranges_refused; /* slices of ranges for which there was no room */
	uint64_t quiesced;       /* calls of quiesce() */
	/* At present: */
	uint32_t modules;
	uint32_t pages;
	uint32_t rules;
	uint64_t row_bytes; /* in use or in limbo */
};

struct unwind_store;

/*
 * quiesce: returns when every program that was running when it was called has ended; NULL = nothing runs beside us.
 * Returns 0, -EINVAL (sizes out of bounds, or no powers of two) or -ENOMEM. One thread uses a store.
 */
int unwind_store_new(const struct unwind_memory *memory, void (*quiesce)(void *arg), void *arg,
		     struct unwind_store **ret_store);
/* Leaves the arrays as they are. Accepts NULL. */
void unwind_store_free(struct unwind_store *store);

/*
 * Makes a module known, with all its pages absent.
 * table: borrowed until unwind_store_remove_module(). One without pages is fine: its ranges have no module.
 * ret_module: its number, never 0; numbers are used again after removal.
 * Returns 0, -ENOSPC (no room in the directory) or -ENOMEM.
 */
int unwind_store_add_module(struct unwind_store *store, const struct unwind_table *table,
			    uint32_t *ret_module);
/* Forgets a module and its pages. No published image may have ranges of it any more. */
void unwind_store_remove_module(struct unwind_store *store, uint32_t module);

/*
 * Loads the rows of a page, evicting pages that were not used in the present tick if there is need.
 * page: number of 64 KiB of the module's addresses, as in ranges and in misses.
 * Returns 0, also when it is there already; -ENOENT: no such module, or the page lies outside its table; -ENOSPC: all
 * pages are in use (counted); -ENOMEM.
 */
int unwind_store_load_page(struct unwind_store *store, uint32_t module, uint64_t page);

/*
 * The ranges of a mapping, sorted: at most three, because what lies outside the module's table has no module.
 * module: 0 = without table. bias: see unwind_table_bias().
 * Returns how many; 0 when start >= end.
 */
#define UNWIND_MAPPING_RANGES 3
uint32_t unwind_store_mapping(const struct unwind_store *store, uint32_t module, uint64_t start,
			      uint64_t end, uint64_t bias,
			      struct unwind_range ret_ranges[UNWIND_MAPPING_RANGES]);

/*
 * Writes the ranges of an image into a new slice. The caller publishes *image (a row of the map `unwind_images`, whose
 * `copies` it fills in) and then gives the old slice back with unwind_store_drop_ranges().
 * ranges[nr]: sorted by start, not overlapping.
 * image: `first`, `nr` are set, `version` becomes one that no other has; the rest is left alone.
 * Returns 0; -E2BIG: more than UNWIND_RANGES_PER_IMAGE; -EINVAL: not sorted; -ENOSPC (counted); -ENOMEM. On failure
 * *image is unchanged.
 */
int unwind_store_put_ranges(struct unwind_store *store, const struct unwind_range *ranges,
			    uint32_t nr, struct unwind_image *image);
/* Gives back a slice that put_ranges() made and that is not published any more. */
void unwind_store_drop_ranges(struct unwind_store *store, const struct unwind_image *image);

void unwind_store_stats(const struct unwind_store *store, struct unwind_store_stats *ret_stats);
/* Memory held besides the arrays, in bytes. */
size_t unwind_store_bytes(const struct unwind_store *store);

#endif
