/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Laying out how complete stacks are, by process.
 * Called by cmd_report.c.
 * Must not judge stacks itself: the recording has.
 */
#include "cli/stack_report.h"

#include <errno.h>

#include <onecollect/stack_counts.h>

#include "base/json.h"
#include "base/macros.h"

#define COMM_WIDTH 16u

struct row {
	oc_process_id process;
	uint64_t total;
	const struct oc_stack_counts *counts;
};

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->total != y->total)
		return x->total < y->total ? 1 : -1;
	return x->process < y->process ? -1 : x->process > y->process;
}

/* Returns how many processes have samples, or -ENOMEM; *ret_rows is freed by the caller. */
static int64_t list_rows(const struct oc_machine *m, struct row **ret_rows)
{
	uint32_t nr_processes = oc_machine_nr_processes(m), nr = 0;
	struct row *rows = calloc(nr_processes ? nr_processes : 1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	for (uint32_t id = 1; id <= nr_processes; id++) {
		struct row row = { .process = id, .counts = oc_machine_stack_counts(m, id) };

		if (!row.counts)
			continue;
		row.total = row.counts->complete;
		for (uint32_t i = 0; i < OC_STACK_COUNT; i++)
			row.total += row.counts->incomplete[i];
		rows[nr++] = row;
	}
	qsort(rows, nr, sizeof(*rows), compare_rows);
	*ret_rows = rows;
	return nr;
}

static void text_row(struct buffer *out, const struct oc_machine *m, const struct row *row)
{
	const struct oc_process *process = oc_machine_process(m, row->process);
	const char *separator = "  ";

	buffer_printf(out, "%8u  ", process->pid);
	text_fit(out, oc_machine_string(m, process->comm, NULL), COMM_WIDTH, true);
	buffer_printf(out, "  %10llu  %7.2f%%", (unsigned long long)row->total,
		      100.0 * (double)row->counts->complete / (double)row->total);
	for (uint32_t i = 0; i < OC_STACK_COUNT; i++) {
		if (!row->counts->incomplete[i])
			continue;
		buffer_printf(out, "%s%llu %s", separator,
			      (unsigned long long)row->counts->incomplete[i],
			      oc_stack_reason_name(i));
		separator = ", ";
	}
	buffer_putc(out, '\n');
}

static void json_row(struct json *j, const struct oc_machine *m, const struct row *row)
{
	const struct oc_process *process = oc_machine_process(m, row->process);

	json_object_begin(j);
	json_key(j, "pid");
	json_u64(j, process->pid);
	json_key(j, "comm");
	json_string(j, oc_machine_string(m, process->comm, NULL));
	json_key(j, "stacks");
	json_u64(j, row->total);
	json_key(j, "complete");
	json_u64(j, row->counts->complete);
	json_key(j, "incomplete");
	json_object_begin(j);
	for (uint32_t i = 0; i < OC_STACK_COUNT; i++) {
		if (!row->counts->incomplete[i])
			continue;
		json_key(j, oc_stack_reason_name(i));
		json_u64(j, row->counts->incomplete[i]);
	}
	json_object_end(j);
	json_object_end(j);
}

int stack_report(struct buffer *out, const struct oc_machine *m, bool as_json,
		 const struct stream *s)
{
	struct json j = { .out = out };
	struct row *rows;
	int64_t nr = list_rows(m, &rows);

	if (nr < 0)
		return (int)nr;
	if (as_json) {
		json_object_begin(&j);
		json_key(&j, "processes");
		json_array_begin(&j);
	} else {
		buffer_printf(out, "%s%8s  %-*s  %10s  %8s  %s%s\n", style_begin(s, STYLE_BOLD),
			      "pid", (int)COMM_WIDTH, "command", "stacks", "complete",
			      "where the others end", style_end(s, STYLE_BOLD));
	}
	for (int64_t i = 0; i < nr; i++) {
		if (as_json)
			json_row(&j, m, &rows[i]);
		else
			text_row(out, m, &rows[i]);
	}
	if (as_json) {
		json_array_end(&j);
		json_object_end(&j);
		buffer_putc(out, '\n');
	}
	free(rows);
	return out->error;
}
