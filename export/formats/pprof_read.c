/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading pprof profiles: the rows of a parsed profile become those of a machine.
 * Called through the table of input formats.
 * Must not know how messages are packed (pprof_parse.c).
 *
 * A profile has columns of values; a kind has samples with a count and an amount. A column that counts samples or
 * events and the column behind it, as pprof.c and most CPU profilers write them, are one kind. Any other column is one
 * of its own, whose counts are the values, so that trees and shares are of what was measured.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/macros.h"
#include "base/text.h"
#include "export/formats/gunzip.h"
#include "export/formats/pprof_parse.h"
#include "export/formats/readers_private.h"
#include "export/named.h"

/* Comments that are no facts of ours are kept as part of the recorder's name, so much of them. */
#define COMMENTS_BYTES_MAX 4096

/* What the columns of the file become. */
struct column_kind {
	oc_kind_id kind;
	int count_column; /* -1 = none */
	int value_column;
	uint64_t scale; /* of values, to the kind's unit */
	enum oc_unit unit;
	uint64_t period_ns;
	bool is_exact; /* every value is its count times the period */
	uint64_t total;
	char name[sizeof(((struct oc_kind *)0)->name)];
};

struct process_key {
	uint32_t pid;
	oc_string_id comm;
	oc_string_id container;
	uint32_t ns_pid;
};

struct pprof_reader {
	struct pprof_profile profile;
	struct pprof_sample sample;
	const struct oc_input *in;
	struct oc_machine *m;
	struct oc_error *err;
	struct buffer data;
	bool is_cut;
	oc_string_id *texts; /* interned, by index; 0 = not yet */
	oc_location_id *locations;
	oc_module_id *modules; /* by mapping row; 0 = not yet */
	oc_mapping_id *mappings;
	struct column_kind kinds[PPROF_TYPES_MAX];
	size_t nr_kinds;
	uint64_t nr_truncated[PPROF_TYPES_MAX];
	struct process_key *process_keys;
	oc_process_id *processes; /* by number of the key, which counts from 1 */
	size_t process_keys_cap, processes_cap;
	struct id_table process_ids;
	struct oc_attr *attrs; /* of the sample at hand */
	size_t nr_attrs, attrs_cap;
	oc_location_id *stack;
	size_t stack_cap;
};

static bool text_is(const struct pprof_reader *r, uint32_t index, const char *word)
{
	const struct pprof_text *text = &r->profile.texts[index];

	return text->len == strlen(word) && !memcmp(text->text, word, text->len);
}

static int64_t string_of(struct pprof_reader *r, uint32_t index)
{
	int64_t id;

	if (!index || r->texts[index])
		return r->texts[index];
	id = oc_machine_intern(r->m, r->profile.texts[index].text, r->profile.texts[index].len);
	if (id > 0)
		r->texts[index] = (oc_string_id)id;
	return id;
}

/* ---- kinds ---- */

static const struct {
	const char *name;
	enum oc_unit unit;
	uint64_t scale;
} units[] = {
	{ "nanoseconds", OC_UNIT_NANOSECONDS, 1 },
	{ "microseconds", OC_UNIT_NANOSECONDS, 1000 },
	{ "milliseconds", OC_UNIT_NANOSECONDS, 1000000 },
	{ "seconds", OC_UNIT_NANOSECONDS, 1000000000 },
	{ "bytes", OC_UNIT_BYTES, 1 },
	{ "kilobytes", OC_UNIT_BYTES, 1 << 10 },
	{ "megabytes", OC_UNIT_BYTES, 1 << 20 },
	{ "cycles", OC_UNIT_CYCLES, 1 },
};

static void set_unit(const struct pprof_reader *r, struct column_kind *kind, uint32_t unit)
{
	kind->unit = OC_UNIT_COUNT;
	kind->scale = 1;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (!text_is(r, unit, units[i].name))
			continue;
		kind->unit = units[i].unit;
		kind->scale = units[i].scale;
	}
}

