/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One row per sample, by time, in a Parquet file: for people who ask in SQL.
 * Called through the format table.
 * Must not know how samples were recorded, nor how the file is encoded.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/array.h"
#include "base/macros.h"
#include "export/amount.h"
#include "export/formats/formats_private.h"
#include "export/formats/parquet_file.h"
#include "export/frames.h"
#include "export/sample_order.h"

/* In the order of the schema. */
enum leaf {
	TIME_NS,
	TIME,
	KIND,
	COUNT,
	VALUE,
	UNIT,
	SPAN,
	PID,
	TID,
	COMM,
	THREAD,
	CPU,
	HOST,
	CONTAINER,
	FUNCTION,
	MODULE,
	STACK,
	ATTRIBUTE_KEY,
	ATTRIBUTE_VALUE,
};

/* clang-format off */
static const struct parquet_node schema[] = {
	{ "samples", PARQUET_GROUP, PARQUET_REQUIRED, 18 },
	{ "time_ns", PARQUET_INT64, PARQUET_OPTIONAL, 0 },
	{ "time", PARQUET_TIMESTAMP, PARQUET_OPTIONAL, 0 },
	{ "kind", PARQUET_STRING, PARQUET_REQUIRED, 0 },
	{ "count", PARQUET_UINT64, PARQUET_REQUIRED, 0 },
	{ "value", PARQUET_UINT64, PARQUET_REQUIRED, 0 },
	{ "unit", PARQUET_STRING, PARQUET_REQUIRED, 0 },
	{ "span", PARQUET_STRING, PARQUET_OPTIONAL, 0 },
	{ "pid", PARQUET_UINT32, PARQUET_OPTIONAL, 0 },
	{ "tid", PARQUET_UINT32, PARQUET_OPTIONAL, 0 },
	{ "comm", PARQUET_STRING, PARQUET_OPTIONAL, 0 },
	{ "thread", PARQUET_STRING, PARQUET_OPTIONAL, 0 },
	{ "cpu", PARQUET_UINT32, PARQUET_OPTIONAL, 0 },
	{ "host", PARQUET_STRING, PARQUET_OPTIONAL, 0 },
	{ "container", PARQUET_STRING, PARQUET_OPTIONAL, 0 },
	{ "function", PARQUET_STRING, PARQUET_REQUIRED, 0 },
	{ "module", PARQUET_STRING, PARQUET_OPTIONAL, 0 },
	{ "stack", PARQUET_LIST, PARQUET_REQUIRED, 1 },
	  { "list", PARQUET_GROUP, PARQUET_REPEATED, 1 },
	    { "element", PARQUET_STRING, PARQUET_REQUIRED, 0 },
	{ "attributes", PARQUET_LIST, PARQUET_REQUIRED, 1 },
	  { "list", PARQUET_GROUP, PARQUET_REPEATED, 1 },
	    { "element", PARQUET_GROUP, PARQUET_REQUIRED, 2 },
	      { "key", PARQUET_STRING, PARQUET_REQUIRED, 0 },
	      { "value", PARQUET_STRING, PARQUET_REQUIRED, 0 },
};
/* clang-format on */

/* In front of the names of a stack's frames: how many they are, and the same stack in other columns. */
enum { STACK_NR, STACK_FUNCTION, STACK_MODULE, STACK_HEAD };

struct parquet {
	const struct oc_machine *m;
	const struct oc_recording_info *info;
	struct parquet_file file;
	struct frame_list frames;
	struct frame_places places;
	/* Index + 1 of the name in STACK, and in FUNCTION, by place; 0 = not in this group of rows. */
	uint32_t *in_stack, *in_function;
	/* What the columns have of each stack of this group of rows: its place in `lists`, by stack + 1. */
	struct u32_map list_of;
	uint32_t *lists; /* STACK_HEAD numbers, then the names of the frames */
	size_t nr_lists, lists_cap;
	uint32_t *indices; /* of a list being made: names, or keys and values by turns */
	size_t nr_indices, indices_cap;
	uint32_t *values; /* of the values alone */
	size_t values_cap;
	uint32_t nr_number_texts; /* in the group of rows */
};

/* ---- values ------------------------------------------------------------------------------------------------- */

static void put_id(struct parquet *p, enum leaf leaf, oc_string_id id)
{
	size_t len;
	const char *text = oc_machine_string(p->m, id, &len);

	parquet_put_string(&p->file, leaf, id, text, len);
}

