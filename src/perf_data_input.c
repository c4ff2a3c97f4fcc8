/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The input format "perf-data": what `perf record` writes, told to the sink that fills the machine.
 * Called through the table of input formats, export/formats/readers.c.
 * Must not know how the files are made up.
 */
#include <onecollect/reader.h>

#include <errno.h>

#include <onecollect/symbolize.h>

#include "base/macros.h"
#include "export/formats/readers_private.h"
#include "machine_sink.h"
#include "perf_data_tell.h"

static oc_string_id intern(struct oc_machine *m, const struct buffer *text)
{
	int64_t id = text->len ? oc_machine_intern(m, text->data, text->len) : 0;

	return id > 0 ? (oc_string_id)id : 0;
}

/* Two facts as one text: "Linux 6.1.0 x86_64". */
static oc_string_id join(struct oc_machine *m, const char *first, const struct buffer *second,
			 const struct buffer *third)
{
	struct buffer text = BUFFER_INIT;
	oc_string_id id = 0;

	buffer_puts(&text, first);
	buffer_append(&text, second->data, second->len);
	if (third && third->len) {
		buffer_putc(&text, ' ');
		buffer_append(&text, third->data, third->len);
	}
	if (!text.error && second->len)
		id = intern(m, &text);
	buffer_done(&text);
	return id;
}

/* The module that stands for the kernel learns its build-id, which is what a list of symbols is chosen by. */
static int set_kernel_build_id(struct oc_machine *m, const struct perf_data_file *file)
{
	int64_t path = oc_machine_intern(m, "[kernel]", strlen("[kernel]"));
	struct oc_module kernel = { .type = OC_MODULE_KERNEL, .path = (oc_string_id)path };
	const uint8_t *build_id =
		perf_data_build_id(file, PERF_DATA_KERNEL_NAME, &kernel.build_id_size);

	if (!build_id)
		return 0;
	memcpy(kernel.build_id, build_id, kernel.build_id_size);
	return (int)MIN(path < 0 ? path : oc_machine_add_module(m, &kernel), 0);
}

static void fill_info(struct oc_machine *m, const struct perf_data_facts *facts,
		      const struct perf_data_told *told)
{
	struct oc_recording_info info = {
		.start_mono_ns = facts->first_ns ? facts->first_ns : told->first_ns,
		.end_mono_ns = MAX(facts->last_ns, told->last_ns),
		.nr_cpus = facts->nr_cpus,
		.page_size = 4096,
		.hostname = intern(m, &facts->hostname),
		.os = join(m, "Linux ", &facts->release, &facts->arch),
		.command = intern(m, &facts->command),
		.tool = join(m, "perf ", &facts->version, NULL),
		.kernel_text = told->kernel_text,
	};

	info.end_mono_ns = MAX(info.end_mono_ns, info.start_mono_ns);
	/* perf's clock is the kernel's own, which stands still while the machine sleeps, as the monotonic one does. */
	info.start_boot_ns = info.start_mono_ns;
	info.aggregated = told->samples && !told->first_ns;
	if (facts->clock_wall_ns)
		info.start_wall_ns = facts->clock_wall_ns - facts->clock_ns + info.start_mono_ns;
	oc_machine_set_info(m, &info);
}

static void fill_ledger(struct oc_machine *m, const struct perf_data_file *file,
			const struct perf_data_told *told)
{
	const struct oc_recording_info *info = oc_machine_info(m);
	const struct perf_data_counts *counts = perf_data_counts(file);
	struct oc_ledger *ledger = oc_machine_ledger(m);

	ledger->duration_ns = info->end_mono_ns - info->start_mono_ns;
	ledger->notes[OC_NOTE_PARTIAL_INPUT] += counts->is_partial;
	ledger->notes[OC_NOTE_TRACE_EVENTS_UNREADABLE] += counts->skipped;
	ledger->notes[OC_NOTE_TRACE_EVENTS_LOST] += told->lost_others;
	ledger->notes[OC_NOTE_TRACE_DAMAGES] += told->damaged;
	for (uint32_t i = 0; i < ledger->nr_kinds; i++) {
		const struct perf_data_kind_counts *kind = &told->kinds[i];
		struct oc_ledger_kind *row = &ledger->kinds[i];

		row->lost[OC_LOSS_KERNEL_BUFFER] +=
			kind->lost_is_both ? MAX(kind->lost_records, kind->lost_samples)
					   : kind->lost_records + kind->lost_samples;
		row->taken = row->kept + oc_ledger_lost(row);
	}
}

