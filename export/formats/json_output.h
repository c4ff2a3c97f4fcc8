/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON documents that go to an output piece by piece, as they are or compressed.
 * Used by format writers; knows no format.
 */
#ifndef FORMATS_JSON_OUTPUT_H
#define FORMATS_JSON_OUTPUT_H

#include <onecollect/machine.h>
#include <onecollect/output.h>

#include "base/json.h"

struct gzip;

/* Embedded; does not move once begun. A caller writes through `json` and calls json_output_flush() now and then. */
struct json_output {
	struct json json;
	struct buffer text;
	struct oc_output *out;
	struct gzip *z; /* NULL = not compressed */
	int error;      /* the first one */
};

/* Begins a document. gzip_level: 0 = not compressed, 1 to 9. A failure (-ENOMEM) is in o->error. */
void json_output_begin(struct json_output *o, struct oc_output *out, int gzip_level);
/* Passes on what was written when it is much. Returns 0 or the first error. */
int json_output_flush(struct json_output *o);
/* Passes on the rest and frees what was needed, also after an error. Returns 0 or the first error. */
int json_output_end(struct json_output *o);

/* A string of the machine as a value. */
void json_machine_string(struct json *j, const struct oc_machine *m, oc_string_id id);

#endif
