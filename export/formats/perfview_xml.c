/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PerfView's stack files, plain and zipped: frames, stacks as a tree of callers, and samples, of the first kind.
 * Called through the format table.
 * Must not know how samples were recorded.
 *
 * Two passes over the samples: one makes the tree, the other writes each sample with the node it ended at. Numbers
 * count from 0 without gaps, because PerfView uses them as indexes.
 * Source: XMLStackSource.cs of microsoft/perfview.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <onecollect/filter.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/macros.h"
#include "base/output.h"
#include "base/text.h"
#include "base/u64_map.h"
#include "export/amount.h"
#include "export/formats/formats_private.h"
#include "export/formats/zip.h"
#include "export/sample_groups.h"
#include "export/sample_order.h"
#include "export/text_table.h"

#define ZIP_LEVEL 1
#define NS_PER_MS 1000000

/* The caller of a process's frame. */
#define NO_CALLER UINT32_MAX
/* Ends the frames of a location. */
#define NO_FRAME UINT32_MAX
/* Set in the index of what belongs to a process and to none of its threads. */
#define IS_PROCESS 0x80000000U

struct node {
	uint32_t caller; /* node */
	uint32_t frame;
};

struct perfview {
	const struct oc_machine *m;
	const struct oc_kind *kind;
	oc_kind_id kind_id;
	struct oc_output *out;
	struct zip *zip; /* NULL = not zipped */
	struct buffer b;
	struct buffer name; /* being put together */
	struct text_table frames;
	uint32_t *first_frame; /* by location: index into frame_lists + 1; 0 = not there yet */
	uint32_t *frame_lists; /* runs of frames, innermost first, each ended by NO_FRAME */
	size_t nr_frame_lists, frame_lists_cap;
	struct node *nodes;
	size_t nr_nodes, nodes_cap;
	struct u64_map children; /* caller + 1 << 32 | frame + 1 -> node */
	struct u64_map groups;   /* thread or process -> node that its stacks begin at */
	struct u64_map leaves;   /* thread or process << 32 | stack -> node */
	uint64_t nr_samples;
	uint64_t start;
};

/* ---- output ------------------------------------------------------------------------------------------------- */

static int flush(struct perfview *p)
{
	if (!p->zip || p->b.error)
		return output_pass_on(p->out, &p->b, 0);
	zip_write(p->zip, p->b.data, p->b.len);
	buffer_clear(&p->b);
	return p->zip->error ? p->zip->error : p->zip->deflate.error;
}

static int flush_when_full(struct perfview *p)
{
	return p->b.len < OUTPUT_PIECE_BYTES ? p->b.error : flush(p);
}

/* Nanoseconds as milliseconds with all their digits. */
static void put_ms(struct buffer *b, uint64_t ns)
{
	char digits[7] = ".";
	uint32_t rest = (uint32_t)(ns % NS_PER_MS);

	buffer_put_u64(b, ns / NS_PER_MS);
	for (int i = 6; i > 0; i--, rest /= 10)
		digits[i] = (char)('0' + rest % 10);
	buffer_append(b, digits, sizeof(digits));
}

/* ---- frames ------------------------------------------------------------------------------------------------- */

/* The frame whose name is in p->name; empties that. */
static int64_t named_frame(struct perfview *p)
{
	int64_t id = p->name.error;

	if (!id)
		id = text_table_copy(&p->frames, p->name.data, p->name.len);
	buffer_clear(&p->name);
	return id < 0 ? id : id - 1;
}

static void put_id(struct buffer *b, const struct oc_machine *m, oc_string_id id)
{
	size_t len;
	const char *text = oc_machine_string(m, id, &len);

	buffer_append(b, text, len);
}

/* What stands in front of the '!', which none may be in: the file's name without its folder. */
static void put_module(struct buffer *b, const struct oc_machine *m, oc_module_id id)
{
	const struct oc_module *module = oc_machine_module(m, id);
	const char *path = "Unknown", *name;

	if (module && module->type != OC_MODULE_UNKNOWN && module->path)
		path = oc_machine_string(m, module->path, NULL);
	for (name = text_base_name(path); *name; name++)
		buffer_putc(b, *name == '!' ? '_' : *name);
	buffer_putc(b, '!');
}

/* What follows the module in the name of a place that has no function: its offset there. */
static const char *offset_in_module(const char *place)
{
	const char *plus = strrchr(place, '+');

	return plus ? plus + 1 : place;
}

