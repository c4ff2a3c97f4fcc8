/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Callgrind profiles, for callgrind_annotate and KCachegrind: functions, their lines, and who calls whom.
 * Called through the format table.
 * Must not know how samples were recorded.
 *
 * Recursion is folded: where a function is met again on its way from the root, the stack goes on from where it was met
 * first. So what a function costs with all it calls is the sum of its lines and calls, and never more than everything.
 */
#include <onecollect/format.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/macros.h"
#include "base/output.h"
#include "export/amount.h"
#include "export/formats/formats_private.h"
#include "export/numbering.h"
#include "export/sample_groups.h"
#include "export/stack_tree.h"
#include "export/text_table.h"

#define UNKNOWN "???" /* what callgrind itself writes */
/* A profile without any event is refused by its readers. */
#define NOTHING                                                                                  \
	"# callgrind format\nversion: 1\npositions: line\nevents: samples\nsummary: 0\ntotals: " \
	"0\n"

/* Costs are one number for each kind of sample, in rows. */
struct costs {
	uint64_t *values; /* [nr * kinds] */
	size_t cap;
};

/* What a line of a function costs itself, or a call to another; its costs are in the row of the same index. */
struct entry {
	uint32_t code;
	uint32_t callee; /* code; 0 = a line */
	uint32_t line;
	uint32_t row;
};

struct callgrind {
	const struct oc_machine *m;
	struct oc_output *out;
	struct buffer text;
	uint32_t nr_kinds;
	struct sample_groups groups;
	struct stack_tree tree;
	uint32_t *path;  /* scratch: codes from the root to where a stack is */
	uint32_t *nodes; /* scratch: their nodes */
	size_t path_cap, nodes_cap;
	struct costs node_costs; /* by node - 1, with all below it */
	struct costs entry_costs;
	struct entry *entries;
	size_t nr_entries, entries_cap;
	struct u64_map lines, calls; /* code << 32 | line or callee -> index of its entry */
	struct numbering modules, functions;
	struct text_table files;
	uint64_t totals[OC_KINDS_MAX];
};

/* Makes rows up to `nr`, the new ones 0. */
static int reserve_rows(const struct callgrind *c, struct costs *costs, size_t nr)
{
	size_t cap = costs->cap;

	if (array_reserve(&costs->values, &costs->cap, nr * c->nr_kinds, sizeof(*costs->values)))
		return -ENOMEM;
	memset(costs->values + cap, 0, (costs->cap - cap) * sizeof(*costs->values));
	return 0;
}

static void add_row(const struct callgrind *c, struct costs *to, size_t row, const uint64_t *values)
{
	for (uint32_t k = 0; k < c->nr_kinds; k++)
		to->values[row * c->nr_kinds + k] += values[k];
}

/* Kinds sampled by time cost samples, others what they measured. */
static void group_costs(const struct callgrind *c, const struct sample_group *group,
			uint64_t *ret_values)
{
	for (uint32_t k = 0; k < c->nr_kinds; k++) {
		const struct oc_kind *kind = oc_machine_kind(c->m, k + 1);

		ret_values[k] = kind->period_ns ? group->sums[k].count
						: amount_of(kind, group->sums[k].count,
							    group->sums[k].value);
	}
}

/* ---- adding up ---------------------------------------------------------------------------------------------- */

/* The entry of a line or call, made when new. */
static int64_t find_entry(struct callgrind *c, struct u64_map *map, const struct entry *wanted)
{
	uint64_t key =
		(uint64_t)wanted->code << 32 | (wanted->callee ? wanted->callee : wanted->line);
	const uint64_t *found = u64_map_find(map, key);

	if (found)
		return (int64_t)*found;
	if (c->nr_entries == UINT32_MAX ||
	    array_reserve(&c->entries, &c->entries_cap, c->nr_entries + 1, sizeof(*c->entries)) ||
	    reserve_rows(c, &c->entry_costs, c->nr_entries + 1) ||
	    u64_map_set(map, key, c->nr_entries))
		return -ENOMEM;
	c->entries[c->nr_entries] = *wanted;
	c->entries[c->nr_entries].row = (uint32_t)c->nr_entries;
	return (int64_t)c->nr_entries++;
}

static int add_to_entry(struct callgrind *c, struct u64_map *map, const struct entry *wanted,
			const uint64_t *values)
{
	int64_t row = find_entry(c, map, wanted);

	if (row < 0)
		return -ENOMEM;
	add_row(c, &c->entry_costs, (size_t)row, values);
	return 0;
}

static uint32_t line_of(const struct callgrind *c, const struct frame *frame)
{
	uint32_t nr = 0;
	const struct oc_line *lines =
		frame->location ? oc_machine_location_lines(c->m, frame->location, &nr) : NULL;

	return lines && frame->line < nr ? lines[frame->line].line : 0;
}