/* Text that is absent when it is empty. */
static void put_id_or_absent(struct parquet *p, enum leaf leaf, oc_string_id id)
{
	if (id)
		put_id(p, leaf, id);
	else
		parquet_put_absent(&p->file, leaf);
}

/* key: tells this text from others of its column. */
static void put_text(struct parquet *p, enum leaf leaf, uint32_t key, const char *text)
{
	parquet_put_string(&p->file, leaf, key, text, strlen(text));
}

static void put_times(struct parquet *p, const struct oc_sample *sample)
{
	uint64_t time = sample->time_ns;

	if (!time) {
		parquet_put_absent(&p->file, TIME_NS);
		parquet_put_absent(&p->file, TIME);
		return;
	}
	parquet_put_number(&p->file, TIME_NS, time);
	if (p->info->start_wall_ns)
		parquet_put_number(&p->file, TIME,
				   time - p->info->start_mono_ns + p->info->start_wall_ns);
	else
		parquet_put_absent(&p->file, TIME);
}

/* The unit is one of few texts that are no strings of the machine; each is told by its number. */
static void put_value(struct parquet *p, const struct oc_sample *sample)
{
	const struct oc_kind *kind = oc_machine_kind(p->m, sample->kind);
	const struct oc_span *span = NULL;

	put_text(p, KIND, sample->kind, kind->name);
	parquet_put_number(&p->file, COUNT, sample->count);
	parquet_put_number(&p->file, VALUE,
			   amount_of(kind, sample->count, sample_value(p->m, sample)));
	put_text(p, UNIT, amount_unit(kind), amount_unit_name(kind));
	if (kind->unit == OC_UNIT_SPAN)
		span = oc_machine_span(p->m, (oc_span_id)sample->value);
	put_id_or_absent(p, SPAN, span ? span->name : 0);
}

static void put_owner(struct parquet *p, const struct oc_sample *sample)
{
	const struct oc_process *process = oc_machine_process(p->m, sample->process);
	const struct oc_thread *thread = oc_machine_thread(p->m, sample->thread);

	if (process)
		parquet_put_number(&p->file, PID, process->pid);
	else
		parquet_put_absent(&p->file, PID);
	if (thread)
		parquet_put_number(&p->file, TID, thread->tid);
	else
		parquet_put_absent(&p->file, TID);
	put_id_or_absent(p, COMM, process ? process->comm : 0);
	put_id_or_absent(p, THREAD, thread ? thread->name : 0);
	if (sample->cpu != UINT32_MAX)
		parquet_put_number(&p->file, CPU, sample->cpu);
	else
		parquet_put_absent(&p->file, CPU);
	put_id_or_absent(p, HOST, p->info->hostname);
	put_id_or_absent(p, CONTAINER, process ? process->container : 0);
}

/* ---- stacks ------------------------------------------------------------------------------------------------- */

/* Keys of the names that are no strings of the machine. */
enum { KEY_NO_STACK = UINT32_MAX - 1, KEY_NO_NAME = UINT32_MAX - 2, KEY_NUMBERS = UINT32_MAX - 3 };

struct name {
	uint32_t key;
	const char *text;
	size_t len;
};

static struct name name_of(const struct parquet *p, const struct frame *frame)
{
	struct name name = { .key = frame->location ? KEY_NO_NAME : KEY_NO_STACK };
	struct code code;
	oc_string_id id = 0;

	if (frame->location)
		id = oc_machine_location_name(p->m, frame->location, frame->line);
	if (id) {
		name.key = id;
		name.text = oc_machine_string(p->m, id, &name.len);
		return name;
	}
	code = code_describe(p->m, code_of(p->m, frame));
	name.text = code.name;
	name.len = code.name_len;
	return name;
}

/* The index of a frame's name in a column; known: the names that are there. */
static uint32_t index_of(struct parquet *p, enum leaf leaf, uint32_t *known,
			 const struct frame *frame)
{
	uint32_t place = place_of(&p->places, frame);
	struct name name;

	if (!known[place]) {
		name = name_of(p, frame);
		known[place] = parquet_intern(&p->file, leaf, name.key, name.text, name.len) + 1;
	}
	return known[place] - 1;
}

static int reserve_indices(struct parquet *p, size_t nr)
{
	return array_reserve(&p->indices, &p->indices_cap, nr, sizeof(*p->indices));
}

