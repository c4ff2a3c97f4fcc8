/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples as the text that `perf script` prints, by time: for everything that reads that.
 * Called through the format table.
 * Must not know how samples were recorded.
 *
 * A head line for each sample, a line for each frame, leaf first, and an empty one. The lines of a location are made
 * once, because samples repeat them.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/macros.h"
#include "base/output.h"
#include "export/amount.h"
#include "export/formats/formats_private.h"
#include "export/sample_groups.h"
#include "export/sample_order.h"

#define NS_PER_S  1000000000
#define NS_PER_US 1000

/* The lines of a location in perf_script.texts. */
struct fragment {
	size_t start, len; /* len 0 = not there yet */
};

struct perf_script {
	const struct oc_machine *m;
	struct oc_output *out;
	struct buffer text; /* of samples that are not written yet */
	struct buffer texts;
	struct fragment *fragments; /* by location id */
};

static void put_id(struct buffer *b, const struct oc_machine *m, oc_string_id id,
		   const char *otherwise)
{
	size_t len;
	const char *text = oc_machine_string(m, id, &len);

	if (len)
		buffer_append(b, text, len);
	else
		buffer_puts(b, otherwise);
}

/* A frame: address, function, and in parentheses the file, or that it is inlined. */
static void put_frame(struct perf_script *p, oc_location_id id, uint32_t line)
{
	const struct oc_location *location = oc_machine_location(p->m, id);
	const struct oc_module *module = oc_machine_module(p->m, location->module);
	bool is_inlined = line + 1 < location->nr_lines;

	buffer_printf(&p->texts, "\t%16" PRIx64 " ", location->address);
	put_id(&p->texts, p->m, location->nr_lines ? oc_machine_location_name(p->m, id, line) : 0,
	       "[unknown]");
	buffer_puts(&p->texts, " (");
	if (is_inlined)
		buffer_puts(&p->texts, "inlined");
	else
		put_id(&p->texts, p->m, module ? module->path : 0, "[unknown]");
	buffer_puts(&p->texts, ")\n");
}

static const struct fragment *fragment_of(struct perf_script *p, oc_location_id id)
{
	struct fragment *f = &p->fragments[id];
	uint32_t nr = MAX(oc_machine_location(p->m, id)->nr_lines, 1U);

	if (f->len)
		return f;
	f->start = p->texts.len;
	for (uint32_t i = 0; i < nr; i++)
		put_frame(p, id, i);
	f->len = p->texts.len - f->start;
	return f;
}

/* A kind's name as that of an event: readers end it at a blank or colon. */
static void put_event(struct buffer *b, const struct oc_kind *kind)
{
	for (const char *c = kind->name; *c; c++)
		buffer_putc(b, *c <= ' ' || *c == ':' || *c == 0x7f ? '_' : *c);
}

static void put_head(struct perf_script *p, const struct oc_sample *sample)
{
	const struct oc_process *process = oc_machine_process(p->m, sample->process);
	const struct oc_thread *thread = oc_machine_thread(p->m, sample->thread);
	const struct oc_kind *kind = oc_machine_kind(p->m, sample->kind);
	oc_string_id name = process ? process->comm : 0;

	if (thread && thread->name)
		name = thread->name;
	put_id(&p->text, p->m, name, "[unknown]");
	buffer_printf(&p->text, " %u/%u", process ? process->pid : 0, thread ? thread->tid : 0);
	if (sample->cpu != UINT32_MAX)
		buffer_printf(&p->text, " [%03u]", sample->cpu);
	buffer_printf(&p->text, " %" PRIu64 ".%06u: %" PRIu64 " ", sample->time_ns / NS_PER_S,
		      (unsigned int)(sample->time_ns % NS_PER_S / NS_PER_US),
		      amount_of(kind, sample->count, sample_value(p->m, sample)));
	put_event(&p->text, kind);
	buffer_puts(&p->text, ": \n");
}

static int write_sample(void *arg, const struct oc_sample *sample)
{
	struct perf_script *p = arg;
	uint32_t nr;
	const oc_location_id *locations = oc_machine_stack(p->m, sample->stack, &nr);

	put_head(p, sample);
	for (uint32_t i = 0; i < nr; i++) {
		const struct fragment *f = fragment_of(p, locations[i]);

		if (!p->texts.error)
			buffer_append(&p->text, p->texts.data + f->start, f->len);
	}
	if (!nr)
		buffer_printf(&p->text, "\t%16x " NO_STACK_NAME " ([unknown])\n", 0);
	buffer_putc(&p->text, '\n');
	return p->texts.error ? p->texts.error
			      : output_pass_on(p->out, &p->text, OUTPUT_PIECE_BYTES);
}

static int write_perf_script(const struct oc_machine *m, struct oc_output *out,
			     struct oc_error *err)
{
	struct perf_script p = { .m = m, .out = out };
	const struct sample_order order = { .fn = write_sample, .arg = &p };
	int rc = -ENOMEM;

	(void)err; /* nothing fails but memory and the output */
	p.fragments = calloc((size_t)oc_machine_nr_locations(m) + 1, sizeof(*p.fragments));
	if (p.fragments)
		rc = samples_by_time(m, &order);
	if (!rc)
		rc = output_pass_on(out, &p.text, 0);
	buffer_done(&p.text);
	buffer_done(&p.texts);
	free(p.fragments);
	return rc;
}

const struct oc_format oc_format_perf_script = {
	.name = "perf-script",
	.description = "samples as perf script prints them, for tools that read that",
	.extensions = (const char *const[]){ ".perf-script.txt", ".perf-script", NULL },
	.needs_times = true,
	.write = write_perf_script,
};
