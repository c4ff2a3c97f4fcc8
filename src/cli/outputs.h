/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of a recording: chosen from the options, tried before the recording, written after it.
 * Called by cmd_record.c; knows the formats only through onecollect/format.h.
 */
#ifndef CLI_OUTPUTS_H
#define CLI_OUTPUTS_H

#include <onecollect/format.h>
#include <onecollect/octrace.h>

#include "cli/console.h"
#include "cli/options.h"

struct output {
	char *path; /* "-" = standard output */
	const struct oc_format *format;
	char *stem; /* of a name that we made up, which gets a number when it is taken; NULL = the user's */
	const char *extension; /* behind the stem; static */
	uint64_t bytes;        /* once written */
	bool written;
	struct oc_output *file;    /* of an output that is written while recording; NULL = none */
	struct oc_octrace *writer; /* likewise */
};

struct outputs {
	struct output *items;
	size_t nr;
	size_t cap;
	bool force;
	bool to_stdout;   /* one of them is standard output */
	bool needs_times; /* one of the formats does */
	bool by_default;  /* no -o was given */
	int split; /* enum oc_split: paths are templates, see split_outputs.h; -1 = all in one */
};

/*
 * Chooses names and formats. now_s: wall clock, for made-up names.
 * Returns 0, -EINVAL with a sentence in *err when the options make no sense, or -ENOMEM.
 */
int outputs_plan(struct outputs *outs, const struct options *o, int64_t now_s,
		 struct oc_error *err);

/* Opens and drops each output, so that what cannot be written is known early. Returns 0 or -errno with *err. */
int outputs_try(struct outputs *outs, struct oc_error *err);
/* The same for a file that is to be written beside them; -EINVAL when it is one of them. */
int outputs_try_beside(const struct outputs *outs, const char *path, struct oc_error *err);

/*
 * Begins those outputs that can be written while recording, so that little is lost when this process is killed. One that
 * fails is given up and written at the end, as the others are. Says so when asked for details.
 */
void outputs_stream_begin(struct outputs *outs, const struct console *c);
/* Writes what a machine that is being filled has learned. */
void outputs_stream(struct outputs *outs, const struct oc_machine *m, const struct console *c);

/*
 * Writes each output, or with split those of each group, also when another fails; says what failed. Adds those written to
 * the ledger. Returns 0, or the first failure; -E2BIG when split would make too many files, of which none is written.
 */
int outputs_write(struct outputs *outs, struct oc_machine *m, const struct console *c);

/* Says how to look at the files; the summary has named them. */
void outputs_tell(const struct outputs *outs, const struct console *c);

void outputs_done(struct outputs *outs);

/* For split_outputs.c: writes as they are. Returns as outputs_write(). */
int outputs_write_all(struct outputs *outs, struct oc_machine *m, const struct console *c);
/* For split_outputs.c: takes over path, also when it fails. Returns 0 or -ENOMEM with *err. */
int outputs_add(struct outputs *outs, const struct oc_format *format, char *path,
		struct oc_error *err);

#endif