/* Whether column i counts what column i + 1 measures: "samples" of "cpu", "off_cpu_events" of "off_cpu". */
static bool is_pair(const struct pprof_reader *r, size_t i)
{
	static const char *const words[] = { "samples", "events", "contentions" };
	const struct pprof_profile *p = &r->profile;
	const struct pprof_text *count, *value;

	if (i + 1 >= p->nr_types || !text_is(r, p->types[i].unit, "count"))
		return false;
	count = &p->texts[p->types[i].type];
	value = &p->texts[p->types[i + 1].type];
	for (size_t w = 0; w < ARRAY_SIZE(words); w++) {
		size_t len = strlen(words[w]);

		if (text_is(r, p->types[i].type, words[w]))
			return true;
		if (count->len == value->len + 1 + len &&
		    !memcmp(count->text, value->text, value->len) &&
		    count->text[value->len] == '_' &&
		    !memcmp(count->text + value->len + 1, words[w], len))
			return true;
	}
	return false;
}

/* Names of kinds are short and distinct. */
static void name_kind(struct pprof_reader *r, struct column_kind *kind, const char *text)
{
	size_t len = text_whole_characters(text, strlen(text), sizeof(kind->name) - 1);

	snprintf(kind->name, sizeof(kind->name), "%.*s", (int)len, len ? text : "");
	if (!len)
		snprintf(kind->name, sizeof(kind->name), "samples");
	for (size_t i = 0, nr = 2; i < r->nr_kinds; i++) {
		char number[16];

		if (strcmp(r->kinds[i].name, kind->name))
			continue;
		snprintf(number, sizeof(number), "#%zu", nr++);
		len = text_whole_characters(kind->name, strlen(kind->name),
					    sizeof(kind->name) - 1 - strlen(number));
		snprintf(kind->name + len, sizeof(kind->name) - len, "%s", number);
		i = SIZE_MAX; /* from the start */
	}
}

static int plan_kind(struct pprof_reader *r, size_t column, bool is_paired)
{
	const struct pprof_profile *p = &r->profile;
	const struct pprof_type *type = &p->types[column + is_paired];
	struct column_kind kind = { .count_column = is_paired ? (int)column : -1,
				    .value_column = (int)(column + is_paired),
				    .is_exact = is_paired };
	int64_t name = string_of(r, type->type);

	if (name < 0)
		return (int)name;
	set_unit(r, &kind, type->unit);
	name_kind(r, &kind, oc_machine_string(r->m, (oc_string_id)name, NULL));
	if (kind.unit == OC_UNIT_NANOSECONDS && p->period_type.type == type->type &&
	    p->period_type.unit == type->unit && p->period <= INT64_MAX / kind.scale)
		kind.period_ns = p->period * kind.scale;
	kind.is_exact &= kind.period_ns != 0;
	r->kinds[r->nr_kinds++] = kind;
	return 0;
}

static int plan_kinds(struct pprof_reader *r)
{
	const struct pprof_profile *p = &r->profile;
	int rc = 0;

	for (size_t i = 0; i < p->nr_types && !rc; i++) {
		bool is_paired = is_pair(r, i);

		rc = plan_kind(r, i, is_paired);
		i += is_paired;
	}
	if (!rc && r->nr_kinds > OC_KINDS_MAX)
		rc = oc_error_set(r->err, -EFBIG, "'%s' has %zu types of samples; %d can be read",
				  oc_input_name(r->in), r->nr_kinds, OC_KINDS_MAX);
	return rc;
}

/* The kind that viewers show first: the one that is said to be, else, as pprof has it, that of the last column. */
static size_t default_kind(const struct pprof_reader *r)
{
	const struct pprof_profile *p = &r->profile;

	for (size_t i = 0; p->default_type && i < r->nr_kinds; i++) {
		const struct column_kind *kind = &r->kinds[i];

		if (p->types[kind->value_column].type == p->default_type ||
		    (kind->count_column >= 0 &&
		     p->types[kind->count_column].type == p->default_type))
			return i;
	}
	return r->nr_kinds - 1;
}

static int add_kinds(struct pprof_reader *r)
{
	size_t first = default_kind(r);

	for (size_t i = 0; i < r->nr_kinds; i++) {
		size_t at = !i ? first : i <= first ? i - 1 : i;
		struct column_kind *from = &r->kinds[at];
		struct oc_kind kind = { .unit = from->unit, .period_ns = from->period_ns };
		int64_t id;

		/* As recordings have it: time that is counted in periods needs no amount of its own. */
		if (from->is_exact)
			kind.unit = OC_UNIT_COUNT;
		memcpy(kind.name, from->name, sizeof(kind.name));
		id = oc_machine_add_kind(r->m, &kind);
		if (id < 0)
			return oc_error_set(r->err, (int)id, "the machine takes no more kinds");
		from->kind = (oc_kind_id)id;
	}
	return 0;
}