/* The frame of line `line` of a location; a location without lines has one, its offset in the module. */
static int64_t location_frame(struct perfview *p, oc_location_id id, uint32_t line)
{
	const struct oc_location *location = oc_machine_location(p->m, id);
	oc_string_id name = oc_machine_location_name(p->m, id, line);

	put_module(&p->name, p->m, location->module);
	if (location->nr_lines)
		put_id(&p->name, p->m, name);
	else
		buffer_puts(&p->name, offset_in_module(oc_machine_string(p->m, name, NULL)));
	return named_frame(p);
}

static int add_location(struct perfview *p, oc_location_id id)
{
	uint32_t nr = MAX(oc_machine_location(p->m, id)->nr_lines, 1U);

	if (p->nr_frame_lists + nr >= UINT32_MAX ||
	    array_reserve(&p->frame_lists, &p->frame_lists_cap, p->nr_frame_lists + nr + 1,
			  sizeof(*p->frame_lists)))
		return -ENOMEM;
	p->first_frame[id] = (uint32_t)p->nr_frame_lists + 1;
	for (uint32_t i = 0; i < nr; i++) {
		int64_t frame = location_frame(p, id, i);

		if (frame < 0)
			return (int)frame;
		p->frame_lists[p->nr_frame_lists++] = (uint32_t)frame;
	}
	p->frame_lists[p->nr_frame_lists++] = NO_FRAME;
	return 0;
}

/* ---- the tree of callers ------------------------------------------------------------------------------------ */

/* The node of a frame below a caller, made when there is none. frame: may be an error, which is returned. */
static int64_t child_node(struct perfview *p, uint32_t caller, int64_t frame)
{
	uint64_t key = (uint64_t)(uint32_t)(caller + 1) << 32 | (uint64_t)(frame + 1);
	const uint64_t *known;

	if (frame < 0)
		return frame;
	known = u64_map_find(&p->children, key);
	if (known)
		return (int64_t)*known;
	/* PerfView's indexes have 31 bits. */
	if (p->nr_nodes >= INT32_MAX ||
	    array_reserve(&p->nodes, &p->nodes_cap, p->nr_nodes + 1, sizeof(*p->nodes)) ||
	    u64_map_set(&p->children, key, p->nr_nodes))
		return -ENOMEM;
	p->nodes[p->nr_nodes] = (struct node){ caller, (uint32_t)frame };
	return (int64_t)p->nr_nodes++;
}

static uint32_t group_index(const struct perfview *p, const struct oc_sample *sample)
{
	const struct oc_thread *thread = oc_machine_thread(p->m, sample->thread);

	if (thread && thread->process == sample->process)
		return sample->thread;
	return IS_PROCESS | sample->process;
}

static int64_t process_frame(struct perfview *p, oc_process_id id)
{
	const struct oc_process *process = oc_machine_process(p->m, id);

	buffer_puts(&p->name, "Process64 ");
	if (process && process->comm)
		put_id(&p->name, p->m, process->comm);
	else
		buffer_puts(&p->name, "Unknown");
	buffer_printf(&p->name, " (%u)", process ? process->pid : 0);
	return named_frame(p);
}

static int64_t thread_frame(struct perfview *p, oc_thread_id id)
{
	const struct oc_thread *thread = oc_machine_thread(p->m, id);

	buffer_printf(&p->name, "Thread (%u)", thread->tid);
	if (thread->name) {
		buffer_putc(&p->name, ' ');
		put_id(&p->name, p->m, thread->name);
	}
	return named_frame(p);
}

/* The node that the stacks of a sample's thread begin at. */
static int64_t group_node(struct perfview *p, const struct oc_sample *sample)
{
	uint32_t index = group_index(p, sample);
	const uint64_t *known = u64_map_find(&p->groups, index);
	int64_t node;

	if (known)
		return (int64_t)*known;
	node = child_node(p, NO_CALLER, process_frame(p, sample->process));
	if (node >= 0 && !(index & IS_PROCESS))
		node = child_node(p, (uint32_t)node, thread_frame(p, sample->thread));
	if (node >= 0 && u64_map_set(&p->groups, index, (uint64_t)node))
		return -ENOMEM;
	return node;
}

