/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a recording is on each operating system: a machine that is filled, its clocks and costs, whether it is to stop, and
 * the steps at its end.
 * Used by src/recording.c and src/recording_win32.c.
 * Must not know where samples come from.
 */
#ifndef RECORDING_CORE_H
#define RECORDING_CORE_H

#include <stdatomic.h>

#include <onecollect/recording.h>
#include <onecollect/symbolize.h>

/* Progress is told so often at most, and nobody waits longer before looking whether it is over. */
#define RECORDING_POLL_MS 100u

/* Embedded; start with all zero. */
struct recording_core {
	struct oc_machine *machine;
	struct oc_symbolizer *symbolizer;
	uint64_t duration_ns; /* 0 = until it is stopped */
	bool no_symbols;
	atomic_uint stop_requests;
	oc_progress_fn on_progress;
	void *progress_arg;
	/* clock_monotonic_ns(); of start and stop set by who collects. */
	uint64_t called_ns;
	uint64_t start_ns;
	uint64_t stop_ns;
	double user_s; /* of this process, before */
	double system_s;
};

/* Notes when it was asked for, and what this process had cost before. */
void recording_core_init(struct recording_core *core);
/* Makes machine and symbolizer. opts: borrowed. Returns 0 or -ENOMEM with *err. */
int recording_core_open(struct recording_core *core, uint64_t memory_budget_bytes,
			const struct oc_symbolizer_opts *opts, struct oc_error *err);
void recording_core_done(struct recording_core *core);

/* Somebody has asked to stop, or the duration is over. */
bool recording_core_is_over(const struct recording_core *core);
/* How long to wait for what comes: until the end, at most RECORDING_POLL_MS. */
uint32_t recording_core_wait_ms(const struct recording_core *core);
/* Tells who wants to know, with the time that has passed. Returns whether they want to stop. */
bool recording_core_tell(const struct recording_core *core, struct oc_recording_progress progress);
/* Asked to stop once more while finishing: the user does not want to wait. */
bool recording_core_is_given_up(const struct recording_core *core);

/* Id of a text; 0 for NULL, and where there is no memory for what only informs. */
oc_string_id recording_core_intern(struct recording_core *core, const char *text);
/* Enters what recorded it. collector: its name. command_line may be NULL. */
void recording_core_sign(struct recording_core *core, struct oc_recording_info *info,
			 const char *collector, const char *command_line);
/* Enters in the ledger what the recording has cost this process. began_ns: when the first sample could come. */
void recording_core_fill_cost(struct recording_core *core, uint64_t began_ns);

/* The steps at the end, in this order. Each returns 0 or a negative errno value with *err. */
int recording_core_run_hooks(struct recording_core *core, struct oc_error *err);
int recording_core_name(struct recording_core *core, struct oc_error *err);
int recording_core_finish(struct recording_core *core, struct oc_error *err);
/* -EINTR when it was given up. */
int recording_core_end(const struct recording_core *core, struct oc_error *err);

#endif