/* Finds out which kinds count time in periods. */
static void check_exact(struct pprof_reader *r)
{
	for (size_t i = 0; i < r->nr_kinds; i++) {
		struct column_kind *kind = &r->kinds[i];
		int64_t count = kind->is_exact ? r->sample.values[kind->count_column] : 0;
		int64_t value = kind->is_exact ? r->sample.values[kind->value_column] : 0;
		int64_t ns, expected;

		kind->is_exact &=
			!__builtin_mul_overflow(value, (int64_t)kind->scale, &ns) &&
			!__builtin_mul_overflow(count, (int64_t)kind->period_ns, &expected) &&
			ns == expected;
	}
}

/* ---- processes and threads ---- */

/* The number of a label, which writers that cannot tell 0 from nothing write as text. False when it is none. */
static bool label_number(const struct pprof_reader *r, const struct pprof_label *label,
			 uint32_t *ret_number)
{
	const struct pprof_text *text = &r->profile.texts[label->text];
	char digits[16];
	uint64_t value;

	if (!label->text) {
		*ret_number = (uint32_t)label->number;
		return label->number >= 0 && label->number <= UINT32_MAX;
	}
	if (!text->len || text->len >= sizeof(digits))
		return false;
	snprintf(digits, sizeof(digits), "%.*s", (int)text->len, text->text);
	if (text_parse_u64(digits, 10, UINT32_MAX, &value))
		return false;
	*ret_number = (uint32_t)value;
	return true;
}

static bool process_key_equal(const void *owner, uint32_t id, const void *wanted)
{
	return !memcmp((const struct process_key *)owner + id - 1, wanted,
		       sizeof(struct process_key));
}

static int64_t process_of(struct pprof_reader *r, const struct process_key *key)
{
	uint64_t hash = hash_bytes(key, sizeof(*key));
	uint32_t known =
		id_table_find(&r->process_ids, hash, process_key_equal, r->process_keys, key);
	const struct oc_process facts = { .ns_pid = key->ns_pid };
	size_t nr = r->process_ids.count;
	int64_t id;

	if (known)
		return r->processes[known - 1];
	if (array_reserve(&r->process_keys, &r->process_keys_cap, nr + 1, sizeof(*key)) ||
	    array_reserve(&r->processes, &r->processes_cap, nr + 1, sizeof(*r->processes)) ||
	    id_table_add(&r->process_ids, hash, (uint32_t)nr + 1))
		return -ENOMEM;
	id = named_process(r->m, key->pid, key->comm, key->container);
	if (id < 0)
		return id;
	r->process_keys[nr] = *key;
	r->processes[nr] = (oc_process_id)id;
	return oc_machine_process_set(r->m, (oc_process_id)id, &facts) ? -ENOMEM : id;
}

/* What the labels of a sample say of where it ran; labels that say other things become attributes. */
struct label_facts {
	struct process_key process;
	bool has_process, has_tid;
	uint32_t tid, ns_tid;
	uint32_t thread_name; /* index of the text */
};

/* Takes a label that says where the sample ran. Returns 1, 0 for another label, or -ENOMEM. */
static int take_fact(struct pprof_reader *r, const struct pprof_label *label,
		     struct label_facts *facts)
{
	int64_t text = 0;

	if (text_is(r, label->key, "pid"))
		return facts->has_process |= label_number(r, label, &facts->process.pid);
	if (text_is(r, label->key, "ns_pid"))
		return label_number(r, label, &facts->process.ns_pid);
	if (text_is(r, label->key, "tid"))
		return facts->has_tid = label_number(r, label, &facts->tid);
	if (text_is(r, label->key, "ns_tid"))
		return label_number(r, label, &facts->ns_tid);
	if (!label->text)
		return 0;
	if (text_is(r, label->key, "thread_name")) {
		facts->thread_name = label->text;
		return 1;
	}
	if (text_is(r, label->key, "comm")) {
		text = string_of(r, label->text);
		facts->process.comm = (oc_string_id)text;
	} else if (text_is(r, label->key, "container_id")) {
		text = string_of(r, label->text);
		facts->process.container = (oc_string_id)text;
	}
	facts->has_process |= text > 0;
	return text < 0 ? (int)text : text > 0;
}

