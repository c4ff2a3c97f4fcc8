/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is mapped, for the walker: the modules with their tables, each made once, and the images that have them mapped, both
 * put into a store; and walks over copied stacks with that.
 * Used by src/linux/unwind_feed.c (live recordings) and src/perf_data_unwind.c (recorded copies).
 * Must not know where tables, mappings and copies come from, nor who reads the store besides.
 *
 * Modules and images have the caller's numbers and places. A module whose ranges no image has goes when there is need of
 * room, and is then wanted once more.
 */
#ifndef UNWIND_MODULES_H
#define UNWIND_MODULES_H

#include "unwind/store.h"
#include "unwind/walk.h"

struct unwind_modules;

struct unwind_modules_opts {
	const struct unwind_memory *memory; /* alive as long as the modules */
	void (*quiesce)(void *arg);         /* see unwind_store_new() */
	void *quiesce_arg;
	uint64_t table_bytes; /* tables held, at most */
	uint16_t machine;     /* EM_X86_64 or EM_AARCH64 */
	bool preloads; /* each page that a walk has to ask for is dear: all that are likely to fit are loaded at once */
};

struct unwind_modules_stats {
	uint64_t
		refused; /* tables: over table_bytes, of another machine, or without room in the store */
	uint64_t tables;      /* at present */
	uint64_t table_bytes; /* of them */
};

/* A piece of an image. */
struct unwind_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset; /* of start */
	uint32_t module;      /* the caller's number, 0 = nothing that has a table */
};

/* A copied stack. Borrowed. */
struct unwind_copy {
	const struct unwind_regs *regs;
	const uint8_t *stack; /* [size], from the stack pointer in *regs on */
	uint64_t size;
	bool is_behind_syscall; /* as in struct unwind_walk_input */
};

/* Returns 0, -ENOMEM, or what unwind_store_new() says. One thread uses it. */
int unwind_modules_new(const struct unwind_modules_opts *opts, struct unwind_modules **ret_modules);
/* Frees the store and all tables too. Accepts NULL. */
void unwind_modules_free(struct unwind_modules *modules);

/* The store that all is put into. For its account, and for loading pages. */
struct unwind_store *unwind_modules_store(const struct unwind_modules *modules);
void unwind_modules_stats(const struct unwind_modules *modules,
			  struct unwind_modules_stats *ret_stats);

/* Whether unwind_modules_add() is wanted before the next mapping of this module. number: the caller's, not 0. */
bool unwind_modules_wants(const struct unwind_modules *modules, uint32_t number);
/*
 * Takes a module in.
 * table: belongs to the modules from now on, on failure too; NULL = there is none to be had.
 * Returns 0, also when there was no room for the table, which is counted; or -ENOMEM.
 */
int unwind_modules_add(struct unwind_modules *modules, uint32_t number, struct unwind_table *table);

/* Begins an image: what was added of one that was not put is forgotten. */
void unwind_modules_begin(struct unwind_modules *modules);
/* Adds a mapping to it. They are sorted by start and do not overlap. Returns 0 or -ENOMEM. */
int unwind_modules_map(struct unwind_modules *modules, const struct unwind_mapping *mapping);
/*
 * Puts the image into a slice of the store of its own. What *image had before stays there until unwind_modules_drop().
 * image: filled in as unwind_store_put_ranges() does, whose results these are. After -ENOSPC it may be called once more.
 */
int unwind_modules_put(struct unwind_modules *modules, struct unwind_image *image);
/* Gives back the slice of an image that nobody can find any more. */
void unwind_modules_drop(struct unwind_modules *modules, const struct unwind_image *image);

/* Whether a walk by this range of the store goes as one by this mapping would go. */
bool unwind_modules_same(const struct unwind_modules *modules, const struct unwind_range *range,
			 const struct unwind_mapping *mapping);

/*
 * Walks a copied stack, loading pages that are absent.
 * frames[max]: leaf first, the sampled address included.
 * Result as of unwind_walk(); where the walk needed more of the stack than was copied its outcome is UNWIND_TRUNCATED.
 */
void unwind_modules_walk(struct unwind_modules *modules, const struct unwind_image *image,
			 const struct unwind_copy *copy, uint64_t *frames, uint32_t max,
			 struct unwind_walk_result *ret_result);

#endif
