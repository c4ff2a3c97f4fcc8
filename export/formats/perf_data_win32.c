/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perf.data where Linux's headers are not: known by name, and refused with a sentence.
 * Called through the tables of formats.
 */
#include <errno.h>
#include <string.h>

#include "export/formats/formats_private.h"
#include "export/formats/readers_private.h"

static int refuse(struct oc_error *err)
{
	return oc_error_set(err, -EOPNOTSUPP,
			    "perf.data is read and written by record-trace on Linux only; carry "
			    "the recording over as .octrace");
}

static int write_perf_data(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	(void)m;
	(void)out;
	return refuse(err);
}

static int read_perf_data(const struct oc_input *in, struct oc_machine *m, struct oc_error *err)
{
	(void)in;
	(void)m;
	return refuse(err);
}

static bool sniff(const void *head, size_t size)
{
	return size >= 8 && !memcmp(head, "PERFILE2", 8);
}

const struct oc_format oc_format_perf_data = {
	.name = "perf-data",
	.description = "perf.data, for perf report and perf script",
	.extensions = (const char *const[]){ ".perf.data", ".perf-data", NULL },
	.write = write_perf_data,
};

const struct oc_reader oc_reader_perf_data = {
	.name = "perf-data",
	.description = "recordings of Linux perf (perf.data)",
	.sniff = sniff,
	.read = read_perf_data,
};