/* "key", or "key (unit)" where the unit says something. */
static int64_t key_of(struct pprof_reader *r, const struct pprof_label *label)
{
	struct buffer text = BUFFER_INIT;
	const struct pprof_text *key = &r->profile.texts[label->key];
	const struct pprof_text *unit = &r->profile.texts[label->unit];
	int64_t id;

	if (label->text || !unit->len || text_is(r, label->key, "bytes") ||
	    (unit->len == key->len && !memcmp(unit->text, key->text, key->len)))
		return string_of(r, label->key);
	buffer_append(&text, key->text, key->len);
	buffer_puts(&text, " (");
	buffer_append(&text, unit->text, unit->len);
	buffer_putc(&text, ')');
	id = text.error ? text.error : oc_machine_intern(r->m, text.data, text.len);
	buffer_done(&text);
	return id;
}

static int add_attr(struct pprof_reader *r, const struct pprof_label *label)
{
	struct oc_attr attr = { .type = OC_ATTR_NUMBER, .value = (uint64_t)label->number };
	int64_t key = key_of(r, label), text = 0;
	char number[32];

	if (label->text) {
		text = string_of(r, label->text);
	} else if (label->number < 0) {
		snprintf(number, sizeof(number), "%" PRId64, label->number);
		text = oc_machine_intern(r->m, number, strlen(number));
	}
	if (key < 0 || text < 0)
		return -ENOMEM;
	if (array_reserve(&r->attrs, &r->attrs_cap, r->nr_attrs + 1, sizeof(*r->attrs)))
		return -ENOMEM;
	attr.key = (oc_string_id)key;
	if (text) {
		attr.type = OC_ATTR_STRING;
		attr.value = (uint64_t)text;
	}
	r->attrs[r->nr_attrs++] = attr;
	return 0;
}

/* A thread bears one name; other names of it become attributes of their samples. */
static int set_thread(struct pprof_reader *r, const struct label_facts *facts,
		      struct oc_sample *sample)
{
	const struct pprof_label name = { .text = facts->thread_name };
	int64_t id = facts->has_tid ? oc_machine_add_thread(r->m, sample->process, facts->tid) : 0;
	int64_t text = string_of(r, facts->thread_name);
	int64_t key = oc_machine_intern(r->m, "thread_name", strlen("thread_name"));
	struct oc_thread *thread;
	int rc;

	if (id < 0 || text < 0 || key < 0)
		return -ENOMEM;
	sample->thread = (oc_thread_id)id;
	thread = stable_array_by_id(&r->m->threads, sample->thread);
	if (thread && !thread->name)
		thread->name = (oc_string_id)text;
	if (thread && facts->ns_tid)
		thread->ns_tid = facts->ns_tid;
	if (!text || (thread && thread->name == text))
		return 0;
	rc = add_attr(r, &name);
	if (!rc)
		r->attrs[r->nr_attrs - 1].key = (oc_string_id)key;
	return rc;
}

/* Fills in process, thread and attributes of a sample. */
static int apply_labels(struct pprof_reader *r, struct oc_sample *sample)
{
	struct label_facts facts = { 0 };
	int64_t id = 0;
	int rc = 0;

	r->nr_attrs = 0;
	for (size_t i = 0; i < r->sample.nr_labels; i++) {
		rc = take_fact(r, &r->sample.labels[i], &facts);
		if (!rc)
			rc = add_attr(r, &r->sample.labels[i]);
		if (rc < 0)
			return rc;
	}
	/* Threads need a process, if one that nothing is known of. */
	if (facts.has_process || facts.has_tid)
		id = process_of(r, &facts.process);
	if (id < 0)
		return (int)id;
	sample->process = (oc_process_id)id;
	rc = set_thread(r, &facts, sample);
	if (rc)
		return rc;
	id = oc_machine_intern_attrs(r->m, r->attrs, r->nr_attrs, 0);
	sample->attrs = id > 0 ? (oc_attrs_id)id : 0;
	return (int)MIN(id, 0);
}

