/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sink that fills an export machine: the only place where collector.h meets onecollect/machine.h.
 * Used by src/recording.c.
 */
#ifndef MACHINE_SINK_H
#define MACHINE_SINK_H

#include <onecollect/machine.h>
#include <onecollect/symbolize.h>

#include "collector.h"

/*
 * Makes a sink. machine and symbolizer (may be NULL: files are not kept) are borrowed and must outlive it.
 * Returns NULL = no memory.
 */
struct sink *machine_sink_new(struct oc_machine *machine, struct oc_symbolizer *symbolizer);

/*
 * A recording cannot be made once more: samples that neither memory nor the temporary file has room for are lost, and
 * counted as that, but do not end it. Without this call they are an error.
 */
void machine_sink_outlive_losses(struct sink *sink);

/* Registers the collector's kinds with the machine; before the first sample. Returns 0 or a negative errno value. */
int machine_sink_set_kinds(struct sink *sink, const struct collector_kind *kinds, uint32_t nr);

/*
 * Names what is still without a name by the code that the collector told of; after the symbolizer.
 * Returns 0 or -ENOMEM.
 */
int machine_sink_name_code(struct sink *sink);

/*
 * After symbols are known: decides for each stack whether it reaches its thread's first function, and fills the
 * ledger's stacks, complete and incomplete.
 */
void machine_sink_judge_stacks(struct sink *sink);

/* Frees the sink, not the machine. Accepts NULL. */
void machine_sink_free(struct sink *sink);

#endif