/* ---- names ---- */

/*
 * Code that was made for the kernel has no file: what it was announced as is its only function. The names of BPF
 * programs look as those of live recordings do.
 */
static int name_kernel_code(struct oc_machine *m, oc_location_id id)
{
	const struct oc_location *location = oc_machine_location(m, id);
	oc_module_id module_id = location->module;
	const struct oc_module *module = oc_machine_module(m, module_id);
	const char *path = oc_machine_string(m, module->path, NULL);
	struct buffer name __cleanup(buffer_done) = BUFFER_INIT;
	struct oc_line line = { 0 };
	int64_t text, function;

	if (module->type != OC_MODULE_KERNEL || path[0] == '[' || path[0] == '/')
		return 0;
	buffer_puts(&name, path);
	if (!strncmp(path, "bpf_", 4))
		buffer_puts(&name, " [bpf]");
	text = name.error ? name.error : oc_machine_intern(m, name.data, name.len);
	if (text < 0)
		return (int)text;
	function = oc_machine_add_function(m, &(struct oc_function){ .name = (oc_string_id)text,
								     .system_name = module->path,
								     .module = module_id });
	if (function < 0)
		return (int)function;
	line.function = (oc_function_id)function;
	return oc_machine_set_lines(m, id, &line, 1);
}

static int name_all_kernel_code(struct oc_machine *m)
{
	int rc = 0;

	for (oc_location_id id = 1; !rc && id <= oc_machine_nr_locations(m); id++)
		rc = name_kernel_code(m, id);
	return rc;
}

/* ---- files --------------------------------------------------------------------------------------------------- */

/*
 * perf tells the build-ids of those files only in which a sample hit, and none when it packs. On the host of the
 * recording the others are in the files themselves, which inode and device prove to be the same.
 */
static int learn_build_ids(struct oc_machine *m)
{
	struct oc_symbolizer *s = oc_symbolizer_new(NULL);
	int rc = 0;

	if (!s)
		return -ENOMEM;
	for (oc_module_id id = 1; !rc && id <= oc_machine_nr_modules(m); id++) {
		const struct oc_module *module = oc_machine_module(m, id);

		if (module->type == OC_MODULE_FILE && !module->build_id_size && module->inode)
			rc = oc_symbolizer_keep(s, m, id, 0);
	}
	oc_symbolizer_free(s);
	return rc;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static int read_into(struct oc_machine *m, struct perf_data_file *file, struct oc_error *err)
{
	struct sink *sink = machine_sink_new(m, NULL);
	struct perf_data_told told;
	int rc;

	if (!sink)
		return oc_error_set(err, -ENOMEM, "out of memory");
	rc = perf_data_tell(file, m, sink, &told, err);
	if (!rc) {
		fill_info(m, perf_data_facts(file), &told);
		fill_ledger(m, file, &told);
		machine_sink_judge_stacks(sink);
		rc = set_kernel_build_id(m, file);
		rc = rc ? rc : name_all_kernel_code(m);
		if (!rc && told.is_same_host)
			rc = learn_build_ids(m);
		if (rc)
			oc_error_set(err, rc, "out of memory");
	}
	machine_sink_free(sink);
	return rc;
}

static int read_perf_data(const struct oc_input *in, struct oc_machine *m, struct oc_error *err)
{
	struct perf_data_file *file;
	int rc = perf_data_open(in, &file, err);

	if (rc)
		return rc;
	rc = read_into(m, file, err);
	perf_data_close(file);
	return rc;
}

/* Those that cannot be read are known as well, to say why. */
static bool sniff(const void *head, size_t size)
{
	return size >= 8 &&
	       (!memcmp(head, PERF_DATA_MAGIC, 8) || !memcmp(head, PERF_DATA_SWAPPED_MAGIC, 8) ||
		!memcmp(head, PERF_DATA_OLD_MAGIC, 8));
}

const struct oc_reader oc_reader_perf_data = {
	.name = "perf-data",
	.description = "recordings of Linux perf (perf.data)",
	.sniff = sniff,
	.read = read_perf_data,
};