/* ---- code ---- */

static bool begins_with(const struct pprof_text *text, const char *word)
{
	return text->len >= strlen(word) && !memcmp(text->text, word, strlen(word));
}

static bool ends_with(const struct pprof_text *text, const char *word)
{
	size_t len = strlen(word);

	return text->len >= len && !memcmp(text->text + text->len - len, word, len);
}

static enum oc_module_type module_type(const struct pprof_text *file)
{
	if (begins_with(file, "[kernel") || ends_with(file, ".ko") || ends_with(file, ".ko.xz") ||
	    ends_with(file, ".ko.zst") || ends_with(file, ".ko.gz"))
		return OC_MODULE_KERNEL;
	if (begins_with(file, "[vdso]"))
		return OC_MODULE_VDSO;
	if (begins_with(file, "[anon") || begins_with(file, "//anon"))
		return OC_MODULE_ANON;
	return file->len ? OC_MODULE_FILE : OC_MODULE_UNKNOWN;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* GNU build-ids are hexadecimal; what others write there (Go's is a path) cannot be kept. */
static void set_build_id(struct oc_module *module, const struct pprof_text *hex)
{
	uint8_t bytes[OC_BUILD_ID_MAX];

	if (!hex->len || hex->len % 2 || hex->len / 2 > sizeof(bytes))
		return;
	for (size_t i = 0; i < hex->len / 2; i++) {
		int high = hex_digit(hex->text[2 * i]), low = hex_digit(hex->text[2 * i + 1]);

		if (high < 0 || low < 0)
			return;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(module->build_id, bytes, hex->len / 2);
	module->build_id_size = (uint8_t)(hex->len / 2);
}

static int64_t make_module(struct pprof_reader *r, const struct pprof_mapping *mapping)
{
	const struct pprof_text *file = &r->profile.texts[mapping->file];
	struct oc_module module = { .type = module_type(file) };
	int64_t path = string_of(r, mapping->file);

	if (path < 0)
		return path;
	if (module.type == OC_MODULE_UNKNOWN || module.type == OC_MODULE_ANON ||
	    (module.type == OC_MODULE_KERNEL && file->text[0] == '['))
		return named_module(r->m, module.type);
	module.path = (oc_string_id)path;
	set_build_id(&module, &r->profile.texts[mapping->build_id]);
	return oc_machine_add_module(r->m, &module);
}

/* Module and mapping of a row, made when first asked for. */
static int place_mapping(struct pprof_reader *r, uint64_t row)
{
	const struct pprof_mapping *from = &r->profile.mappings[row - 1];
	struct oc_mapping mapping = {
		.start = from->start,
		.end = from->limit,
		.file_offset = from->file_offset,
		.until_ns = UINT64_MAX,
	};
	int64_t id;

	if (r->modules[row])
		return 0;
	id = make_module(r, from);
	if (id < 0)
		return (int)id;
	mapping.module = (oc_module_id)id;
	/* Whose mapping it is the profile does not say, and those of several processes overlap: no layout knows of it. */
	if (from->start < from->limit &&
	    oc_machine_module(r->m, mapping.module)->type != OC_MODULE_UNKNOWN) {
		id = mapping_append(r->m, &mapping);
		if (id < 0)
			return (int)id;
		r->mappings[row] = (oc_mapping_id)id;
	}
	r->modules[row] = mapping.module;
	return 0;
}

static int64_t make_function(struct pprof_reader *r, uint64_t row, oc_module_id module)
{
	const struct pprof_function *from = &r->profile.functions[row - 1];
	int64_t name = string_of(r, from->name), system_name = string_of(r, from->system_name);
	int64_t file = string_of(r, from->file);
	struct oc_function function = { .start_line = from->start_line, .module = module };

	if (name < 0 || system_name < 0 || file < 0)
		return -ENOMEM;
	function.name = (oc_string_id)name;
	/* Ours say the name twice where the symbol table's is not known. */
	function.system_name = system_name == name ? 0 : (oc_string_id)system_name;
	function.file = (oc_string_id)file;
	return oc_machine_add_function(r->m, &function);
}

/* Where a location lies. The mapping is left out where the address is not inside. */
static int place_location(struct pprof_reader *r, const struct pprof_location *from,
			  struct oc_location *ret_at)
{
	struct oc_location at = { .address = from->address, .offset = from->address };
	const struct pprof_mapping *mapping;
	const struct oc_module *module;
	int64_t id;
	int rc;

	if (!from->mapping) {
		id = named_module(r->m, OC_MODULE_UNKNOWN);
		at.module = (oc_module_id)id;
		*ret_at = at;
		return (int)MIN(id, 0);
	}
	rc = place_mapping(r, from->mapping);
	if (rc)
		return rc;
	mapping = &r->profile.mappings[from->mapping - 1];
	at.module = r->modules[from->mapping];
	module = oc_machine_module(r->m, at.module);
	if (at.address >= mapping->start && at.address < mapping->limit) {
		at.mapping = r->mappings[from->mapping];
		if (module->type == OC_MODULE_FILE || module->type == OC_MODULE_VDSO)
			at.offset = mapping->file_offset + (at.address - mapping->start);
	}
	*ret_at = at;
	return 0;
}

static int64_t make_location(struct pprof_reader *r, const struct pprof_location *from)
{
	struct oc_line lines[PPROF_LINES_MAX + 1];
	struct oc_location at;
	uint32_t nr = from->nr_lines;
	int rc = place_location(r, from, &at);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < nr; i++) {
		const struct pprof_line *line = &r->profile.lines[from->first_line + i];
		int64_t id = make_function(r, line->function, at.module);

		if (id < 0)
			return id;
		lines[i] = (struct oc_line){ (oc_function_id)id, line->line };
	}
	if (!nr && !at.address) {
		int64_t name = oc_machine_intern(r->m, "[unknown]", strlen("[unknown]"));
		struct oc_function function = { .name = (oc_string_id)name, .module = at.module };
		int64_t id = name < 0 ? name : oc_machine_add_function(r->m, &function);

		if (id < 0)
			return id;
		lines[nr++] = (struct oc_line){ .function = (oc_function_id)id };
	}
	return named_location(r->m, &at, lines, nr);
}

static int64_t location_of(struct pprof_reader *r, uint64_t row)
{
	int64_t id = r->locations[row];

	if (id)
		return id;
	id = make_location(r, &r->profile.locations[row - 1]);
	if (id > 0)
		r->locations[row] = (oc_location_id)id;
	return id;
}

/* What stands for the absence of a stack in our own files becomes that again. */
static bool is_no_stack(const struct pprof_reader *r)
{
	const struct pprof_location *l;

	if (r->sample.nr_locations != 1)
		return r->sample.nr_locations == 0;
	l = &r->profile.locations[r->sample.locations[0] - 1];
	return l->nr_lines == 1 && !l->address && !l->mapping &&
	       text_is(r, r->profile.functions[r->profile.lines[l->first_line].function - 1].name,
		       "[no stack]");
}

/* The stack of the sample at hand, without the outermost frames of one that is too deep. */
static int64_t stack_of(struct pprof_reader *r)
{
	size_t nr = MIN(r->sample.nr_locations, (size_t)OC_STACK_FRAMES_MAX);

	if (is_no_stack(r))
		return 0;
	if (array_reserve(&r->stack, &r->stack_cap, nr, sizeof(*r->stack)))
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		int64_t id = location_of(r, r->sample.locations[i]);

		if (id < 0)
			return id;
		r->stack[i] = (oc_location_id)id;
	}
	return stack_intern(r->m, r->stack, (uint32_t)nr);
}

/* ---- samples ---- */

static int bad_sample(struct pprof_reader *r, size_t i, int rc)
{
	const char *name = oc_input_name(r->in);

	if (rc == -ENOMEM || rc == -ENOSPC || rc == -EIO)
		return oc_error_set(r->err, rc, "cannot read '%s': %s", name, strerror(-rc));
	if (rc == -ERANGE)
		return oc_error_set(r->err, -EOPNOTSUPP,
				    "sample %zu of '%s' has a negative value, as the difference "
				    "of two profiles has; give the two profiles themselves",
				    i, name);
	if (rc == -EFBIG)
		return oc_error_set(r->err, rc,
				    "the values of '%s' add up to more than any recording", name);
	return oc_error_set(r->err, -EBADMSG, "sample %zu of '%s' is damaged", i, name);
}

static int add_sample(struct pprof_reader *r, struct column_kind *kind, struct oc_sample *sample)
{
	int64_t value = r->sample.values[kind->value_column];
	int64_t count = kind->count_column >= 0 ? r->sample.values[kind->count_column] : 0;
	int rc;

	if (value < 0 || count < 0)
		return -ERANGE;
	if (!value && !count)
		return 0;
	if (__builtin_mul_overflow((uint64_t)value, kind->scale, &sample->value))
		return -EFBIG;
	if (kind->count_column < 0)
		count = kind->period_ns ? (int64_t)(sample->value / kind->period_ns)
					: (int64_t)MIN(sample->value, (uint64_t)INT64_MAX);
	/* There is no amount without anything that had it. */
	sample->count = MAX((uint64_t)count, 1);
	sample->kind = kind->kind;
	if (__builtin_add_overflow(kind->total, MAX(sample->count, sample->value), &kind->total) ||
	    kind->total > INT64_MAX)
		return -EFBIG;
	if (r->sample.nr_locations > OC_STACK_FRAMES_MAX)
		r->nr_truncated[kind - r->kinds] += sample->count;
	rc = oc_machine_add_sample(r->m, sample);
	return MIN(rc, 0);
}

static int take_sample(struct pprof_reader *r)
{
	struct oc_sample sample = { .cpu = UINT32_MAX };
	int64_t stack = stack_of(r);
	int rc = stack < 0 ? (int)stack : apply_labels(r, &sample);

	if (rc)
		return rc;
	sample.stack = (oc_stack_id)stack;
	for (size_t i = 0; i < r->nr_kinds && !rc; i++)
		rc = add_sample(r, &r->kinds[i], &sample);
	return rc;
}

/* Once to see what the columns hold, once to make samples of them. */
static int take_samples(struct pprof_reader *r)
{
	size_t nr = r->profile.nr_samples;
	int rc = 0;

	for (size_t i = 0; i < nr; i++) {
		rc = pprof_parse_sample(&r->profile, i, &r->sample);
		if (rc)
			return bad_sample(r, i, rc);
		check_exact(r);
	}
	rc = add_kinds(r);
	if (rc)
		return rc;
	for (size_t i = 0; i < nr; i++) {
		rc = pprof_parse_sample(&r->profile, i, &r->sample);
		if (!rc)
			rc = take_sample(r);
		if (rc)
			return bad_sample(r, i, rc);
	}
	return 0;
}

/* ---- about the recording ---- */

/* Takes a comment that pprof.c writes for a fact. False for any other. */
static bool take_own_comment(struct pprof_reader *r, const struct pprof_text *text,
			     struct oc_recording_info *info)
{
	const struct {
		const char *word;
		oc_string_id *fact;
	} facts[] = {
		{ "recorded by: ", &info->tool },
		{ "host: ", &info->hostname },
		{ "os: ", &info->os },
		{ "command: ", &info->command },
	};

	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		size_t len = strlen(facts[i].word);
		int64_t id;

