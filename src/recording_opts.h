/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checked, deep copy of what the caller of a recording asked for.
 * Used by src/recording.c.
 */
#ifndef RECORDING_OPTS_H
#define RECORDING_OPTS_H

#include <onecollect/recording.h>

#include "collector.h"

/* Embedded; start with all zero. */
struct recording_opts {
	struct collector_opts collect; /* its arrays are owned here */
	uint64_t duration_ns;
	uint64_t memory_budget_bytes;
	bool no_symbols;
	enum oc_collector_choice collector;
	char **command;
	bool whole_machine;
	char *command_line;
	char **symbol_paths; /* [nr_symbol_paths] */
	uint32_t nr_symbol_paths;
	void (*tell)(void *arg, const char *text);
	void *tell_arg;
	struct oc_symbol_servers *symbol_servers; /* borrowed */
};

/*
 * Copies and checks. Returns 0, or with *err: -EINVAL, -ESRCH (a pid does not exist), -ENOMEM. A thread id among the
 * pids stands for its process.
 */
int recording_opts_copy(struct recording_opts *copy, const struct oc_recording_opts *opts,
			struct oc_error *err);
/* Adds one pid to record. Returns 0 or -ENOMEM with *err. */
int recording_opts_add_pid(struct recording_opts *opts, uint32_t pid, struct oc_error *err);
void recording_opts_done(struct recording_opts *opts);

#endif