/* Index + 1 of the path in MODULE, 0 = absent. */
static uint32_t module_index(struct parquet *p, oc_location_id innermost)
{
	const struct oc_location *location = oc_machine_location(p->m, innermost);
	const struct oc_module *module =
		location ? oc_machine_module(p->m, location->module) : NULL;
	const char *text;
	size_t len;

	if (!module || !module->path)
		return 0;
	text = oc_machine_string(p->m, module->path, &len);
	return parquet_intern(&p->file, MODULE, module->path, text, len) + 1;
}

/* Makes the list of a stack that is new in this group of rows. Its function is the name that other formats give it. */
static int add_list(struct parquet *p, oc_stack_id stack)
{
	struct frame innermost = { 0 };
	uint32_t nr, at = (uint32_t)p->nr_lists, *list;
	const oc_location_id *locations = oc_machine_stack(p->m, stack, &nr);

	p->frames.nr = 0;
	if (nr && frame_list_fill(&p->frames, p->m, stack))
		return -ENOMEM;
	if (array_reserve(&p->lists, &p->lists_cap, p->nr_lists + STACK_HEAD + p->frames.nr,
			  sizeof(*p->lists)) ||
	    u32_map_set(&p->list_of, stack + 1, at))
		return -ENOMEM;
	if (nr)
		innermost.location = locations[0];
	list = p->lists + at;
	list[STACK_NR] = (uint32_t)p->frames.nr;
	list[STACK_FUNCTION] = index_of(p, FUNCTION, p->in_function, &innermost);
	list[STACK_MODULE] = module_index(p, innermost.location);
	for (size_t i = 0; i < p->frames.nr; i++)
		list[STACK_HEAD + i] = index_of(p, STACK, p->in_stack, &p->frames.frames[i]);
	p->nr_lists += STACK_HEAD + p->frames.nr;
	return 0;
}

/* A stack without frames is an empty list. */
static int put_stack(struct parquet *p, oc_stack_id stack)
{
	const uint32_t *list;
	uint32_t at;

	if (!u32_map_get(&p->list_of, stack + 1, &at)) {
		at = (uint32_t)p->nr_lists;
		if (add_list(p, stack))
			return -ENOMEM;
	}
	list = p->lists + at;
	parquet_put_index(&p->file, FUNCTION, list[STACK_FUNCTION]);
	if (list[STACK_MODULE])
		parquet_put_index(&p->file, MODULE, list[STACK_MODULE] - 1);
	else
		parquet_put_absent(&p->file, MODULE);
	parquet_put_list(&p->file, STACK, list + STACK_HEAD, list[STACK_NR]);
	return 0;
}

/* ---- attributes --------------------------------------------------------------------------------------------- */

static int add_attribute(void *arg, const struct oc_attr *attr)
{
	struct parquet *p = arg;
	size_t len;
	const char *text = oc_machine_string(p->m, attr->key, &len);
	uint32_t key = KEY_NUMBERS - p->nr_number_texts;
	char number[24];

	if (reserve_indices(p, p->nr_indices + 2))
		return -ENOMEM;
	p->indices[p->nr_indices++] = parquet_intern(&p->file, ATTRIBUTE_KEY, attr->key, text, len);
	if (attr->type == OC_ATTR_STRING) {
		key = (oc_string_id)attr->value;
		text = oc_machine_string(p->m, key, &len);
	} else {
		p->nr_number_texts++;
		len = (size_t)snprintf(number, sizeof(number), "%" PRIu64, attr->value);
		text = number;
	}
	p->indices[p->nr_indices++] = parquet_intern(&p->file, ATTRIBUTE_VALUE, key, text, len);
	return 0;
}

static int put_attributes(struct parquet *p, oc_attrs_id attrs)
{
	size_t nr;

	p->nr_indices = 0;
	if (attrs && oc_machine_walk_attrs(p->m, attrs, add_attribute, p))
		return -ENOMEM;
	nr = p->nr_indices / 2;
	if (array_reserve(&p->values, &p->values_cap, nr, sizeof(*p->values)))
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		p->values[i] = p->indices[2 * i + 1];
		p->indices[i] = p->indices[2 * i];
	}
	parquet_put_list(&p->file, ATTRIBUTE_KEY, p->indices, nr);
	parquet_put_list(&p->file, ATTRIBUTE_VALUE, p->values, nr);
	return 0;
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