		if (!begins_with(text, facts[i].word) || *facts[i].fact)
			continue;
		id = oc_machine_intern(r->m, text->text + len, text->len - len);
		*facts[i].fact = id > 0 ? (oc_string_id)id : 0;
		return true;
	}
	return false;
}

static void put_comment(struct buffer *out, const struct pprof_text *text)
{
	if (out->len < COMMENTS_BYTES_MAX) {
		buffer_puts(out, out->len ? "; " : "");
		buffer_append(out, text->text, MIN(text->len, COMMENTS_BYTES_MAX - out->len));
	}
}

/* Comments of other writers, behind each other, stand where the recorder is named. Ours are facts and the summary. */
static int set_info(struct pprof_reader *r)
{
	const struct pprof_profile *p = &r->profile;
	struct oc_recording_info info = { .aggregated = true, .start_wall_ns = p->time_ns };
	struct buffer others = BUFFER_INIT;
	int64_t id = 0;

	for (size_t i = 0; i < p->nr_comments; i++) {
		const struct pprof_text *text = &p->texts[p->comments[i]];

		if (!take_own_comment(r, text, &info))
			put_comment(&others, text);
	}
	if (p->doc_url)
		put_comment(&others, &p->texts[p->doc_url]);
	if (!info.tool && others.len && !others.error)
		id = oc_machine_intern(r->m, others.data, others.len);
	if (id > 0)
		info.tool = (oc_string_id)id;
	info.end_mono_ns = p->duration_ns <= INT64_MAX ? p->duration_ns : 0;
	if (!others.error && id >= 0)
		oc_machine_set_info(r->m, &info);
	id = others.error ? others.error : MIN(id, 0);
	buffer_done(&others);
	return (int)id;
}