/* The frames of a location below a node, the outermost first. */
static int64_t add_frames(struct perfview *p, int64_t node, oc_location_id id)
{
	uint32_t first, nr = 0;

	if (!p->first_frame[id] && add_location(p, id))
		return -ENOMEM;
	first = p->first_frame[id] - 1;
	while (p->frame_lists[first + nr] != NO_FRAME)
		nr++;
	while (node >= 0 && nr--)
		node = child_node(p, (uint32_t)node, p->frame_lists[first + nr]);
	return node;
}

static int64_t add_stack(struct perfview *p, const struct oc_sample *sample)
{
	int64_t node = group_node(p, sample);
	uint32_t nr;
	const oc_location_id *locations = oc_machine_stack(p->m, sample->stack, &nr);

	if (node >= 0 && !nr) {
		buffer_puts(&p->name, "Unknown!" NO_STACK_NAME);
		node = child_node(p, (uint32_t)node, named_frame(p));
	}
	while (node >= 0 && nr--)
		node = add_frames(p, node, locations[nr]);
	return node;
}

static uint64_t leaf_key(const struct perfview *p, const struct oc_sample *sample)
{
	return (uint64_t)group_index(p, sample) << 32 | sample->stack;
}

static int plant(void *arg, const struct oc_sample *sample)
{
	struct perfview *p = arg;
	uint64_t key = leaf_key(p, sample);
	int64_t node;

	if (sample->kind != p->kind_id)
		return 0;
	p->nr_samples++;
	if (u64_map_find(&p->leaves, key))
		return 0;
	node = add_stack(p, sample);
	if (node < 0)
		return (int)node;
	return u64_map_set(&p->leaves, key, (uint64_t)node);
}

/* ---- the file ----------------------------------------------------------------------------------------------- */

/* Count is the size that PerfView prepares for, 31 bits. */
static void put_section(struct perfview *p, const char *name, uint64_t count)
{
	buffer_printf(&p->b, "  <%s Count=\"%" PRIu64 "\">\n", name,
		      MIN(count, (uint64_t)INT32_MAX));
}

static int write_frames(struct perfview *p)
{
	size_t nr = p->frames.ids.count;
	int rc = 0;

	put_section(p, "Frames", nr);
	for (size_t i = 0; !rc && i < nr; i++) {
		buffer_puts(&p->b, "   <Frame ID=\"");
		buffer_put_u64(&p->b, i);
		buffer_puts(&p->b, "\">");
		text_put_xml(&p->b, p->frames.texts[i].text, p->frames.texts[i].len);
		buffer_puts(&p->b, "</Frame>\n");
		rc = flush_when_full(p);
	}
	buffer_puts(&p->b, "  </Frames>\n");
	return rc;
}

static int write_stacks(struct perfview *p)
{
	int rc = 0;

	put_section(p, "Stacks", p->nr_nodes);
	for (size_t i = 0; !rc && i < p->nr_nodes; i++) {
		buffer_puts(&p->b, "   <Stack ID=\"");
		buffer_put_u64(&p->b, i);
		buffer_puts(&p->b, "\" CallerID=\"");
		if (p->nodes[i].caller == NO_CALLER)
			buffer_puts(&p->b, "-1");
		else
			buffer_put_u64(&p->b, p->nodes[i].caller);
		buffer_puts(&p->b, "\" FrameID=\"");
		buffer_put_u64(&p->b, p->nodes[i].frame);
		buffer_puts(&p->b, "\" />\n");
		rc = flush_when_full(p);
	}
	buffer_puts(&p->b, "  </Stacks>\n");
	return rc;
}

/* What people add up: how many samples of a stretch of time each, or milliseconds, or whatever else is counted. */
static void put_metric(struct perfview *p, const struct oc_sample *sample)
{
	bool is_span = p->kind->unit == OC_UNIT_SPAN;

	if (p->kind->period_ns && !is_span)
		buffer_put_u64(&p->b, sample->count);
	else if (p->kind->unit == OC_UNIT_NANOSECONDS || is_span)
		put_ms(&p->b, sample_value(p->m, sample));
	else
		buffer_put_u64(&p->b, sample->value);
}