static int write_sample(void *arg, const struct oc_sample *sample)
{
	struct parquet *p = arg;

	if (!p->file.rows_in_group) {
		memset(p->in_stack, 0, ((size_t)p->places.nr + 1) * sizeof(*p->in_stack));
		memset(p->in_function, 0, ((size_t)p->places.nr + 1) * sizeof(*p->in_function));
		u32_map_clear(&p->list_of);
		p->nr_lists = 0;
		p->nr_number_texts = 0;
	}
	put_times(p, sample);
	put_value(p, sample);
	put_owner(p, sample);
	if (put_stack(p, sample->stack) || put_attributes(p, sample->attrs))
		return -ENOMEM;
	return parquet_end_row(&p->file);
}

#define FACTS_MAX (8 + OC_KINDS_MAX * (2 + OC_LOSS_COUNT))

/* What is said of the whole, as pairs: the recording, and what became of its samples. */
struct facts {
	const char *keys[FACTS_MAX], *values[FACTS_MAX];
	uint32_t nr;
	struct buffer texts; /* of the ledger: key and value by turns, each with its NUL */
};

static void add_fact(struct facts *facts, const char *key, const char *value)
{
	if (!*value)
		return;
	facts->keys[facts->nr] = key;
	facts->values[facts->nr++] = value;
}

static void add_number(struct facts *facts, const char *kind, const char *what, uint64_t value)
{
	buffer_printf(&facts->texts, "onecollect.%s.%s%c%" PRIu64 "%c", kind, what, 0, value, 0);
}

static void add_ledger(struct facts *facts, const struct oc_ledger *ledger)
{
	char lost[64];

	for (uint32_t i = 0; i < ledger->nr_kinds; i++) {
		const struct oc_ledger_kind *kind = &ledger->kinds[i];

		add_number(facts, kind->name, "taken", kind->taken);
		add_number(facts, kind->name, "kept", kind->kept);
		for (int k = 0; k < OC_LOSS_COUNT; k++) {
			snprintf(lost, sizeof(lost), "lost.%s", oc_loss_name((enum oc_loss)k));
			if (kind->lost[k])
				add_number(facts, kind->name, lost, kind->lost[k]);
		}
	}
	for (size_t at = 0; !facts->texts.error && at < facts->texts.len;) {
		const char *key = facts->texts.data + at, *value = key + strlen(key) + 1;

		add_fact(facts, key, value);
		at = (size_t)(value + strlen(value) + 1 - facts->texts.data);
	}
}

static int finish(struct parquet *p)
{
	struct facts *facts = calloc(1, sizeof(*facts));
	int rc = -ENOMEM;

	if (!facts)
		return rc;
	add_fact(facts, "onecollect.tool", oc_machine_string(p->m, p->info->tool, NULL));
	add_fact(facts, "onecollect.host", oc_machine_string(p->m, p->info->hostname, NULL));
	add_fact(facts, "onecollect.os", oc_machine_string(p->m, p->info->os, NULL));
	add_fact(facts, "onecollect.command", oc_machine_string(p->m, p->info->command, NULL));
	add_ledger(facts, oc_machine_ledger_const(p->m));
	if (!facts->texts.error)
		rc = parquet_file_finish(&p->file, facts->keys, facts->values, facts->nr);
	buffer_done(&facts->texts);
	free(facts);
	return rc;
}

static int write_parquet(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	struct parquet *p = calloc(1, sizeof(*p));
	struct sample_order order = { .fn = write_sample, .arg = p };
	int rc;

	(void)err; /* nothing fails but memory and the output */
	if (!p)
		return -ENOMEM;
	p->m = m;
	p->info = oc_machine_info(m);
	parquet_file_init(&p->file, out, schema, ARRAY_SIZE(schema));
	rc = p->file.error ? p->file.error : frame_places_init(&p->places, m);
	if (!rc) {
		p->in_stack = calloc((size_t)p->places.nr + 1, sizeof(*p->in_stack));
		p->in_function = calloc((size_t)p->places.nr + 1, sizeof(*p->in_function));
		rc = p->in_stack && p->in_function ? samples_by_time(m, &order) : -ENOMEM;
	}
	if (!rc)
		rc = finish(p);
	parquet_file_done(&p->file);
	free(p->frames.frames);
	free(p->places.first);
	free(p->in_stack);
	free(p->in_function);
	u32_map_done(&p->list_of);
	free(p->lists);
	free(p->indices);
	free(p->values);
	free(p);
	return rc;
}

const struct oc_format oc_format_parquet = {
	.name = "parquet",
	.description = "one row per sample, for DuckDB and all that speaks SQL",
	.extensions = (const char *const[]){ ".parquet", NULL },
	.write = write_parquet,
};
