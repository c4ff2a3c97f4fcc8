/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * V8's .cpuprofile: one tree and one list of samples, for VS Code and DevTools.
 * Called through the format table.
 * Must not know how samples were recorded.
 *
 * The format knows one thread, so the tree begins with processes and threads, and the threads' samples follow each other
 * on one axis, each for as long as it weighs. Of the shown kind of sample only: the format has no other.
 */
#include <onecollect/format.h>

#include <errno.h>

#include <onecollect/filter.h>

#include "base/array.h"
#include "base/macros.h"
#include "export/amount.h"
#include "export/formats/formats_private.h"
#include "export/formats/json_output.h"
#include "export/stack_tree.h"
#include "export/thread_samples.h"

/* Times are microseconds, with so many decimals they are exact. */
#define US_DECIMALS 3

enum { ROUND_SAMPLES, ROUND_DELTAS };

/* Items of the tree above stacks: bit 31 and the number of a thread group. Codes stay below it. */
#define GROUP_ITEM 0x80000000U

struct cpuprofile {
	const struct oc_machine *m;
	const struct thread_samples *ts;
	struct json_output out;
	struct stack_tree tree; /* nodes are V8's less one: its node 1 is the root */
	uint64_t *hits;         /* by node - 1 */
	size_t hits_cap;
	uint32_t group_node; /* of the group being written */
	oc_kind_id kind;
	unsigned int round; /* which column is being written */
	uint64_t total;     /* length of the axis */
};

static int count_hits(struct cpuprofile *c, int64_t node, uint64_t count)
{
	size_t cap = c->hits_cap;

	if (array_reserve(&c->hits, &c->hits_cap, (size_t)node, sizeof(*c->hits)))
		return -ENOMEM;
	memset(c->hits + cap, 0, (c->hits_cap - cap) * sizeof(*c->hits));
	c->hits[node - 1] += count;
	return 0;
}

static int begin_group(void *arg, const struct thread_group *group)
{
	(void)arg;
	(void)group;
	return 0;
}

static int begin_round(void *arg, const struct thread_group *group, unsigned int round)
{
	struct cpuprofile *c = arg;
	int64_t node =
		stack_tree_child(&c->tree, 0, GROUP_ITEM | (uint32_t)(group - c->ts->groups));

	(void)round;
	if (node < 0)
		return -ENOMEM;
	c->group_node = (uint32_t)node;
	return 0;
}

/* A sample lasts until the next one, so the time between two is what the first one weighs. */
static int write_sample(void *arg, const struct thread_group *group, const struct oc_sample *sample)
{
	struct cpuprofile *c = arg;
	uint64_t amount = amount_of(oc_machine_kind(c->m, group->kind), sample->count,
				    sample_value(c->m, sample));
	int64_t node;

	if (group->kind != c->kind)
		return 0;
	if (c->round == ROUND_DELTAS) {
		json_decimal(&c->out.json, amount, US_DECIMALS);
		if (__builtin_add_overflow(c->total, amount, &c->total))
			c->total = UINT64_MAX;
		return json_output_flush(&c->out);
	}
	node = stack_tree_add(&c->tree, c->group_node, sample->stack);
	if (node < 0 || count_hits(c, node, sample->count))
		return -ENOMEM;
	json_u64(&c->out.json, (uint64_t)node + 1);
	return json_output_flush(&c->out);
}

/* Writes one of the two columns. The last entry is of the root and lasts no time: some readers do not see the end. */
static int write_column(struct cpuprofile *c, const char *key, unsigned int round)
{
	const struct thread_visitor visitor = {
		.nr_rounds = 1,
		.begin = begin_group,
		.round = begin_round,
		.sample = write_sample,
		.end = begin_group,
		.arg = c,
	};
	struct json *j = &c->out.json;
	int rc;

	c->round = round;
	json_key(j, key);
	json_array_begin(j);
	if (round == ROUND_DELTAS)
		json_u64(j, 0);
	rc = thread_samples_visit(c->ts, &visitor);
	if (round == ROUND_SAMPLES)
		json_u64(j, 1);
	json_array_end(j);
	return rc;
}

static void write_call_frame(struct json *j, const char *name, size_t len, const char *url,
			     int64_t line)
{
	json_key(j, "callFrame");
	json_object_begin(j);
	json_key(j, "functionName");
	json_string_len(j, name, len);
	json_key(j, "scriptId");
	json_string(j, "0");
	json_key(j, "url");
	json_string(j, url);
	json_key(j, "lineNumber"); /* counted from 0 */
	json_i64(j, line);
	json_key(j, "columnNumber");
	json_i64(j, -1);
	json_object_end(j);
}

