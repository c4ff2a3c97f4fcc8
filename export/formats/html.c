/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interactive flame graph as one HTML file: page, style and viewer from html/, and the samples as JSON.
 * Called through oc_format_html; the tree comes from onecollect/graph.h.
 * Must not know where samples come from, nor how the viewer draws.
 *
 * The JSON ("version" 1) holds each distinct stack once, as a node of one tree of frames, and the samples as
 * {thread, node, count}. Names appear in no other place of the file, so only base/json.h has to escape them.
 */
#include <assert.h>
#include <errno.h>

#include <onecollect/format.h>
#include <onecollect/filter.h>
#include <onecollect/graph.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/id_table.h"
#include "base/json.h"
#include "base/output.h"
#include "embed/html/page.html.h"
#include "embed/html/viewer.css.h"
#include "embed/html/viewer.js.h"
#include "export/formats/flame.h"
#include "export/formats/formats_private.h"

/* Only our own script and style run, by their hashes; nothing is loaded from anywhere. */
#define CSP                                                        \
	"default-src 'none'; script-src 'sha256-" VIEWER_JS_SHA256 \
	"'; style-src 'sha256-" VIEWER_CSS_SHA256 "'; base-uri 'none'; form-action 'none'"

/* A frame in the tree shared by all threads. */
struct frame {
	uint32_t parent;   /* frame id, 0 = none */
	uint32_t function; /* index into the graph's functions */
};

struct sample {
	uint32_t thread; /* index into page.threads */
	uint32_t frame;  /* frame id, 0 = no stack */
	uint64_t count;
};

/* Nodes of the graph: the process at depth 1, the thread at depth 2. */
struct thread {
	uint32_t process;
	uint32_t node;
};

struct page {
	const struct oc_machine *m;
	struct oc_output *out;
	struct buffer b;
	struct json j;
	const struct oc_graph *graph;
	const struct oc_graph_node *nodes;
	uint32_t nr_nodes;
	const struct oc_graph_function *functions;
	uint32_t nr_functions;
	struct id_table function_ids; /* (name, kind) -> index + 1 */
	struct frame *frames;         /* [nr_frames]; the id is the index + 1 */
	size_t nr_frames, frames_cap;
	struct id_table frame_ids; /* (parent, function) -> id */
	struct thread *threads;
	size_t nr_threads, threads_cap;
	struct sample *samples;
	size_t nr_samples, samples_cap;
};

/* ---- frames: the threads' trees folded into one ------------------------------------------------------------ */

static uint64_t hash_pair(uint32_t a, uint32_t b)
{
	uint32_t pair[2] = { a, b };

	return hash_bytes(pair, sizeof(pair));
}

static bool function_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct oc_graph_function *function = &((const struct page *)owner)->functions[id - 1];
	const struct oc_graph_node *node = wanted;

	return function->name == node->name && function->frame_kind == node->frame_kind;
}

static int index_functions(struct page *p)
{
	int rc = 0;

	for (uint32_t i = 0; i < p->nr_functions && !rc; i++)
		rc = id_table_add(&p->function_ids,
				  hash_pair(p->functions[i].name, p->functions[i].frame_kind),
				  i + 1);
	return rc;
}

static bool frame_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct frame *frame = &((const struct page *)owner)->frames[id - 1];
	const struct frame *other = wanted;

	return frame->parent == other->parent && frame->function == other->function;
}

/* Finds or adds the frame that the function of `node` makes below the frame `parent`. */
static int intern_frame(struct page *p, uint32_t parent, const struct oc_graph_node *node,
			uint32_t *ret_id)
{
	uint32_t function = id_table_find(&p->function_ids, hash_pair(node->name, node->frame_kind),
					  function_equal, p, node);
	struct frame frame = { .parent = parent, .function = function - 1 };
	uint64_t hash = hash_pair(frame.parent, frame.function);
	uint32_t id = id_table_find(&p->frame_ids, hash, frame_equal, p, &frame);
	int rc;

	/* The graph lists every function that its tree shows. */
	assert(function);
	if (!id) {
		if (array_reserve(&p->frames, &p->frames_cap, p->nr_frames + 1, sizeof(frame)))
			return -ENOMEM;
		id = (uint32_t)p->nr_frames + 1;
		rc = id_table_add(&p->frame_ids, hash, id);
		if (rc)
			return rc;
		p->frames[p->nr_frames++] = frame;
	}
	*ret_id = id;
	return 0;
}

static int add_thread(struct page *p, uint32_t process, uint32_t node)
{
	if (array_reserve(&p->threads, &p->threads_cap, p->nr_threads + 1, sizeof(*p->threads)))
		return -ENOMEM;
	p->threads[p->nr_threads++] = (struct thread){ .process = process, .node = node };
	return 0;
}