static void finish(struct pprof_reader *r)
{
	struct oc_ledger *ledger = oc_machine_ledger(r->m);

	ledger->duration_ns = oc_machine_info(r->m)->end_mono_ns;
	for (size_t i = 0; i < r->nr_kinds; i++) {
		struct oc_ledger_kind *row = &ledger->kinds[r->kinds[i].kind - 1];

		row->taken = row->kept + oc_ledger_lost(row);
		row->stacks = r->nr_truncated[i];
		row->incomplete[OC_STACK_TRUNCATED] = r->nr_truncated[i];
	}
	ledger->notes[OC_NOTE_FRAME_FILTERS_IGNORED] +=
		(uint64_t)(r->profile.drop_frames != 0) + (r->profile.keep_frames != 0);
}

/* ---- life ---- */

static int reader_init(struct pprof_reader *r)
{
	const struct pprof_profile *p = &r->profile;

	r->texts = calloc(p->nr_texts + 1, sizeof(*r->texts));
	r->locations = calloc(p->nr_locations + 1, sizeof(*r->locations));
	r->modules = calloc(p->nr_mappings + 1, sizeof(*r->modules));
	r->mappings = calloc(p->nr_mappings + 1, sizeof(*r->mappings));
	if (!r->texts || !r->locations || !r->modules || !r->mappings)
		return oc_error_set(r->err, -ENOMEM, "out of memory");
	return 0;
}