/* The node at which a stack ends, recursion folded; 0 = no memory. */
static uint32_t fold_stack(struct callgrind *c, const struct frame_list *frames)
{
	size_t depth = 0;

	if (array_reserve(&c->path, &c->path_cap, frames->nr, sizeof(*c->path)) ||
	    array_reserve(&c->nodes, &c->nodes_cap, frames->nr, sizeof(*c->nodes)))
		return 0;
	for (size_t i = 0; i < frames->nr; i++) {
		uint32_t code = code_of(c->m, &frames->frames[i]);
		size_t at = 0;
		int64_t node;

		while (at < depth && c->path[at] != code)
			at++;
		depth = at + 1;
		node = stack_tree_child(&c->tree, at ? c->nodes[at - 1] : 0, code);
		if (node < 0)
			return 0;
		c->path[at] = code;
		c->nodes[at] = (uint32_t)node;
	}
	return c->nodes[depth - 1];
}

static int add_group(struct callgrind *c, const struct sample_group *group)
{
	struct frame_list *frames = &c->tree.frames;
	uint64_t values[OC_KINDS_MAX];
	struct entry self = { 0 };
	uint32_t node;

	if (frame_list_fill(frames, c->m, group->key.stack))
		return -ENOMEM;
	node = fold_stack(c, frames);
	if (!node || reserve_rows(c, &c->node_costs, c->tree.nr))
		return -ENOMEM;
	group_costs(c, group, values);
	add_row(c, &c->node_costs, node - 1, values);
	for (uint32_t k = 0; k < c->nr_kinds; k++)
		c->totals[k] += values[k];
	self.code = c->tree.nodes[node - 1].item;
	self.line = line_of(c, &frames->frames[frames->nr - 1]);
	return add_to_entry(c, &c->lines, &self, values);
}

/* From what each node costs itself to what it costs with all below it; parents have lower numbers. */
static int add_calls(struct callgrind *c)
{
	for (size_t node = c->tree.nr; node > 0; node--) {
		const uint64_t *values = c->node_costs.values + (node - 1) * c->nr_kinds;
		uint32_t parent = c->tree.nodes[node - 1].parent;
		struct entry call = { .callee = c->tree.nodes[node - 1].item };

		if (!parent)
			continue;
		call.code = c->tree.nodes[parent - 1].item;
		add_row(c, &c->node_costs, parent - 1, values);
		if (add_to_entry(c, &c->calls, &call, values))
			return -ENOMEM;
	}
	return 0;
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->code != y->code)
		return x->code < y->code ? -1 : 1;
	if (x->callee != y->callee)
		return x->callee < y->callee ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

/* The name of an event is one word. */
static void put_event(struct callgrind *c, const struct oc_kind *kind)
{
	buffer_putc(&c->text, ' ');
	for (const char *name = kind->name; *name; name++)
		buffer_putc(&c->text, isalnum((unsigned char)*name) ? *name : '_');
	buffer_printf(&c->text, "_%s", kind->period_ns ? "samples" : amount_unit_name(kind));
}

/* "key=(number) name", the name only when it was not written before. */
static void put_name(struct callgrind *c, const char *key, bool known, uint64_t number,
		     const char *name)
{
	buffer_printf(&c->text, "%s=(%" PRIu64 ")", key, number);
	if (!known)
		buffer_putc(&c->text, ' ');
	/* Some readers end a line at U+2028 and U+2029. */
	for (const char *end; !known && (end = strstr(name, "\xe2\x80")); name = end + 3) {
		buffer_append(&c->text, name, (size_t)(end - name));
		if (((unsigned char)end[2] | 1) == 0xa9)
			buffer_printf(&c->text, "\\u20%02x", 0x28 + ((unsigned char)end[2] & 1));
		else
			buffer_append(&c->text, end, 3);
	}
	if (!known)
		buffer_puts(&c->text, name);
	buffer_putc(&c->text, '\n');
}

static void put_file(struct callgrind *c, const char *key, oc_string_id file)
{
	size_t known = c->files.ids.count, len = strlen(UNKNOWN);
	const char *name = file ? oc_machine_string(c->m, file, &len) : UNKNOWN;
	int64_t number = text_table_borrow(&c->files, name, len);

	if (number < 0)
		c->text.error = -ENOMEM;
	else
		put_name(c, key, (size_t)number <= known, (uint64_t)number, name);
}

/* Object, file and function. prefix: "c" for what is called, else empty. */
static void put_function(struct callgrind *c, const char *prefix, uint32_t code)
{
	struct code described = code_describe(c->m, code);
	uint32_t module =
		described.module_id ? described.module_id : oc_machine_nr_modules(c->m) + 1;
	bool known_module = c->modules.number[module], known = c->functions.number[code];
	char key[4];

	snprintf(key, sizeof(key), "%sob", prefix);
	put_name(c, key, known_module, number_of(&c->modules, module),
		 described.module ? oc_machine_string(c->m, described.module->path, NULL)
				  : UNKNOWN);
	put_file(c, *prefix ? "cfi" : "fl", described.function ? described.function->file : 0);
	snprintf(key, sizeof(key), "%sfn", prefix);
	put_name(c, key, known, number_of(&c->functions, code), described.name);
}