static int write_item(struct cpuprofile *c, uint32_t item)
{
	struct buffer title = BUFFER_INIT;
	struct code code;
	const char *url = "";
	int64_t line = -1;
	int rc;

	if (!(item & GROUP_ITEM)) {
		code = code_describe(c->m, item);
		if (code.function && code.function->file) {
			url = oc_machine_string(c->m, code.function->file, NULL);
			line = (int64_t)code.function->start_line - 1;
		} else if (code.module) {
			url = oc_machine_string(c->m, code.module->path, NULL);
		}
		write_call_frame(&c->out.json, code.name, code.name_len, url, line);
		return 0;
	}
	thread_group_title(&title, c->m, &c->ts->groups[item & ~GROUP_ITEM]);
	rc = title.error;
	if (!rc)
		write_call_frame(&c->out.json, title.data, title.len, url, line);
	buffer_done(&title);
	return rc;
}

/* Children by parent: first[node] and next[node], node 0 being the root, 0 = none. */
static int write_node(struct cpuprofile *c, uint32_t node, const uint32_t *first,
		      const uint32_t *next)
{
	struct json *j = &c->out.json;
	int rc = 0;

	json_object_begin(j);
	json_key(j, "id");
	json_u64(j, (uint64_t)node + 1);
	if (node)
		rc = write_item(c, c->tree.nodes[node - 1].item);
	else
		write_call_frame(j, "(root)", strlen("(root)"), "", -1);
	json_key(j, "hitCount");
	json_u64(j, node && node <= c->hits_cap ? c->hits[node - 1] : 0);
	json_key(j, "children");
	json_array_begin(j);
	for (uint32_t child = first[node]; child; child = next[child])
		json_u64(j, (uint64_t)child + 1);
	json_array_end(j);
	json_object_end(j);
	return rc ? rc : json_output_flush(&c->out);
}

static int write_nodes(struct cpuprofile *c)
{
	uint32_t nr = (uint32_t)c->tree.nr;
	uint32_t *first = calloc((size_t)nr + 1, sizeof(*first));
	uint32_t *next = calloc((size_t)nr + 1, sizeof(*next));
	int rc = first && next ? 0 : -ENOMEM;

	for (uint32_t node = nr; node && !rc; node--) {
		uint32_t parent = c->tree.nodes[node - 1].parent;

		next[node] = first[parent];
		first[parent] = node;
	}
	json_key(&c->out.json, "nodes");
	json_array_begin(&c->out.json);
	for (uint32_t node = 0; node <= nr && !rc; node++)
		rc = write_node(c, node, first, next);
	json_array_end(&c->out.json);
	free(first);
	free(next);
	return rc;
}

static int write_document(struct cpuprofile *c)
{
	struct json *j = &c->out.json;
	int rc;

	json_object_begin(j);
	rc = write_column(c, "samples", ROUND_SAMPLES);
	if (!rc)
		rc = write_column(c, "timeDeltas", ROUND_DELTAS);
	if (!rc)
		rc = write_nodes(c);
	json_key(j, "startTime");
	json_u64(j, 0);
	json_key(j, "endTime");
	json_decimal(j, c->total, US_DECIMALS);
	json_object_end(j);
	return rc;
}

static int write_cpuprofile(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	struct thread_samples ts = { 0 };
	struct cpuprofile c = { .m = m, .ts = &ts, .kind = oc_machine_shown_kind(m) };
	int rc = thread_samples_init(&ts, m), end_rc;

	if (!rc)
		rc = stack_tree_init(&c.tree, m, false);
	if (rc) {
		oc_error_set(err, rc, "cannot prepare a .cpuprofile: %s", strerror(-rc));
	} else {
		json_output_begin(&c.out, out, 0);
		rc = write_document(&c);
		end_rc = json_output_end(&c.out);
		rc = rc ? rc : end_rc;
	}
	thread_samples_done(&ts);
	stack_tree_done(&c.tree);
	free(c.hits);
	return rc;
}

const struct oc_format oc_format_cpuprofile = {
	.name = "cpuprofile",
	.description = "V8 CPU profile, call tree for VS Code and DevTools",
	.extensions = (const char *const[]){ ".cpuprofile", NULL },
	.write = write_cpuprofile,
};
