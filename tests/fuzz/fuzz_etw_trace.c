/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a Windows trace, told to an export machine.
 * The machine checks what the sink is given; the counts must agree with what it got.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>

#include <onecollect/machine.h>

#include "machine_sink.h"
#include "windows-etw/etw_trace.h"

static void check(const struct etw_trace *t, const struct oc_machine *m, int rc)
{
	const struct etw_trace_counts *counts = etw_trace_counts(t);
	struct etw_trace_info info;

	etw_trace_info(t, &info);
	if (!info.kinds[0].period_ns || info.end_ns < info.start_ns)
		abort();
	if (rc && rc != -EBADMSG)
		return;
	if (counts->samples != counts->idle + counts->told || counts->with_stack > counts->told ||
	    oc_machine_nr_samples(m) < counts->told + counts->waits ||
	    oc_machine_nr_samples(m) > counts->told + 2 * counts->waits)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct sink *sink = m ? machine_sink_new(m, NULL) : NULL;
	struct etw_trace_info info;
	struct oc_error err = { 0 };
	struct oc_input *in;
	struct etw_trace *t;
	int rc;

	if (!sink)
		abort();
	if (oc_input_open_memory(data, size, &in))
		abort();
	if (!etw_trace_open(in, &t, &err)) {
		etw_trace_info(t, &info);
		if (machine_sink_set_kinds(sink, info.kinds, info.nr_kinds))
			abort();
		rc = etw_trace_tell(t, sink, &err);
		check(t, m, rc);
		if (!rc && (machine_sink_name_code(sink) || oc_machine_finish(m)))
			abort();
		etw_trace_free(t);
	} else if (!err.message[0]) {
		abort();
	}
	oc_input_close(in);
	machine_sink_free(sink);
	oc_machine_free(m);
	return 0;
}
