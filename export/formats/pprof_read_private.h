/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of reading a pprof profile, which the parts of the reader share.
 * Used by pprof_read.c and pprof_read_*.c alone.
 */
#ifndef FORMATS_PPROF_READ_PRIVATE_H
#define FORMATS_PPROF_READ_PRIVATE_H

#include "base/buffer.h"
#include "export/formats/pprof_parse.h"
#include "export/machine_private.h"

/* What the columns of the file become. */
struct pprof_column_kind {
	oc_kind_id kind;
	int count_column; /* -1 = none */
	int value_column;
	uint64_t scale; /* of values, to the kind's unit */
	enum oc_unit unit;
	uint64_t period_ns;
	bool is_exact; /* every value is its count times the period */
	uint64_t total;
	char name[sizeof(((struct oc_kind *)0)->name)];
};

/* What tells processes of a profile apart. */
struct pprof_process_key {
	uint32_t pid;
	oc_string_id comm;
	oc_string_id container;
	uint32_t ns_pid;
};

struct pprof_reader {
	struct pprof_profile profile;
	struct pprof_sample sample;
	const struct oc_input *in;
	struct oc_machine *m;
	struct oc_error *err;
	struct buffer data;
	bool is_cut;
	oc_string_id *texts; /* interned, by index; 0 = not yet */
	oc_location_id *locations;
	oc_module_id *modules; /* by mapping row; 0 = not yet */
	oc_mapping_id *mappings;
	struct pprof_column_kind kinds[PPROF_TYPES_MAX];
	size_t nr_kinds;
	uint64_t nr_truncated[PPROF_TYPES_MAX];
	struct pprof_process_key *process_keys;
	oc_process_id *processes; /* by number of the key, which counts from 1 */
	size_t process_keys_cap, processes_cap;
	struct id_table process_ids;
	struct oc_attr *attrs; /* of the sample at hand */
	size_t nr_attrs, attrs_cap;
	oc_location_id *stack;
	size_t stack_cap;
};

/* Whether text `index` of the profile is this word. */
bool pprof_read_text_is(const struct pprof_reader *r, uint32_t index, const char *word);

/* Interns text `index` of the profile, once. Returns its id, 0 for an empty one, or -ENOMEM or -ENOSPC. */
int64_t pprof_read_string(struct pprof_reader *r, uint32_t index);

/* Fills in process, thread and attributes of the sample at hand, as its labels say. Returns 0 or -ENOMEM or -ENOSPC. */
int pprof_read_labels(struct pprof_reader *r, struct oc_sample *sample);

/*
 * The stack of the sample at hand, without the outermost frames of one that is too deep.
 * Returns its id, 0 = it has none, or -ENOMEM or -ENOSPC.
 */
int64_t pprof_read_stack(struct pprof_reader *r);

#endif
