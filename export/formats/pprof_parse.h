/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pprof profile taken apart, with all its references checked, before anything is made of it.
 * Used by pprof_read.c; knows no machine. Source of the fields: profile.proto beside it.
 */
#ifndef FORMATS_PPROF_PARSE_H
#define FORMATS_PPROF_PARSE_H

#include <onecollect/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/protobuf_read.h"
#include "base/u64_map.h"

/* Rows of each table; a profile of 1 GiB could have 500 million empty ones. */
#define PPROF_ROWS_MAX  ((size_t)1 << 24)
#define PPROF_TYPES_MAX 64
#define PPROF_LINES_MAX 1024

/* Numbers that name texts are indexes into `texts`; those that name other rows are indexes + 1, 0 = none. */
struct pprof_text {
	const char *text;
	size_t len;
};

struct pprof_type {
	uint32_t type, unit;
};

struct pprof_function {
	uint64_t id;
	uint32_t name, system_name, file;
	uint32_t start_line;
};

struct pprof_mapping {
	uint64_t id, start, limit, file_offset;
	uint32_t file, build_id;
};

struct pprof_line {
	uint64_t function; /* the id as in the file until pprof_parse() has ended, then the row */
	uint32_t line;
};

struct pprof_location {
	uint64_t id, address;
	uint64_t mapping; /* as pprof_line.function */
	uint32_t first_line, nr_lines;
};

struct pprof_profile {
	struct pprof_text *texts;
	struct pprof_type types[PPROF_TYPES_MAX];
	struct pprof_function *functions;
	struct pprof_mapping *mappings;
	struct pprof_location *locations;
	struct pprof_line *lines;
	struct proto_rest *samples; /* not taken apart; see pprof_parse_sample() */
	uint32_t *comments;
	size_t nr_texts, nr_types, nr_functions, nr_mappings, nr_locations, nr_lines, nr_samples,
		nr_comments;
	size_t texts_cap, functions_cap, mappings_cap, locations_cap, lines_cap, samples_cap,
		comments_cap;
	struct u64_map function_ids, mapping_ids, location_ids; /* id -> row */
	uint32_t drop_frames, keep_frames, default_type, doc_url;
	struct pprof_type period_type;
	uint64_t period;
	uint64_t time_ns, duration_ns;
};

struct pprof_label {
	uint32_t key, text, unit;
	int64_t number;
};

/* One sample; embedded, start with all zero. Arrays are reused from sample to sample. */
struct pprof_sample {
	uint64_t *locations; /* rows, leaf first */
	int64_t *values;     /* [nr_types of the profile] */
	struct pprof_label *labels;
	size_t nr_locations, nr_values, nr_labels;
	size_t locations_cap, values_cap, labels_cap;
};

/*
 * Takes a message apart. data: borrowed until pprof_profile_done(), which is to be called in any case.
 * name: of the input, for messages.
 * Returns 0, -EBADMSG (no profile, or references to what is not there), -EFBIG or -ENOMEM, with a sentence in *err.
 */
int pprof_parse(struct pprof_profile *p, const void *data, size_t size, const char *name,
		struct oc_error *err);
void pprof_profile_done(struct pprof_profile *p);

/* Takes sample `i` apart. Returns 0, or -EBADMSG or -ENOMEM without a sentence. */
int pprof_parse_sample(const struct pprof_profile *p, size_t i, struct pprof_sample *sample);
void pprof_sample_done(struct pprof_sample *sample);

/* Whether a text begins with this word. */
bool pprof_text_begins(const struct pprof_text *text, const char *word);

/* True when head[size], the beginning of a message or all of it, may be that of a profile and of nothing else known. */
bool pprof_sniff(const void *head, size_t size);

#endif