static void reader_done(struct pprof_reader *r)
{
	pprof_profile_done(&r->profile);
	pprof_sample_done(&r->sample);
	buffer_done(&r->data);
	free(r->texts);
	free(r->locations);
	free(r->modules);
	free(r->mappings);
	free(r->process_keys);
	free(r->processes);
	id_table_done(&r->process_ids);
	free(r->attrs);
	free(r->stack);
	free(r);
}

static int read_profile(struct pprof_reader *r)
{
	int rc = gunzip_input(r->in, &r->data, &r->is_cut, r->err);

	if (!rc && r->is_cut)
		rc = oc_error_set(r->err, -EBADMSG,
				  "'%s' ends early; names stand at the end of a profile, so that "
				  "nothing of it can be read",
				  oc_input_name(r->in));
	if (!rc)
		rc = pprof_parse(&r->profile, r->data.data, r->data.len, oc_input_name(r->in),
				 r->err);
	rc = rc ? rc : reader_init(r);
	rc = rc ? rc : plan_kinds(r);
	rc = rc ? rc : take_samples(r);
	if (rc)
		return rc;
	rc = set_info(r);
	if (rc)
		return oc_error_set(r->err, rc, "out of memory");
	finish(r);
	return 0;
}

static int read_pprof(const struct oc_input *in, struct oc_machine *m, struct oc_error *err)
{
	struct pprof_reader *r;
	int rc;

	if (m->nr_kinds || m->samples.nr_samples)
		return oc_error_set(err, -EINVAL, "the machine to read '%s' into is not empty",
				    oc_input_name(in));
	r = calloc(1, sizeof(*r));
	if (!r)
		return oc_error_set(err, -ENOMEM, "out of memory");
	r->in = in;
	r->m = m;
	r->err = err;
	rc = read_profile(r);
	reader_done(r);
	return rc;
}

static bool sniff(const void *head, size_t size)
{
	uint8_t message[4 * OC_SNIFF_BYTES];
	size_t len;

	if (!gunzip_sniff(head, size))
		return pprof_sniff(head, size);
	len = gunzip_head(head, size, message, sizeof(message));
	return pprof_sniff(message, len);
}

const struct oc_reader oc_reader_pprof = {
	.name = "pprof",
	.description = "pprof profiles",
	.sniff = sniff,
	.read = read_pprof,
};