static int write_sample(void *arg, const struct oc_sample *sample)
{
	struct perfview *p = arg;

	if (sample->kind != p->kind_id)
		return 0;
	buffer_puts(&p->b, "   <Sample ID=\"");
	buffer_put_u64(&p->b, p->nr_samples++);
	if (sample->time_ns) {
		buffer_puts(&p->b, "\" Time=\"");
		put_ms(&p->b, sample->time_ns - MIN(sample->time_ns, p->start));
	}
	buffer_puts(&p->b, "\" StackID=\"");
	buffer_put_u64(&p->b, *u64_map_find(&p->leaves, leaf_key(p, sample)));
	buffer_puts(&p->b, "\" Metric=\"");
	put_metric(p, sample);
	buffer_puts(&p->b, "\" />\n");
	return flush_when_full(p);
}

/* PerfView shows the log on request: what was recorded, and what was lost. */
static int write_log(struct perfview *p)
{
	struct buffer clean = BUFFER_INIT;
	char *summary;

	if (oc_ledger_summary(oc_machine_ledger_const(p->m), &summary))
		return -ENOMEM;
	buffer_puts(&p->b, " <Log>");
	for (char *line = summary, *end; (end = strchr(line, '\n')); line = end + 1) {
		buffer_clear(&clean);
		text_clean(&clean, line, (size_t)(end - line));
		text_put_xml(&p->b, clean.data ? clean.data : "", clean.len);
		buffer_putc(&p->b, '\n');
	}
	buffer_puts(&p->b, "</Log>\n");
	p->b.error = p->b.error ? p->b.error : clean.error;
	buffer_done(&clean);
	free(summary);
	return p->b.error;
}

static int write_file(struct perfview *p)
{
	const struct sample_order order = { .fn = write_sample, .arg = p };
	int rc = p->kind ? oc_machine_each_sample(p->m, plant, p) : 0;

	buffer_puts(&p->b,
		    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<StackWindow>\n <StackSource>\n");
	if (!rc)
		rc = write_frames(p);
	if (!rc)
		rc = write_stacks(p);
	put_section(p, "Samples", p->nr_samples);
	p->nr_samples = 0;
	if (!rc && p->kind)
		rc = samples_by_time(p->m, &order);
	buffer_puts(&p->b, "  </Samples>\n </StackSource>\n");
	if (!rc)
		rc = write_log(p);
	buffer_puts(&p->b, "</StackWindow>\n");
	return rc ? rc : flush(p);
}

static void done(struct perfview *p)
{
	buffer_done(&p->b);
	buffer_done(&p->name);
	text_table_done(&p->frames);
	free(p->first_frame);
	free(p->frame_lists);
	free(p->nodes);
	u64_map_done(&p->children);
	u64_map_done(&p->groups);
	u64_map_done(&p->leaves);
}

static int write_perfview(const struct oc_machine *m, struct oc_output *out, struct zip *zip)
{
	struct perfview p = {
		.m = m,
		.kind = oc_machine_kind(m, oc_machine_shown_kind(m)),
		.kind_id = oc_machine_shown_kind(m),
		.out = out,
		.zip = zip,
		.start = oc_machine_info(m)->start_mono_ns,
	};
	int rc = -ENOMEM;

	p.first_frame = calloc((size_t)oc_machine_nr_locations(m) + 1, sizeof(*p.first_frame));
	if (p.first_frame)
		rc = write_file(&p);
	done(&p);
	return rc;
}

static int write_plain(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	(void)err; /* nothing fails but memory and the output */
	return write_perfview(m, out, NULL);
}

static int write_zipped(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	struct zip *zip = malloc(sizeof(*zip));
	int rc, zip_rc;

	if (!zip)
		return -ENOMEM;
	zip_init(zip, out, "onecollect.perfview.xml", oc_machine_info(m)->start_wall_ns, ZIP_LEVEL);
	rc = write_perfview(m, out, zip);
	zip_rc = zip_finish(zip);
	free(zip);
	if (!rc && zip_rc == -EFBIG)
		return oc_error_set(
			err, zip_rc,
			"the PerfView file is above the 4 GiB of a ZIP archive; write it "
			"as .perfview.xml, or record for a shorter time");
	return rc ? rc : zip_rc;
}

const struct oc_format oc_format_perfview_xml = {
	.name = "perfview-xml",
	.description = "PerfView's stack file, of the first kind of sample",
	.extensions = (const char *const[]){ ".perfview.xml", NULL },
	.write = write_plain,
};

const struct oc_format oc_format_perfview_xml_zip = {
	.name = "perfview-xml-zip",
	.description = "the same, zipped, as PerfView shares it",
	.extensions = (const char *const[]){ ".perfview.xml.zip", NULL },
	.write = write_zipped,
};
