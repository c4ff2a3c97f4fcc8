/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading .octrace files: rows of tables become rows of a machine, which may number them otherwise.
 * Called through the table of input formats. The file is hostile: every row is checked before it is used.
 * Must not know how chunks are packed (octrace_parse.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include <onecollect/ledger.h>
#include <onecollect/stack_counts.h>

#include "base/array.h"
#include "base/text.h"
#include "base/u64_map.h"
#include "export/formats/octrace_private.h"
#include "export/formats/readers_private.h"
#include "export/machine_private.h"

/* All numbers that a ledger of this version can have are below it. */
#define LEDGER_ROWS_MAX 4096u
/*
 * Images of one pid that had to make room for one that began earlier, in sum. Recordings that were merged have some; a
 * file made for it could have the machine move them for hours.
 */
#define SHIFTS_MAX (1ULL << 28)

/* What the ids of one table of the file are in the machine; [0] is id 1. */
struct id_map {
	uint32_t *ids;
	size_t nr;
	size_t cap;
};

struct octrace_reader {
	struct octrace_parser parser;
	struct octrace_chunk chunk;
	struct oc_machine *m;
	struct oc_error *err;
	struct id_map maps[OCTRACE_NR_TYPES];
	bool bad;      /* the present row is wrong */
	uint32_t next; /* element of the chunk that no row has taken yet */
	uint64_t shifts;
	uint64_t time_ns;
	uint64_t last_time_ns; /* the latest of all samples */
	uint64_t totals[OC_KINDS_MAX][3];
	struct oc_ledger ledger;   /* as in the file */
	struct u64_map seen_links; /* attrs << 32 | other */
	struct u64_map last_links; /* attrs -> id in links */
	struct u64_map layouts;    /* process + 1 -> 1: its first version was read */
	struct oc_attr *attrs;     /* of one row */
	size_t attrs_cap;
};

/* ---- values of rows ---- */

static uint64_t value(const struct octrace_reader *r, unsigned int column, uint32_t row)
{
	return octrace_value(&r->chunk, column, row);
}

/* A value that must not be larger than max. */
static uint32_t small(struct octrace_reader *r, unsigned int column, uint32_t row, uint32_t max)
{
	uint64_t v = value(r, column, row);

	r->bad |= v > max;
	return v > max ? 0 : (uint32_t)v;
}

/* The machine's id for one of the file; 0 is none. */
static uint32_t translate(struct octrace_reader *r, enum octrace_type type, uint64_t id)
{
	r->bad |= id > r->maps[type].nr;
	return id && id <= r->maps[type].nr ? r->maps[type].ids[id - 1] : 0;
}

static uint32_t id_or_none(struct octrace_reader *r, unsigned int column, uint32_t row,
			   enum octrace_type type)
{
	return translate(r, type, value(r, column, row));
}

static uint32_t id_of(struct octrace_reader *r, unsigned int column, uint32_t row,
		      enum octrace_type type)
{
	uint32_t id = id_or_none(r, column, row, type);

	r->bad |= !id;
	return id;
}

static oc_string_id text_of(struct octrace_reader *r, unsigned int column, uint32_t row)
{
	return id_or_none(r, column, row, OCTRACE_STRING);
}

/* The list of a row whose length stands in a column: the index of its first element, *ret_nr of them, at most max. */
static uint32_t list_of(struct octrace_reader *r, unsigned int column, uint32_t row, uint32_t max,
			uint32_t *ret_nr)
{
	uint32_t nr = (uint32_t)value(r, column, row), first = r->next;

	if (nr > max || nr > r->chunk.header.elements - r->next) {
		r->bad = true;
		nr = 0;
	}
	r->next += nr;
	*ret_nr = nr;
	return first;
}

/* ---- rows; each returns the machine's id, 0 when it has none, or a negative errno value ---- */

/* A row that is wrong is not used, whatever was made of it. */
#define RETURN_IF_BAD(r)                 \
	do {                             \
		if ((r)->bad)            \
			return -EBADMSG; \
	} while (0)

static int64_t take_info(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	struct oc_recording_info info = {
		.start_mono_ns = value(r, 0, row),
		.start_wall_ns = value(r, 1, row),
		.start_boot_ns = value(r, 2, row),
		.end_mono_ns = value(r, 3, row),
		.nr_cpus = (uint32_t)value(r, 4, row),
		.page_size = (uint32_t)value(r, 5, row),
		.aggregated = small(r, 6, row, 1),
		.hostname = text_of(r, 7, row),
		.os = text_of(r, 8, row),
		.command = text_of(r, 9, row),
		.tool = text_of(r, 10, row),
	};

	(void)known;
	RETURN_IF_BAD(r);
	oc_machine_set_info(r->m, &info);
	return 0;
}

static int64_t take_string(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	uint32_t len, first = list_of(r, 0, row, UINT32_MAX, &len);
	const char *text = (const char *)r->chunk.columns[1] + first;

	(void)known;
	RETURN_IF_BAD(r);
	/* The machine would clean it, which makes it up to four times as long. No writer leaves it to that. */
	return text_is_clean(text, len) ? oc_machine_intern(r->m, text, len) : -EBADMSG;
}

static int64_t take_kind(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	struct oc_kind kind = { .unit = (enum oc_unit)small(r, 0, row, OC_UNIT_SPAN),
				.period_ns = value(r, 1, row) };
	uint32_t len, first = list_of(r, 2, row, sizeof(kind.name) - 1, &len);
	int64_t id;

	(void)known;
	RETURN_IF_BAD(r);
	if (len)
		memcpy(kind.name, r->chunk.columns[3] + first, len);
	id = oc_machine_add_kind(r->m, &kind);
	/* A second kind of that name would share a row of the ledger with the first. */
	return id == (int64_t)r->maps[OCTRACE_KIND].nr + 1 ? id : -EBADMSG;
}

static int64_t change_process(struct octrace_reader *r, const struct oc_process *row, uint32_t id)
{
	struct oc_process *have = &machine_process(r->m, id)->pub;

	if (have->pid != row->pid || have->generation != row->generation ||
	    have->parent != row->parent || have->start_ns != row->start_ns)
		return -EBADMSG;
	*have = *row;
	return id;
}

static int64_t add_process(struct octrace_reader *r, const struct oc_process *process)
{
	uint32_t nr;
	const oc_process_id *images = process_images(r->m, process->pid, &nr);

	if (nr && oc_machine_process(r->m, images[nr - 1])->start_ns > process->start_ns)
		r->shifts += nr;
	return r->shifts > SHIFTS_MAX ? -EFBIG : process_append(r->m, process, 0);
}

static int64_t take_process(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	struct oc_process process = {
		.pid = (uint32_t)value(r, 0, row),
		.ns_pid = (uint32_t)value(r, 1, row),
		.generation = (uint32_t)value(r, 2, row),
		.parent = id_or_none(r, 3, row, OCTRACE_PROCESS),
		.comm = text_of(r, 4, row),
		.exe = text_of(r, 5, row),
		.container = text_of(r, 6, row),
		.cgroup = text_of(r, 7, row),
		.start_ns = value(r, 8, row),
		.end_ns = value(r, 9, row),
	};

	RETURN_IF_BAD(r);
	return known ? change_process(r, &process, known) : add_process(r, &process);
}

static int64_t take_thread(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	oc_process_id process = id_of(r, 0, row, OCTRACE_PROCESS);
	uint32_t tid = (uint32_t)value(r, 1, row);
	oc_string_id name = text_of(r, 3, row);
	struct oc_thread *thread;
	int64_t id;

	RETURN_IF_BAD(r);
	id = oc_machine_add_thread(r->m, process, tid);
	if (id < 0 || (known && id != known))
		return id < 0 ? id : -EBADMSG;
	thread = stable_array_by_id(&r->m->threads, (uint32_t)id);
	thread->ns_tid = (uint32_t)value(r, 2, row);
	thread->name = name;
	return id;
}

static int64_t take_module(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	struct oc_module module = {
		.type = (enum oc_module_type)small(r, 0, row, OC_MODULE_UNKNOWN),
		.deleted = small(r, 1, row, 1),
		.path = text_of(r, 2, row),
		.process = id_or_none(r, 3, row, OCTRACE_PROCESS),
		.device = value(r, 4, row),
		.inode = value(r, 5, row),
	};
	uint32_t size, first = list_of(r, 6, row, OC_BUILD_ID_MAX, &size);

	RETURN_IF_BAD(r);
	module.build_id_size = (uint8_t)size;
	if (size)
		memcpy(module.build_id, r->chunk.columns[7] + first, size);
	if (known) {
		int rc = module_learn(r->m, known, &module);

		return rc ? rc : (int64_t)known;
	}
	return oc_machine_add_module(r->m, &module);
}

static int64_t take_symbol_file(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	oc_module_id id = id_of(r, 0, row, OCTRACE_MODULE);
	struct oc_module module = { .symbol_file = text_of(r, 1, row) };
	int rc;

	(void)known;
	RETURN_IF_BAD(r);
	rc = module_learn(r->m, id, &module);
	return rc ? rc : 1;
}

static int64_t take_mapping(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	struct oc_mapping mapping = {
		.process = id_or_none(r, 0, row, OCTRACE_PROCESS),
		.module = id_of(r, 1, row, OCTRACE_MODULE),
		.start = value(r, 2, row),
		.end = value(r, 3, row),
		.file_offset = value(r, 4, row),
		.since_ns = value(r, 5, row),
		.until_ns = value(r, 6, row),
	};
	struct oc_mapping *have = stable_array_by_id(&r->m->mappings, known);

	RETURN_IF_BAD(r);
	if (mapping.start >= mapping.end)
		return -EBADMSG;
	if (!have)
		return mapping_append(r->m, &mapping);
	if (have->process != mapping.process || have->module != mapping.module ||
	    have->start != mapping.start || have->end != mapping.end ||
	    have->file_offset != mapping.file_offset || have->since_ns != mapping.since_ns)
		return -EBADMSG;
	have->until_ns = mapping.until_ns;
	return known;
}

static int64_t take_function(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	struct oc_function function = {
		.name = text_of(r, 0, row),
		.system_name = text_of(r, 1, row),
		.file = text_of(r, 2, row),
		.start_line = (uint32_t)value(r, 3, row),
		.module = id_or_none(r, 4, row, OCTRACE_MODULE),
	};

	(void)known;
	RETURN_IF_BAD(r);
	return oc_machine_add_function(r->m, &function);
}

static int64_t take_location(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	struct oc_location location = {
		.module = id_of(r, 0, row, OCTRACE_MODULE),
		.mapping = id_or_none(r, 1, row, OCTRACE_MAPPING),
		.offset = value(r, 2, row),
		.address = value(r, 3, row),
	};

	(void)known;
	RETURN_IF_BAD(r);
	return location_intern(r->m, &location);
}

static int64_t take_lines(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	struct oc_line lines[OC_STACK_FRAMES_MAX];
	oc_location_id location = id_of(r, 0, row, OCTRACE_LOCATION);
	uint32_t nr, first = list_of(r, 1, row, OC_STACK_FRAMES_MAX, &nr);

	(void)known;
	for (uint32_t i = 0; i < nr; i++) {
		lines[i].function = id_of(r, 2, first + i, OCTRACE_FUNCTION);
		lines[i].line = (uint32_t)value(r, 3, first + i);
	}
	RETURN_IF_BAD(r);
	return oc_machine_set_lines(r->m, location, lines, nr);
}

static int64_t take_stack(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	oc_location_id locations[OC_STACK_FRAMES_MAX];
	uint32_t nr, first = list_of(r, 0, row, OC_STACK_FRAMES_MAX, &nr);

	(void)known;
	for (uint32_t i = 0; i < nr; i++)
		locations[i] = id_of(r, 1, first + i, OCTRACE_LOCATION);
	RETURN_IF_BAD(r);
	return nr ? stack_intern(r->m, locations, nr) : -EBADMSG;
}

static int64_t take_attrs(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	oc_attrs_id parent = id_or_none(r, 0, row, OCTRACE_ATTRS);
	uint32_t nr, first = list_of(r, 1, row, UINT32_MAX, &nr);

	(void)known;
	if (array_reserve(&r->attrs, &r->attrs_cap, (size_t)nr + 1, sizeof(*r->attrs)))
		return -ENOMEM;
	for (uint32_t i = 0; i < nr; i++) {
		struct oc_attr *attr = &r->attrs[i];

		attr->key = text_of(r, 2, first + i);
		attr->type = (enum oc_attr_type)small(r, 3, first + i, OC_ATTR_NUMBER);
		attr->value = value(r, 4, first + i);
		if (attr->type == OC_ATTR_STRING)
			attr->value = translate(r, OCTRACE_STRING, attr->value);
	}
	RETURN_IF_BAD(r);
	return oc_machine_intern_attrs(r->m, r->attrs, nr, parent);
}

/*
 * Adds a link behind the last one of its list. oc_machine_link_attrs() would walk the list each time, which a file made
 * for it could draw out for hours.
 */
static int64_t take_link(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	oc_attrs_id from = id_of(r, 0, row, OCTRACE_ATTRS), to = id_of(r, 1, row, OCTRACE_ATTRS);
	uint64_t pair = (uint64_t)from << 32 | to;
	const uint64_t *last;
	struct attrs_link *link;
	struct attrs_entry *entry;

	(void)known;
	RETURN_IF_BAD(r);
	if (u64_map_find(&r->seen_links, pair))
		return 0;
	link = stable_array_add(&r->m->links);
	if (!link || u64_map_set(&r->seen_links, pair, 1))
		return -ENOMEM;
	link->target = to;
	last = u64_map_find(&r->last_links, from);
	entry = stable_array_by_id(&r->m->attrs, from);
	if (last)
		((struct attrs_link *)stable_array_by_id(&r->m->links, (uint32_t)*last))->next =
			r->m->links.count;
	else
		entry->first_link = r->m->links.count;
	return u64_map_set(&r->last_links, from, r->m->links.count);
}

static int64_t take_span(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	struct oc_span span = {
		.name = text_of(r, 0, row),
		.start_ns = value(r, 1, row),
		.end_ns = value(r, 2, row),
		.parent = id_or_none(r, 3, row, OCTRACE_SPAN),
	};

	(void)known;
	RETURN_IF_BAD(r);
	return oc_machine_add_span(r->m, &span);
}

static int64_t take_sample(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	struct oc_sample sample = {
		.count = value(r, 1, row),
		.value = value(r, 2, row),
		.kind = id_of(r, 3, row, OCTRACE_KIND),
		.process = id_or_none(r, 4, row, OCTRACE_PROCESS),
		.thread = id_or_none(r, 5, row, OCTRACE_THREAD),
		.stack = id_or_none(r, 6, row, OCTRACE_STACK),
		.attrs = id_or_none(r, 7, row, OCTRACE_ATTRS),
		.cpu = (uint32_t)value(r, 8, row),
	};
	uint64_t *totals;
	int rc;

	(void)known;
	RETURN_IF_BAD(r);
	r->time_ns = value(r, 0, row) + (row ? r->time_ns : 0);
	sample.time_ns = r->time_ns;
	r->last_time_ns = MAX(r->last_time_ns, r->time_ns);
	totals = r->totals[sample.kind - 1];
	totals[0]++;
	totals[1] += sample.count;
	totals[2] += sample.value;
	if (oc_machine_kind(r->m, sample.kind)->unit == OC_UNIT_SPAN)
		sample.value = translate(r, OCTRACE_SPAN, sample.value);
	rc = oc_machine_add_sample(r->m, &sample);
	return rc > 0 ? 0 : rc;
}

static int64_t take_layout_node(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	oc_mapping_id mapping = id_of(r, 0, row, OCTRACE_MAPPING);
	uint32_t left = id_or_none(r, 1, row, OCTRACE_LAYOUT_NODE);
	uint32_t right = id_or_none(r, 2, row, OCTRACE_LAYOUT_NODE);

	(void)known;
	RETURN_IF_BAD(r);
	return layout_load_node(r->m, mapping, left, right);
}

static int64_t take_layout_version(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	oc_process_id process = id_or_none(r, 0, row, OCTRACE_PROCESS);
	uint32_t root = id_or_none(r, 2, row, OCTRACE_LAYOUT_NODE);
	struct layout *layout = machine_layout(r->m, process);

	(void)known;
	RETURN_IF_BAD(r);
	if (u64_map_find(&r->layouts, (uint64_t)process + 1))
		return layout_load_version(r->m, layout, root, value(r, 1, row));
	layout_init(layout, root, layout->changed_ns);
	return u64_map_set(&r->layouts, (uint64_t)process + 1, 1);
}

/* ---- ledger ---- */

struct wanted_number {
	uint32_t item;
	uint32_t kind;
	uint64_t value;
};

/* Returns 1 when this is the number and it was set, -EBADMSG when the value cannot be, else 0. */
static int set_number(void *arg, const struct octrace_ledger_number *number)
{
	const struct wanted_number *want = arg;

	if (number->item != want->item || number->kind != want->kind)
		return 0;
	switch (number->type) {
	case 'u':
		*number->at.u64 = want->value;
		return 1;
	case 'd':
		memcpy(number->at.f64, &want->value, sizeof(want->value));
		/* Not a number, and infinities, would end up in JSON, which has no word for them. */
		return *number->at.f64 >= -1e300 && *number->at.f64 <= 1e300 ? 1 : -EBADMSG;
	case 'i':
		*number->at.i32 = (int)(uint32_t)want->value;
		return want->value <= UINT32_MAX ? 1 : -EBADMSG;
	case 'b':
		*number->at.flag = want->value;
		return want->value <= 1 ? 1 : -EBADMSG;
	default:
		*number->at.end = (enum oc_command_end)(want->value & 3);
		return want->value <= OC_COMMAND_SIGNALED ? 1 : -EBADMSG;
	}
}

static int64_t take_number(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	struct wanted_number want = { (uint32_t)value(r, 0, row), (uint32_t)value(r, 1, row),
				      value(r, 2, row) };
	int rc;

	(void)known;
	if (r->chunk.header.rows > LEDGER_ROWS_MAX)
		return -EBADMSG;
	if (!row)
		r->ledger = (struct oc_ledger){ .nr_kinds = r->m->nr_kinds };
	rc = octrace_each_number(&r->ledger, set_number, &want);
	if (!rc)
		return oc_error_set(r->err, -EOPNOTSUPP,
				    "'%s': the ledger at byte %" PRIu64 " holds the unknown item "
				    "%" PRIu32 "; use a newer version",
				    oc_input_name(r->parser.in), r->chunk.offset, want.item);
	return rc < 0 ? rc : 0;
}

static int64_t take_stack_count(struct octrace_reader *r, uint32_t row, uint32_t known)
{
	uint64_t reason = value(r, 1, row);

	(void)known;
	if (reason != OCTRACE_COMPLETE && reason >= OC_STACK_COUNT)
		return -EBADMSG;
	return oc_machine_count_stacks(r->m, (oc_process_id)value(r, 0, row),
				       reason == OCTRACE_COMPLETE ? OC_STACK_COUNT
								  : (enum oc_stack_reason)reason,
				       value(r, 2, row));
}

/* Joins what the file says of a kind with what became of its samples here. */
static void finish_kind(struct oc_ledger_kind *row, const struct oc_ledger_kind *file,
			bool is_partial)
{
	const struct oc_ledger_kind here = *row;

	*row = *file;
	memcpy(row->name, here.name, sizeof(row->name));
	memcpy(row->unit, here.unit, sizeof(row->unit));
	row->period_ns = here.period_ns;
	row->kept = here.kept;
	row->lost[OC_LOSS_HOOK] += here.lost[OC_LOSS_HOOK];
	row->lost[OC_LOSS_MEMORY] += here.lost[OC_LOSS_MEMORY];
	if (!is_partial)
		return;
	/* The account was drawn up some samples before the file ended, or was never closed. */
	row->taken = row->kept + oc_ledger_lost(row);
	row->stacks = row->complete + oc_ledger_incomplete(row);
}

static void finish_ledger(struct octrace_reader *r, bool is_partial)
{
	struct oc_ledger *ledger = &r->m->ledger;
	struct oc_recording_info info = *oc_machine_info(r->m);

	for (uint32_t i = 0; i < ledger->nr_kinds; i++)
		finish_kind(&ledger->kinds[i], &r->ledger.kinds[i], is_partial);
	for (uint32_t i = 0; i < OC_NOTE_COUNT; i++)
		ledger->notes[i] += r->ledger.notes[i];
	ledger->duration_ns = r->ledger.duration_ns;
	ledger->self = r->ledger.self;
	ledger->command = r->ledger.command;
	ledger->exit_code = r->ledger.exit_code;
	if (!is_partial)
		return;
	ledger->notes[OC_NOTE_PARTIAL_INPUT]++;
	if (!info.end_mono_ns && r->last_time_ns) {
		info.end_mono_ns = r->last_time_ns;
		oc_machine_set_info(r->m, &info);
	}
	if (!ledger->duration_ns && info.end_mono_ns > info.start_mono_ns && info.start_mono_ns)
		ledger->duration_ns = info.end_mono_ns - info.start_mono_ns;
}

/* ---- chunks ---- */

typedef int64_t (*take_row)(struct octrace_reader *r, uint32_t row, uint32_t known);

static const take_row takers[OCTRACE_NR_TYPES] = {
	[OCTRACE_INFO] = take_info,
	[OCTRACE_STRING] = take_string,
	[OCTRACE_KIND] = take_kind,
	[OCTRACE_PROCESS] = take_process,
	[OCTRACE_THREAD] = take_thread,
	[OCTRACE_MODULE] = take_module,
	[OCTRACE_MAPPING] = take_mapping,
	[OCTRACE_FUNCTION] = take_function,
	[OCTRACE_LOCATION] = take_location,
	[OCTRACE_LINES] = take_lines,
	[OCTRACE_STACK] = take_stack,
	[OCTRACE_ATTRS] = take_attrs,
	[OCTRACE_LINK] = take_link,
	[OCTRACE_SPAN] = take_span,
	[OCTRACE_SAMPLE] = take_sample,
	[OCTRACE_LAYOUT_NODE] = take_layout_node,
	[OCTRACE_LAYOUT_VERSION] = take_layout_version,
	[OCTRACE_LEDGER] = take_number,
	[OCTRACE_SYMBOL_FILE] = take_symbol_file,
	[OCTRACE_STACK_COUNTS] = take_stack_count,
};

static int bad_row(struct octrace_reader *r, uint32_t row, int rc)
{
	/* What the machine refuses is as wrong as what was refused here. */
	if (rc != -EBADMSG && rc != -EINVAL)
		return rc == -EOPNOTSUPP ? rc
					 : oc_error_set(r->err, rc, "cannot read '%s': %s",
							oc_input_name(r->parser.in), strerror(-rc));
	return oc_error_set(r->err, -EBADMSG,
			    "'%s' is damaged at byte %" PRIu64 ": row %" PRIu32
			    " of the table '%s' holds what cannot be",
			    oc_input_name(r->parser.in), r->chunk.offset, row,
			    octrace_schema(r->chunk.header.type)->name);
}

static int bad_chunk(struct octrace_reader *r, const char *what)
{
	return oc_error_set(r->err, -EBADMSG, "'%s' is damaged at byte %" PRIu64 ": %s",
			    oc_input_name(r->parser.in), r->chunk.offset, what);
}

/* Whether the ids of a chunk's rows follow those that are known, or replace them where they may. */
static bool ids_fit(const struct octrace_chunk_header *h, const struct octrace_schema *schema,
		    const struct id_map *map)
{
	if (!schema->has_ids)
		return !h->first;
	if (!h->first || (uint64_t)h->first + h->rows > UINT32_MAX)
		return false;
	return schema->may_change ? h->first <= map->nr + 1 : h->first == map->nr + 1;
}

static int take_chunk(struct octrace_reader *r)
{
	const struct octrace_chunk_header *h = &r->chunk.header;
	const struct octrace_schema *schema = octrace_schema(h->type);
	struct id_map *map = &r->maps[h->type];

	if (!ids_fit(h, schema, map))
		return bad_chunk(r, "the ids of its rows do not follow those before");
	r->next = 0;
	for (uint32_t row = 0; row < h->rows; row++) {
		size_t at = (size_t)h->first + row - 1;
		bool is_known = schema->has_ids && at < map->nr;
		int64_t id;

		if (schema->has_ids && !is_known &&
		    array_reserve(&map->ids, &map->cap, map->nr + 1, sizeof(*map->ids)))
			return bad_row(r, row, -ENOMEM);
		id = takers[h->type](r, row, is_known ? map->ids[at] : 0);
		if (id < 0)
			return bad_row(r, row, (int)id);
		if (schema->has_ids && !is_known)
			map->ids[map->nr++] = (uint32_t)id;
	}
	if (r->next != h->elements)
		return bad_chunk(r, "some of its elements belong to no row");
	return 0;
}

/* Compares the totals of the END chunk with what was read, and looks for the trailer. 1 = whole, 0 = cut. */
static int take_end(struct octrace_reader *r)
{
	const struct octrace_chunk_header *h = &r->chunk.header;

	if (h->elements != r->m->nr_kinds || (h->rows && h->rows != r->parser.nr_chunks - 1))
		return bad_chunk(r, "chunks or kinds are missing");
	for (uint32_t kind = 0; kind < h->elements; kind++) {
		for (unsigned int i = 0; i < 3; i++) {
			if (octrace_value(&r->chunk, r->chunk.row_columns + i, kind) !=
			    r->totals[kind][i])
				return bad_chunk(r, "its totals are not those of the samples");
		}
	}
	return octrace_check_trailer(&r->parser, r->chunk.offset);
}

/* Returns 1 when the file was whole, 0 when it ends early, or a negative errno value. */
static int take_all(struct octrace_reader *r)
{
	for (;;) {
		int rc = octrace_next_chunk(&r->parser, &r->chunk);

		if (rc <= 0)
			return rc;
		if (r->chunk.header.type == OCTRACE_END)
			return take_end(r);
		rc = take_chunk(r);
		if (rc)
			return rc;
	}
}

static void reader_done(struct octrace_reader *r)
{
	octrace_parser_done(&r->parser);
	for (size_t i = 0; i < OCTRACE_NR_TYPES; i++)
		free(r->maps[i].ids);
	u64_map_done(&r->seen_links);
	u64_map_done(&r->last_links);
	u64_map_done(&r->layouts);
	free(r->attrs);
	free(r);
}

static bool is_empty(const struct oc_machine *m)
{
	return !m->nr_kinds && !m->processes.count && !m->modules.count && !m->mappings.count &&
	       !m->samples.nr_samples;
}

static int read_octrace(const struct oc_input *in, struct oc_machine *m, struct oc_error *err)
{
	struct oc_error own;
	struct octrace_reader *r;
	int rc;

	if (!is_empty(m))
		return oc_error_set(err, -EINVAL, "the machine to read '%s' into is not empty",
				    oc_input_name(in));
	r = calloc(1, sizeof(*r));
	if (!r)
		return oc_error_set(err, -ENOMEM, "out of memory");
	r->m = m;
	r->err = err ? err : &own;
	rc = octrace_parser_init(&r->parser, in, r->err);
	if (!rc)
		rc = take_all(r);
	if (rc >= 0)
		finish_ledger(r, !rc);
	reader_done(r);
	return MIN(rc, 0);
}

const struct oc_reader oc_reader_octrace = {
	.name = "octrace",
	.description = "recordings of record-trace",
	.sniff = octrace_sniff,
	.read = read_octrace,
};
