/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Choosing among the samples of a finished machine: by time, process, thread, kind, attribute, module, function, CPU,
 * or by group of oc_machine_split(). The samples stay where they are; from then on oc_machine_each_sample(), and so
 * every output, graph and merge, passes only those that are selected.
 */
#ifndef ONECOLLECT_FILTER_H
#define ONECOLLECT_FILTER_H

#include <onecollect/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

enum oc_time_base {
	OC_TIME_UNBOUNDED,
	OC_TIME_OFFSET, /* nanoseconds since the recording began */
	OC_TIME_WALL,   /* nanoseconds since 1970, UTC */
};

struct oc_time_bound {
	enum oc_time_base base;
	uint64_t ns;
};

/*
 * All parts that are asked for must match a sample; of the texts of one part, one match is enough. Globs are those of
 * fnmatch(3), where * and ? match a slash too. Everything is borrowed for the call it is given to.
 */
struct oc_filter {
	size_t size;                /* sizeof(struct oc_filter) of the caller */
	struct oc_time_bound from;  /* not before this ... */
	struct oc_time_bound until; /* ... and before this */
	const char *const *
		processes; /* [nr_processes] pids, or globs of comm, or of path or base name of the exe */
	uint32_t nr_processes;
	const char *const *
		threads; /* [nr_threads] tids, or globs of the name; unnamed ones bear their process's */
	uint32_t nr_threads;
	const char *const *kinds; /* [nr_kinds] globs of the name */
	uint32_t nr_kinds;
	const char *const
		*attrs; /* [nr_attrs] "KEY=GLOB", of the value; different keys must all match */
	uint32_t nr_attrs;
	const char *const *modules; /* [nr_modules] globs of path or base name, of any frame */
	uint32_t nr_modules;
	const char *const *
		functions; /* [nr_functions] POSIX extended regular expressions, of any frame's shown name */
	uint32_t nr_functions;
	const char *const
		*ignored; /* [nr_ignored] likewise; what has such a frame is not selected */
	uint32_t nr_ignored;
	const uint32_t *cpus; /* [nr_cpus] */
	uint32_t nr_cpus;
};

enum oc_filter_part {
	OC_FILTER_TIME,
	OC_FILTER_PROCESS,
	OC_FILTER_THREAD,
	OC_FILTER_KIND,
	OC_FILTER_ATTR,
	OC_FILTER_MODULE,
	OC_FILTER_FUNCTION,
	OC_FILTER_IGNORE,
	OC_FILTER_CPU,
	OC_FILTER_PARTS
};

/* What a filter did; counts are sums of oc_sample.count. */
struct oc_selected {
	uint64_t selected;
	uint64_t left_out;
	uint64_t without_time; /* of left_out: a time was asked for, and they have none */
	bool asked[OC_FILTER_PARTS];
	uint64_t passed
		[OC_FILTER_PARTS]; /* of all samples: those that this part by itself lets pass */
};

/*
 * Looks whether a filter can be used, without a machine: patterns that do not compile, a range that ends before it
 * begins. filter: may be NULL. Returns 0, or -EINVAL or -ENOMEM with *err (may be NULL) filled in.
 */
OC_API int oc_filter_check(const struct oc_filter *filter, struct oc_error *err);

/*
 * Selects samples, in place of what was selected before. The ledger follows: what is left out moves from taken and kept
 * to filtered, and to the note NOT_SELECTED; what was lost stays, as nobody knows whose it was. How complete stacks are
 * is known by process: of a selection by anything else, stacks and oc_machine_stack_counts() say nothing.
 *
 * m: finished; no samples may be added from now on. filter: NULL = everything.
 * ret_selected: what came of it; may be NULL.
 * Returns 0, or with *err filled in and the machine unchanged: as oc_filter_check(); -ENODATA (times or CPUs are asked
 * for and no sample has one, or wall clock times and the recording has no such anchor); an error of the spill file.
 */
OC_API int oc_machine_select(struct oc_machine *m, const struct oc_filter *filter,
			     struct oc_selected *ret_selected, struct oc_error *err);

/*
 * Of what oc_machine_select() selected, keeps one group only; each call replaces the group.
 *
 * by, group_of: as given to and returned by oc_machine_split(); group_of is borrowed until the next call of this or of
 * oc_machine_select(). NULL = all groups again.
 * Returns how many samples are selected (sum of counts), or a negative errno value.
 */
OC_API int64_t oc_machine_select_group(struct oc_machine *m, enum oc_split by,
				       const uint32_t *group_of, uint32_t group);

/* The kind that is shown when none is asked for: the first of which a sample is selected, else 1; 0 = there is none. */
OC_API oc_kind_id oc_machine_shown_kind(const struct oc_machine *m);

#ifdef __cplusplus
}
#endif

#endif
