/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The input format "etl": a Windows trace, told to the sink that fills the machine.
 * Called through the table of input formats, export/formats/readers.c, and by recordings on Windows.
 * Must not know how traces are made up.
 */
#include "etl_input.h"

#include <errno.h>

#include <onecollect/reader.h>

#include "base/image_id.h"
#include "base/le.h"
#include "base/macros.h"
#include "export/formats/readers_private.h"
#include "machine_sink.h"
#include "windows-etw/etw_trace.h"

static oc_string_id intern(struct oc_machine *m, const char *text)
{
	int64_t id = oc_machine_intern(m, text, strlen(text));

	return id > 0 ? (oc_string_id)id : 0;
}

static void fill_info(struct oc_machine *m, const struct etw_trace_info *trace)
{
	struct oc_recording_info info = {
		.start_mono_ns = trace->start_ns,
		.start_wall_ns = trace->start_wall_ns,
		.start_boot_ns = trace->start_ns,
		.end_mono_ns = trace->end_ns,
		.nr_cpus = trace->log->nr_cpus,
		.page_size = IMAGE_PAGE_SIZE,
	};
	char text[ETL_NAME_BYTES + 64];

	snprintf(text, sizeof(text), "Windows %u.%u.%u", trace->log->os_major, trace->log->os_minor,
		 trace->log->os_build);
	info.os = intern(m, text);
	snprintf(text, sizeof(text), "ETW%s%s", *trace->log->session ? " session " : "",
		 trace->log->session);
	info.tool = intern(m, text);
	oc_machine_set_info(m, &info);
}

/* A trace has a sample of each processor and tick, idle ones included. */
static void fill_ledger(struct oc_machine *m, const struct etw_trace_info *info,
			const struct etw_trace_counts *counts)
{
	struct oc_ledger *ledger = oc_machine_ledger(m);

	ledger->duration_ns = info->end_ns - info->start_ns;
	ledger->kinds[ETW_KIND_CPU].idle = counts->idle;
	for (uint32_t i = 0; i < info->nr_kinds; i++) {
		struct oc_ledger_kind *row = &ledger->kinds[i];

		row->taken = row->kept + oc_ledger_lost(row);
		row->due = row->idle + row->taken;
	}
}

/* Damage is told as notes and in *err, and what could be read is kept. */
static int tell(struct oc_machine *m, struct etw_trace *trace, struct oc_error *err)
{
	struct sink *sink = machine_sink_new(m, NULL);
	struct etw_trace_info info;
	int rc;

	if (!sink)
		return oc_error_set(err, -ENOMEM, "out of memory");
	etw_trace_info(trace, &info);
	fill_info(m, &info);
	rc = machine_sink_set_kinds(sink, info.kinds, info.nr_kinds);
	rc = rc ? oc_error_set(err, rc, "cannot set up the sample kinds: %s", strerror(-rc))
		: etw_trace_tell(trace, sink, err);
	if (rc == -EBADMSG)
		rc = 0;
	if (!rc)
		rc = machine_sink_name_code(sink);
	if (!rc) {
		fill_ledger(m, &info, etw_trace_counts(trace));
		machine_sink_judge_stacks(sink);
	}
	machine_sink_free(sink);
	return rc;
}

int etl_input_read(const struct oc_input *in, struct oc_machine *m,
		   int (*add_volumes)(struct etw_paths *paths), struct oc_error *err)
{
	struct etw_trace *trace;
	int rc = etw_trace_open(in, &trace, err);

	if (rc)
		return rc;
	if (add_volumes && add_volumes(etw_trace_paths(trace)))
		rc = oc_error_set(err, -ENOMEM, "out of memory");
	rc = rc ? rc : tell(m, trace, err);
	etw_trace_free(trace);
	return rc;
}

static int read_etl(const struct oc_input *in, struct oc_machine *m, struct oc_error *err)
{
	return etl_input_read(in, m, NULL, err);
}

/*
 * Has no magic number: a buffer header whose first event is one of the kernel (kind 1 or 2, marked 0xc0) with hook 0, the
 * log header. Source: see windows-etw/etl_buffers.c.
 */
static bool sniff(const void *head, size_t size)
{
	const uint8_t *p = head;

	return size >= 0x50 && le32(p) >= 0x48 && (p[0x4a] == 1 || p[0x4a] == 2) &&
	       p[0x4b] == 0xc0 && le16(p + 0x4e) == 0;
}

const struct oc_reader oc_reader_etl = {
	.name = "etl",
	.description = "trace of Event Tracing for Windows",
	.sniff = sniff,
	.read = read_etl,
};
