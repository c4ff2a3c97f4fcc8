/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON documents, streamed.
 * Called by format writers.
 * Must not know what a document means.
 */
#include "export/formats/json_output.h"

#include <errno.h>

#include "base/output.h"
#include "export/formats/gzip.h"

void json_output_begin(struct json_output *o, struct oc_output *out, int gzip_level)
{
	*o = (struct json_output){ .out = out };
	json_init(&o->json, &o->text);
	if (!gzip_level)
		return;
	o->z = malloc(sizeof(*o->z));
	if (o->z)
		gzip_init(o->z, out, gzip_level);
	else
		o->error = -ENOMEM;
}

static void pass_on(struct json_output *o)
{
	if (o->error)
		return;
	if (!o->z || o->text.error) {
		o->error = output_pass_on(o->out, &o->text, 0);
		return;
	}
	gzip_write(o->z, o->text.data, o->text.len);
	o->error = o->z->error;
	buffer_clear(&o->text);
}

int json_output_flush(struct json_output *o)
{
	if (o->text.len >= OUTPUT_PIECE_BYTES || o->text.error)
		pass_on(o);
	return o->error;
}

int json_output_end(struct json_output *o)
{
	int rc;

	pass_on(o);
	rc = o->z ? gzip_finish(o->z) : 0;
	free(o->z);
	o->z = NULL;
	buffer_done(&o->text);
	return o->error ? o->error : rc;
}

void json_machine_string(struct json *j, const struct oc_machine *m, oc_string_id id)
{
	size_t len;
	const char *text = oc_machine_string(m, id, &len);

	json_string_len(j, text, len);
}