static int add_sample(struct page *p, uint32_t frame, uint64_t count)
{
	/* Every sample lies below the group of its thread. */
	assert(p->nr_threads);
	if (array_reserve(&p->samples, &p->samples_cap, p->nr_samples + 1, sizeof(*p->samples)))
		return -ENOMEM;
	p->samples[p->nr_samples++] = (struct sample){
		.thread = (uint32_t)p->nr_threads - 1,
		.frame = frame,
		.count = count,
	};
	return 0;
}

/* The node after `i` in depth-first order, 0 at the end. */
static uint32_t next_node(const struct oc_graph_node *nodes, uint32_t i)
{
	if (nodes[i].first_child)
		return nodes[i].first_child;
	while (i && !nodes[i].next_sibling)
		i = nodes[i].parent;
	return nodes[i].next_sibling;
}

/* Walks process -> thread -> frames and collects threads, frames and samples. */
static int collect(struct page *p)
{
	uint32_t *frame_of = calloc(p->nr_nodes, sizeof(*frame_of)); /* frame id by node */
	int rc = frame_of ? index_functions(p) : -ENOMEM;

	for (uint32_t i = next_node(p->nodes, 0); i && !rc; i = next_node(p->nodes, i)) {
		const struct oc_graph_node *node = &p->nodes[i];

		if (node->depth == 2)
			rc = add_thread(p, node->parent, i);
		else if (node->depth > 2)
			rc = intern_frame(p, frame_of[node->parent], node, &frame_of[i]);
		if (!rc && node->self)
			rc = add_sample(p, frame_of[i], node->self);
	}
	free(frame_of);
	return rc;
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

/* Keeps the buffer small inside long arrays. */
static int flush_if_full(struct page *p)
{
	return output_pass_on(p->out, &p->b, OUTPUT_PIECE_BYTES);
}

/* A string of the machine or of the graph, with its key in objects. */
static void put_string(struct page *p, const char *key, oc_string_id id)
{
	size_t len;
	const char *text = oc_graph_name(p->graph, id, &len);

	if (key)
		json_key(&p->j, key);
	json_string_len(&p->j, text, len);
}

static void put_u64(struct page *p, const char *key, uint64_t value)
{
	json_key(&p->j, key);
	json_u64(&p->j, value);
}

static void put_double(struct page *p, const char *key, double value)
{
	json_key(&p->j, key);
	json_double(&p->j, value);
}

static void put_recording(struct page *p)
{
	const struct oc_recording_info *info = oc_machine_info(p->m);
	const struct oc_kind *kind = oc_graph_kind(p->graph);

	json_key(&p->j, "kind");
	json_object_begin(&p->j);
	json_key(&p->j, "name");
	json_string(&p->j, kind->name);
	put_u64(p, "period_ns", kind->period_ns);
	json_key(&p->j, "unit");
	json_string(&p->j, oc_weight_unit_name(oc_graph_unit(p->graph)));
	json_object_end(&p->j);
	json_key(&p->j, "recording");
	json_object_begin(&p->j);
	put_string(p, "tool", info->tool);
	put_string(p, "host", info->hostname);
	put_string(p, "os", info->os);
	put_string(p, "command", info->command);
	put_u64(p, "start_ms", info->start_wall_ns / 1000000);
	put_u64(p, "duration_ns",
		info->end_mono_ns > info->start_mono_ns ? info->end_mono_ns - info->start_mono_ns
							: 0);
	put_u64(p, "cpus", info->nr_cpus);
	json_key(&p->j, "aggregated");
	json_bool(&p->j, info->aggregated);
	json_object_end(&p->j);
}

/* One counted reason; those that never happened are left out. */
static void put_reason(struct page *p, const char *name, const char *text, uint64_t count)
{
	if (!count)
		return;
	json_object_begin(&p->j);
	json_key(&p->j, "name");
	json_string(&p->j, name);
	json_key(&p->j, "text");
	json_string(&p->j, text);
	put_u64(p, "count", count);
	json_object_end(&p->j);
}

static void put_ledger(struct page *p)
{
	const struct oc_ledger *ledger = oc_machine_ledger_const(p->m);
	const struct oc_ledger_kind *kind = &ledger->kinds[oc_machine_shown_kind(p->m) - 1];

	json_key(&p->j, "ledger");
	json_object_begin(&p->j);
	put_u64(p, "due", kind->due);
	put_u64(p, "idle", kind->idle);
	put_u64(p, "filtered", kind->filtered);
	put_u64(p, "taken", kind->taken);
	put_u64(p, "kept", kind->kept);
	put_u64(p, "stacks", kind->stacks);
	put_u64(p, "complete", kind->complete);
	json_key(&p->j, "lost");
	json_array_begin(&p->j);
	for (unsigned int i = 0; i < OC_LOSS_COUNT; i++)
		put_reason(p, oc_loss_name(i), oc_loss_text(i), kind->lost[i]);
	json_array_end(&p->j);
	json_key(&p->j, "incomplete");
	json_array_begin(&p->j);
	for (unsigned int i = 0; i < OC_STACK_COUNT; i++)
		put_reason(p, oc_stack_reason_name(i), oc_stack_reason_text(i),
			   kind->incomplete[i]);
	json_array_end(&p->j);
	json_key(&p->j, "notes");
	json_array_begin(&p->j);
	for (unsigned int i = 0; i < OC_NOTE_COUNT; i++)
		put_reason(p, oc_note_name(i), oc_note_text(i), ledger->notes[i]);
	json_array_end(&p->j);
	json_object_end(&p->j);
}

/* What recording itself has cost. */
static void put_cost(struct page *p)
{
	const struct oc_ledger_self *self = &oc_machine_ledger_const(p->m)->self;

	json_key(&p->j, "cost");
	json_object_begin(&p->j);
	put_double(p, "user_s", self->user_s);
	put_double(p, "system_s", self->system_s);
	if (self->has_bpf_time) {
		put_u64(p, "bpf_ns", self->bpf_ns);
		put_u64(p, "bpf_runs", self->bpf_runs);
	}
	put_u64(p, "peak_rss_bytes", self->peak_rss_bytes);
	put_u64(p, "map_bytes", self->map_bytes);
	put_u64(p, "kernel_to_user_bytes", self->kernel_to_user_bytes);
	json_object_end(&p->j);
}

/* "processes": [name, ...], "threads": [process, name, ...]. Threads of one process follow each other. */
static int put_threads(struct page *p)
{
	uint64_t process = 0;

	json_key(&p->j, "processes");
	json_array_begin(&p->j);
	for (size_t i = 0; i < p->nr_threads; i++)
		if (!i || p->threads[i].process != p->threads[i - 1].process)
			put_string(p, NULL, p->nodes[p->threads[i].process].name);
	json_array_end(&p->j);
	json_key(&p->j, "threads");
	json_array_begin(&p->j);
	for (size_t i = 0; i < p->nr_threads; i++) {
		if (i && p->threads[i].process != p->threads[i - 1].process)
			process++;
		json_u64(&p->j, process);
		put_string(p, NULL, p->nodes[p->threads[i].node].name);
	}
	json_array_end(&p->j);
	return output_pass_on(p->out, &p->b, 0);
}

/* In the place of a path: functions of one name in several modules. */
#define SEVERAL_MODULES UINT32_MAX

/* Module paths numbered from 0 in the order of the functions. */
struct module_list {
	struct id_table ids;
	oc_string_id *paths; /* [ids.count] */
	size_t cap;
};

static bool path_equal(const void *owner, uint32_t id, const void *wanted)
{
	return ((const struct module_list *)owner)->paths[id - 1] == *(const oc_string_id *)wanted;
}

/* The number of a path, or -ENOMEM. */
static int64_t number_module(struct module_list *list, oc_string_id path)
{
	uint64_t hash = hash_bytes(&path, sizeof(path));
	uint32_t id = id_table_find(&list->ids, hash, path_equal, list, &path);

	if (id)
		return id - 1;
	id = (uint32_t)list->ids.count + 1;
	if (array_reserve(&list->paths, &list->cap, id, sizeof(path)))
		return -ENOMEM;
	list->paths[id - 1] = path;
	if (id_table_add(&list->ids, hash, id))
		return -ENOMEM;
	return id - 1;
}

/* "functions": [name, module, kind and shade, ...], those with most self samples first; "modules": [path, ...]. */
static int put_functions(struct page *p, struct module_list *modules)
{
	json_key(&p->j, "functions");
	json_array_begin(&p->j);
	for (uint32_t i = 0; i < p->nr_functions; i++) {
		const struct oc_graph_function *function = &p->functions[i];
		int64_t module = number_module(
			modules, function->nr_modules > 1 ? SEVERAL_MODULES : function->module);
		char kind[2];
		size_t len;
		const char *name = oc_graph_name(p->graph, function->name, &len);

		if (module < 0)
			return (int)module;
		kind[0] = flame_letter(function->frame_kind);
		kind[1] = (char)('0' + flame_shade(name, len));
		json_string_len(&p->j, name, len);
		json_i64(&p->j, module);
		json_string_len(&p->j, kind, sizeof(kind));
		if (flush_if_full(p))
			break;
	}
	json_array_end(&p->j);
	json_key(&p->j, "modules");
	json_array_begin(&p->j);
	for (size_t i = 0; i < modules->ids.count; i++)
		if (modules->paths[i] == SEVERAL_MODULES)
			json_string(&p->j, "several modules");
		else
			put_string(p, NULL, modules->paths[i]);
	json_array_end(&p->j);
	return output_pass_on(p->out, &p->b, 0);
}

/* "frames": [how many ids back the caller is, function, ...]: ids count from 1, a root's caller is 0. */
static int put_frames(struct page *p)
{
	json_key(&p->j, "frames");
	json_array_begin(&p->j);
	for (size_t i = 0; i < p->nr_frames; i++) {
		json_u64(&p->j, i + 1 - p->frames[i].parent);
		json_u64(&p->j, p->frames[i].function);
		if (flush_if_full(p))
			break;
	}
	json_array_end(&p->j);
	return output_pass_on(p->out, &p->b, 0);
}

/* "samples": [thread, frame id, count, ...]. */
static int put_samples(struct page *p)
{
	json_key(&p->j, "samples");
	json_array_begin(&p->j);
	for (size_t i = 0; i < p->nr_samples; i++) {
		json_u64(&p->j, p->samples[i].thread);
		json_u64(&p->j, p->samples[i].frame);
		json_u64(&p->j, p->samples[i].count);
		if (flush_if_full(p))
			break;
	}
	json_array_end(&p->j);
	return output_pass_on(p->out, &p->b, 0);
}

static int put_data(struct page *p)
{
	struct module_list modules = { 0 };
	int rc;

	json_init(&p->j, &p->b);
	json_object_begin(&p->j);
	put_u64(p, "version", 1);
	put_u64(p, "total", p->nodes[0].total);
	put_recording(p);
	put_ledger(p);
	put_cost(p);
	rc = put_threads(p);
	if (!rc)
		rc = put_functions(p, &modules);
	if (!rc)
		rc = put_frames(p);
	if (!rc)
		rc = put_samples(p);
	if (!rc)
		json_object_end(&p->j);
	id_table_done(&modules.ids);
	free(modules.paths);
	return rc;
}

/* ---- the page ---------------------------------------------------------------------------------------------- */

/* Writes what a {{mark}} of page.html stands for. */
static int put_mark(struct page *p, const char *mark, size_t len)
{
	if (len == 3 && !memcmp(mark, "csp", 3))
		buffer_puts(&p->b, CSP);
	else if (len == 5 && !memcmp(mark, "style", 5))
		buffer_append(&p->b, viewer_css, sizeof(viewer_css) - 1);
	else if (len == 6 && !memcmp(mark, "script", 6))
		buffer_append(&p->b, viewer_js, sizeof(viewer_js) - 1);
	else if (len == 4 && !memcmp(mark, "data", 4))
		return put_data(p);
	return 0;
}

static int put_page(struct page *p)
{
	const char *at = page_html;
	const char *mark;
	int rc = 0;

	while (!rc && (mark = strstr(at, "{{"))) {
		const char *end = strstr(mark, "}}");

		assert(end);
		buffer_append(&p->b, at, (size_t)(mark - at));
		rc = put_mark(p, mark + 2, (size_t)(end - mark - 2));
		at = end + 2;
	}
	buffer_puts(&p->b, at);
	return rc ? rc : output_pass_on(p->out, &p->b, 0);
}

static int html_write(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	/* "comm-pid" and "threadname-tid" above the stacks: what the viewer can group by. */
	struct oc_graph_opts opts = { .size = sizeof(opts),
				      .group_by_process = true,
				      .group_by_pid = true,
				      .group_by_thread = true };
	struct page p = { .m = m, .out = out };
	struct oc_graph *graph;
	int rc = oc_graph_new(m, &opts, &graph);

	if (rc)
		return oc_error_set(err, rc, "cannot make a call tree of the samples: %s",
				    strerror(-rc));
	p.graph = graph;
	p.nodes = oc_graph_nodes(graph, &p.nr_nodes);
	p.functions = oc_graph_functions(graph, &p.nr_functions);
	rc = collect(&p);
	if (!rc)
		rc = put_page(&p);
	if (rc == -ENOMEM)
		oc_error_set(err, rc, "out of memory while writing the flame graph");
	id_table_done(&p.function_ids);
	id_table_done(&p.frame_ids);
	free(p.frames);
	free(p.threads);
	free(p.samples);
	buffer_done(&p.b);
	oc_graph_free(graph);
	return rc;
}

static const char *const html_extensions[] = { ".html", ".htm", NULL };

const struct oc_format oc_format_html = {
	.name = "html",
	.description = "interactive flame graph, one file for any browser",
	.extensions = html_extensions,
	.write = html_write,
};