static void put_costs(struct callgrind *c, const uint64_t *values)
{
	for (uint32_t k = 0; k < c->nr_kinds; k++) {
		buffer_putc(&c->text, ' ');
		buffer_put_u64(&c->text, values[k]);
	}
	buffer_putc(&c->text, '\n');
}

static uint32_t start_line(const struct callgrind *c, uint32_t code)
{
	const struct oc_function *function = oc_machine_function(c->m, code);

	return function ? function->start_line : 0;
}

static void put_entry(struct callgrind *c, const struct entry *entry)
{
	const uint64_t *values = c->entry_costs.values + (size_t)entry->row * c->nr_kinds;

	if (entry->callee) {
		put_function(c, "c", entry->callee);
		/* How often it was called is not known; what is known is how often it was seen. */
		buffer_printf(&c->text, "calls=%" PRIu64 " %u\n", values[0],
			      start_line(c, entry->callee));
		buffer_printf(&c->text, "%u", start_line(c, entry->code));
	} else {
		buffer_printf(&c->text, "%u", entry->line);
	}
	put_costs(c, values);
}

static void put_head(struct callgrind *c)
{
	const struct oc_recording_info *info = oc_machine_info(c->m);

	buffer_puts(&c->text, "# callgrind format\nversion: 1\n");
	buffer_printf(&c->text, "creator: %s\n", oc_machine_string(c->m, info->tool, NULL));
	buffer_printf(&c->text, "cmd: %s\n", oc_machine_string(c->m, info->command, NULL));
	buffer_puts(&c->text, "positions: line\nevents:");
	for (uint32_t k = 1; k <= c->nr_kinds; k++)
		put_event(c, oc_machine_kind(c->m, k));
	buffer_puts(&c->text, "\nsummary:");
	put_costs(c, c->totals);
}

static int write_profile(struct callgrind *c)
{
	int rc = 0;

	for (size_t i = 0; i < c->groups.nr && !rc; i++)
		rc = add_group(c, sample_groups_at(&c->groups, i));
	if (!rc)
		rc = add_calls(c);
	if (rc)
		return rc;
	if (c->nr_entries)
		qsort(c->entries, c->nr_entries, sizeof(*c->entries), compare_entries);
	put_head(c);
	for (size_t i = 0; i < c->nr_entries && !rc; i++) {
		if (!i || c->entries[i].code != c->entries[i - 1].code) {
			buffer_putc(&c->text, '\n');
			put_function(c, "", c->entries[i].code);
		}
		put_entry(c, &c->entries[i]);
		rc = output_pass_on(c->out, &c->text, OUTPUT_PIECE_BYTES);
	}
	buffer_puts(&c->text, "\ntotals:");
	put_costs(c, c->totals);
	return rc ? rc : output_pass_on(c->out, &c->text, 0);
}

/* ---- life --------------------------------------------------------------------------------------------------- */

static int callgrind_init(struct callgrind *c)
{
	int rc = sample_groups_init(&c->groups, c->m, 0, 0);

	if (!rc)
		rc = stack_tree_init(&c->tree, c->m, false);
	if (!rc)
		rc = numbering_init(&c->modules, oc_machine_nr_modules(c->m) + 1);
	if (!rc)
		rc = numbering_init(&c->functions, code_count(c->m));
	return rc;
}

static void callgrind_done(struct callgrind *c)
{
	buffer_done(&c->text);
	sample_groups_done(&c->groups);
	stack_tree_done(&c->tree);
	free(c->path);
	free(c->nodes);
	free(c->node_costs.values);
	free(c->entry_costs.values);
	free(c->entries);
	u64_map_done(&c->lines);
	u64_map_done(&c->calls);
	numbering_done(&c->modules);
	numbering_done(&c->functions);
	text_table_done(&c->files);
}

static int write_callgrind(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	struct callgrind c = { .m = m, .out = out, .nr_kinds = oc_machine_nr_kinds(m) };
	int rc;

	if (!c.nr_kinds)
		return oc_output_write(out, NOTHING, strlen(NOTHING));
	rc = callgrind_init(&c);
	if (rc)
		oc_error_set(err, rc, "cannot add up the samples for a callgrind profile: %s",
			     strerror(-rc));
	else
		rc = write_profile(&c);
	callgrind_done(&c);
	return rc;
}

const struct oc_format oc_format_callgrind = {
	.name = "callgrind",
	.description =
		"callgrind profile with lines and calls, for callgrind_annotate and KCachegrind",
	.extensions = (const char *const[]){ ".callgrind", NULL },
	.write = write_callgrind,
};
