/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pprof profiles: a gzip of the message in profile.proto.
 * Called through the format table.
 * Must not know how samples were recorded.
 *
 * The message is written field by field as its parts become known, because a whole Profile in memory would be a second
 * copy of the trace. A Sample is put together from three packed pieces (stack, values, labels): protobuf defines the
 * concatenation of two messages as their merger, and stacks and labels repeat while only values are new.
 * Samples of one stack follow each other, so that gzip finds the stack again in the sample before.
 */
#include <errno.h>
#include <inttypes.h>

#include <onecollect/filter.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/hex.h"
#include "base/id_table.h"
#include "base/macros.h"
#include "base/protobuf.h"
#include "export/amount.h"
#include "export/formats/formats_private.h"
#include "export/formats/gzip.h"
#include "export/ledger_line.h"
#include "export/numbering.h"
#include "export/sample_groups.h"
#include "export/text_table.h"
#include "profile.pb-c.h"

/*
 * CPU time and size of the profile of tests/bench/gzip_levels.c, 200,000 samples: level 1 79 ms and 976 kB, level 3
 * 89 ms and 927 kB, level 6 146 ms and 896 kB.
 */
#define GZIP_LEVEL 1

/* Numbers of the fields of Profile that are written one by one. */
enum {
	FIELD_SAMPLE = 2,
	FIELD_MAPPING = 3,
	FIELD_LOCATION = 4,
	FIELD_FUNCTION = 5,
	FIELD_STRING = 6
};

/* What was found missing at a location of a mapping. */
enum { NO_FUNCTION = 1, NO_FILE = 2, NO_LINE = 4, HAS_INLINE = 8 };

/* The packed labels of one combination of process, thread and attributes, in pprof.label_bytes. */
struct label_set {
	struct sample_key key; /* stack 0 */
	size_t start, len;
};

struct pprof {
	const struct oc_machine *m;
	struct sample_groups groups;
	struct gzip *z;
	int error;            /* no memory, found outside the buffers */
	struct buffer packed; /* message being packed */
	struct buffer stack;  /* packed piece of a sample: its locations */
	struct numbering locations, functions, mappings; /* pprof wants ids 1, 2, 3, ... */
	uint8_t *mapping_flags;                          /* by mapping id */
	uint64_t *location_ids;                          /* scratch: stack with pprof's ids */
	size_t location_ids_cap;

	struct text_table texts; /* the string table from index 1 on */

	struct label_set *label_sets;
	size_t label_sets_cap;
	struct id_table label_set_ids;
	struct buffer label_bytes;
	Perftools__Profiles__Label *labels; /* scratch: labels of a set being made */
	size_t nr_labels, labels_cap;
};

static int64_t clamp_i64(uint64_t value)
{
	return (int64_t)MIN(value, (uint64_t)INT64_MAX);
}

static void fail(struct pprof *p)
{
	p->error = -ENOMEM;
}

/* ---- string table ------------------------------------------------------------------------------------------- */

static int64_t index_of(struct pprof *p, int64_t id)
{
	if (id >= 0)
		return id;
	fail(p);
	return 0;
}

/* Index of text[len] in the string table; the text must stay where it is. */
static int64_t text_index(struct pprof *p, const char *text, size_t len)
{
	return len ? index_of(p, text_table_borrow(&p->texts, text, len)) : 0;
}

static int64_t literal_index(struct pprof *p, const char *text)
{
	return text_index(p, text, strlen(text));
}

static int64_t string_index(struct pprof *p, oc_string_id id)
{
	size_t len;
	const char *text = oc_machine_string(p->m, id, &len);

	return text_index(p, text, len);
}

/* As text_index(), for a text that will not stay. */
static int64_t copy_index(struct pprof *p, const char *text, size_t len)
{
	return len ? index_of(p, text_table_copy(&p->texts, text, len)) : 0;
}

/* ---- writing fields ----------------------------------------------------------------------------------------- */

static void pack(struct buffer *to, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);

	if (buffer_reserve(to, size))
		return;
	to->len += protobuf_c_message_pack(message, (uint8_t *)to->data + to->len);
}

/* What stands before a field of the Profile whose `size` bytes follow. */
static void write_field_head(struct pprof *p, unsigned int field, size_t size)
{
	uint8_t head[PROTO_HEAD_MAX];

	gzip_write(p->z, head, proto_put_head(head, field, size));
}

static void write_field(struct pprof *p, unsigned int field, const ProtobufCMessage *message)
{
	buffer_clear(&p->packed);
	pack(&p->packed, message);
	if (p->packed.error) {
		fail(p);
		return;
	}
	write_field_head(p, field, p->packed.len);
	gzip_write(p->z, p->packed.data, p->packed.len);
}

/* ---- about the recording ------------------------------------------------------------------------------------ */

#define COMMENTS_MAX 256

struct comments {
	size_t nr;
	int64_t index[COMMENTS_MAX];
};

static void add_comment(struct pprof *p, struct comments *c, const char *text, size_t len)
{
	if (c->nr < COMMENTS_MAX)
		c->index[c->nr++] = copy_index(p, text, len);
}

static void add_fact(struct pprof *p, struct comments *c, const char *what, oc_string_id id)
{
	struct buffer text = BUFFER_INIT;

	if (!id)
		return;
	buffer_printf(&text, "%s: %s", what, oc_machine_string(p->m, id, NULL));
	if (text.error)
		fail(p);
	else
		add_comment(p, c, text.data, text.len);
	buffer_done(&text);
}

/* The ledger for readers; the summary says the same to people. */
static void add_ledger(struct pprof *p, struct comments *c)
{
	const struct oc_ledger *ledger = oc_machine_ledger_const(p->m);
	struct buffer text = BUFFER_INIT;

	for (uint32_t i = 0; i <= ledger->nr_kinds; i++) {
		buffer_clear(&text);
		if (i < ledger->nr_kinds)
			ledger_line_put_kind(&text, &ledger->kinds[i]);
		else
			ledger_line_put_notes(&text, ledger);
		if (text.len)
			add_comment(p, c, text.data, text.len);
	}
	if (text.error)
		fail(p);
	buffer_done(&text);
}

static void add_comments(struct pprof *p, struct comments *c)
{
	static const char addresses[] = "addresses of callers are their return addresses less one, "
					"so that they lie in the call";
	const struct oc_recording_info *info = oc_machine_info(p->m);
	char *summary;

	add_fact(p, c, "recorded by", info->tool);
	add_fact(p, c, "host", info->hostname);
	add_fact(p, c, "os", info->os);
	add_fact(p, c, "command", info->command);
	add_comment(p, c, addresses, sizeof(addresses) - 1);
	add_ledger(p, c);
	if (oc_ledger_summary(oc_machine_ledger_const(p->m), &summary)) {
		fail(p);
		return;
	}
	for (char *line = summary, *end; (end = strchr(line, '\n')); line = end + 1)
		add_comment(p, c, line, (size_t)(end - line));
	free(summary);
}

/* Two types per kind: how many, and how much. types[2 * OC_KINDS_MAX]. Returns their number. */
static size_t fill_types(struct pprof *p, Perftools__Profiles__ValueType *types)
{
	uint32_t nr_kinds = oc_machine_nr_kinds(p->m);
	char name[64];

	for (uint32_t i = 0; i < nr_kinds; i++) {
		const struct oc_kind *kind = oc_machine_kind(p->m, i + 1);
		const char *what = kind->period_ns ? "samples" : "events";

		/* Tools know the plain name; only further kinds need one of their own. */
		snprintf(name, sizeof(name), "%s%s%s", i ? kind->name : "", i ? "_" : "", what);
		types[2 * i].type = copy_index(p, name, strlen(name));
		types[2 * i].unit = literal_index(p, "count");
		types[2 * i + 1].type = literal_index(p, kind->name);
		types[2 * i + 1].unit = literal_index(p, amount_unit_name(kind));
	}
	if (nr_kinds)
		return 2 * nr_kinds;
	/* A profile without types is refused, even one without samples. */
	types[0].type = literal_index(p, "samples");
	types[0].unit = literal_index(p, "count");
	return 1;
}

static void write_head(struct pprof *p)
{
	Perftools__Profiles__Profile head = PERFTOOLS__PROFILES__PROFILE__INIT;
	Perftools__Profiles__ValueType types[2 * OC_KINDS_MAX];
	Perftools__Profiles__ValueType *type_list[2 * OC_KINDS_MAX];
	const struct oc_recording_info *info = oc_machine_info(p->m);
	oc_kind_id shown = oc_machine_shown_kind(p->m);
	const struct oc_kind *kind = oc_machine_kind(p->m, 1);
	struct comments comments = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		perftools__profiles__value_type__init(&types[i]);
		type_list[i] = &types[i];
	}
	add_comments(p, &comments);
	head.n_sample_type = fill_types(p, types);
	head.sample_type = type_list;
	head.default_sample_type = types[shown ? 2 * shown - 1 : 0].type;
	if (kind && kind->period_ns) {
		head.period_type = &types[1];
		head.period = clamp_i64(kind->period_ns);
	}
	head.time_nanos = clamp_i64(info->start_wall_ns);
	if (info->end_mono_ns > info->start_mono_ns)
		head.duration_nanos = clamp_i64(info->end_mono_ns - info->start_mono_ns);
	head.n_comment = comments.nr;
	head.comment = comments.index;
	buffer_clear(&p->packed);
	pack(&p->packed, &head.base);
	if (p->packed.error)
		fail(p);
	else
		gzip_write(p->z, p->packed.data, p->packed.len);
}

/* ---- labels ------------------------------------------------------------------------------------------------- */

/* A label to fill in, or NULL: readers keep only one value of a key, so the first one stands. */
static Perftools__Profiles__Label *new_label(struct pprof *p, int64_t key)
{
	Perftools__Profiles__Label *label;

	for (size_t i = 0; i < p->nr_labels; i++) {
		if (p->labels[i].key == key)
			return NULL;
	}
	if (array_reserve(&p->labels, &p->labels_cap, p->nr_labels + 1, sizeof(*p->labels))) {
		fail(p);
		return NULL;
	}
	label = &p->labels[p->nr_labels++];
	perftools__profiles__label__init(label);
	label->key = key;
	return label;
}

static void add_text_label(struct pprof *p, int64_t key, oc_string_id value)
{
	Perftools__Profiles__Label *label = value ? new_label(p, key) : NULL;

	if (label)
		label->str = string_index(p, value);
}

static void add_number_label(struct pprof *p, int64_t key, uint64_t value)
{
	Perftools__Profiles__Label *label = new_label(p, key);

	if (!label)
		return;
	/* A number 0 cannot be told from no number at all. */
	if (value)
		label->num = clamp_i64(value);
	else
		label->str = literal_index(p, "0");
}

static int add_attr_label(void *arg, const struct oc_attr *attr)
{
	struct pprof *p = arg;

	if (!attr->key)
		return 0;
	if (attr->type == OC_ATTR_STRING)
		add_text_label(p, string_index(p, attr->key), (oc_string_id)attr->value);
	else
		add_number_label(p, string_index(p, attr->key), attr->value);
	return 0;
}

static void fill_labels(struct pprof *p, const struct sample_key *key)
{
	const struct oc_process *process = oc_machine_process(p->m, key->process);
	const struct oc_thread *thread = oc_machine_thread(p->m, key->thread);

	p->nr_labels = 0;
	if (process) {
		add_number_label(p, literal_index(p, "pid"), process->pid);
		if (process->ns_pid && process->ns_pid != process->pid)
			add_number_label(p, literal_index(p, "ns_pid"), process->ns_pid);
		add_text_label(p, literal_index(p, "comm"), process->comm);
		add_text_label(p, literal_index(p, "container_id"), process->container);
	}
	if (thread) {
		add_number_label(p, literal_index(p, "tid"), thread->tid);
		if (thread->ns_tid && thread->ns_tid != thread->tid)
			add_number_label(p, literal_index(p, "ns_tid"), thread->ns_tid);
		add_text_label(p, literal_index(p, "thread_name"), thread->name);
	}
	if (key->attrs && oc_machine_walk_attrs(p->m, key->attrs, add_attr_label, p))
		fail(p);
}

/* Packs the labels of a set behind those of the others. */
static void pack_labels(struct pprof *p, struct label_set *set)
{
	Perftools__Profiles__Sample sample = PERFTOOLS__PROFILES__SAMPLE__INIT;
	Perftools__Profiles__Label **list;

	fill_labels(p, &set->key);
	set->start = p->label_bytes.len;
	list = calloc(p->nr_labels + 1, sizeof(*list));
	if (!list) {
		fail(p);
		return;
	}
	for (size_t i = 0; i < p->nr_labels; i++)
		list[i] = &p->labels[i];
	sample.n_label = p->nr_labels;
	sample.label = list;
	pack(&p->label_bytes, &sample.base);
	if (p->label_bytes.error)
		fail(p);
	set->len = p->label_bytes.len - set->start;
	free(list);
}

static bool label_set_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct label_set *sets = owner;

	return !memcmp(&sets[id - 1].key, wanted, sizeof(struct sample_key));
}

/* The label set of a group, or NULL = no memory. */
static const struct label_set *label_set_of(struct pprof *p, const struct sample_key *of)
{
	struct sample_key key = { .process = of->process,
				  .thread = of->thread,
				  .attrs = of->attrs };
	uint64_t hash = hash_bytes(&key, sizeof(key));
	uint32_t id = id_table_find(&p->label_set_ids, hash, label_set_equal, p->label_sets, &key);
	size_t nr = p->label_set_ids.count;

	if (id)
		return &p->label_sets[id - 1];
	if (array_reserve(&p->label_sets, &p->label_sets_cap, nr + 1, sizeof(*p->label_sets)) ||
	    id_table_add(&p->label_set_ids, hash, (uint32_t)nr + 1)) {
		fail(p);
		return NULL;
	}
	p->label_sets[nr] = (struct label_set){ .key = key };
	pack_labels(p, &p->label_sets[nr]);
	return &p->label_sets[nr];
}

/* ---- samples ------------------------------------------------------------------------------------------------ */

static void pack_stack(struct pprof *p, oc_stack_id stack)
{
	Perftools__Profiles__Sample sample = PERFTOOLS__PROFILES__SAMPLE__INIT;
	uint32_t nr = 0;
	const oc_location_id *locations = oc_machine_stack(p->m, stack, &nr);

	/*
	 * pprof drops samples without locations from some reports but not from the total, so they get a location and
	 * a function of their own, with ids behind those of the machine.
	 */
	nr = locations ? nr : 1;
	if (array_reserve(&p->location_ids, &p->location_ids_cap, nr, sizeof(*p->location_ids))) {
		fail(p);
		return;
	}
	for (uint32_t i = 0; i < nr; i++) {
		oc_location_id id = locations ? locations[i] : oc_machine_nr_locations(p->m) + 1;

		p->location_ids[i] = number_of(&p->locations, id);
	}
	sample.n_location_id = nr;
	sample.location_id = p->location_ids;
	buffer_clear(&p->stack);
	pack(&p->stack, &sample.base);
	if (p->stack.error)
		fail(p);
}

static void write_sample(struct pprof *p, const struct sample_group *group)
{
	Perftools__Profiles__Sample sample = PERFTOOLS__PROFILES__SAMPLE__INIT;
	const struct label_set *labels = label_set_of(p, &group->key);
	int64_t values[2 * OC_KINDS_MAX];

	for (uint32_t i = 0; i < p->groups.nr_kinds; i++) {
		const struct oc_kind *kind = oc_machine_kind(p->m, i + 1);

		values[2 * i] = clamp_i64(group->sums[i].count);
		values[2 * i + 1] =
			clamp_i64(amount_of(kind, group->sums[i].count, group->sums[i].value));
	}
	sample.n_value = 2 * p->groups.nr_kinds;
	sample.value = values;
	buffer_clear(&p->packed);
	pack(&p->packed, &sample.base);
	if (p->packed.error)
		fail(p);
	if (p->error)
		return;
	write_field_head(p, FIELD_SAMPLE, p->stack.len + p->packed.len + labels->len);
	gzip_write(p->z, p->stack.data, p->stack.len);
	gzip_write(p->z, p->label_bytes.data + labels->start, labels->len);
	gzip_write(p->z, p->packed.data, p->packed.len);
}

static void write_samples(struct pprof *p)
{
	for (size_t i = 0; i < p->groups.nr && !p->error && !p->z->error; i++) {
		const struct sample_group *group = sample_groups_at(&p->groups, i);

		if (!i || group->key.stack != sample_groups_at(&p->groups, i - 1)->key.stack)
			pack_stack(p, group->key.stack);
		write_sample(p, group);
	}
}

/* ---- code --------------------------------------------------------------------------------------------------- */

static oc_process_id busiest_process(struct pprof *p)
{
	uint32_t nr = oc_machine_nr_processes(p->m);
	uint64_t *counts = calloc((size_t)nr + 1, sizeof(*counts));
	oc_process_id best = 0;

	if (!counts) {
		fail(p);
		return 0;
	}
	for (size_t i = 0; i < p->groups.nr; i++) {
		const struct sample_group *group = sample_groups_at(&p->groups, i);

		if (group->key.process <= nr)
			counts[group->key.process] += group->sums[0].count;
	}
	for (oc_process_id i = 1; i <= nr; i++) {
		if (!best || counts[i] > counts[best])
			best = i;
	}
	free(counts);
	return best;
}

/*
 * Readers take the first mapping for the program. It is the executable of the busiest process, as mapped there or,
 * when that was inherited, where else it is mapped.
 */
static void number_main_mapping(struct pprof *p)
{
	oc_process_id main_process = busiest_process(p);
	const struct oc_process *process = oc_machine_process(p->m, main_process);
	oc_mapping_id best = 0;

	if (!process || !process->exe)
		return;
	for (oc_mapping_id id = 1; id <= oc_machine_nr_mappings(p->m); id++) {
		const struct oc_mapping *mapping = oc_machine_mapping(p->m, id);
		const struct oc_module *module = oc_machine_module(p->m, mapping->module);

		if (!module || module->path != process->exe)
			continue;
		if (mapping->process == main_process) {
			best = id;
			break;
		}
		if (!best)
			best = id;
	}
	if (best)
		number_of(&p->mappings, best);
}

/* Fills in lines[nr] and what was found missing. */
static uint8_t fill_lines(struct pprof *p, Perftools__Profiles__Line *lines,
			  const struct oc_line *from, uint32_t nr)
{
	uint8_t flags = nr > 1 ? HAS_INLINE : 0;

	for (uint32_t i = 0; i < nr; i++) {
		const struct oc_function *function = oc_machine_function(p->m, from[i].function);

		perftools__profiles__line__init(&lines[i]);
		lines[i].function_id = number_of(&p->functions, from[i].function);
		lines[i].line = from[i].line;
		if (!function || !function->file)
			flags |= NO_FILE;
		if (!from[i].line)
			flags |= NO_LINE;
	}
	return nr ? flags : NO_FUNCTION | NO_FILE | NO_LINE;
}

static void write_location(struct pprof *p, uint32_t index)
{
	const struct oc_line no_stack = { .function = oc_machine_nr_functions(p->m) + 1 };
	Perftools__Profiles__Location location = PERFTOOLS__PROFILES__LOCATION__INIT;
	const struct oc_location *of = oc_machine_location(p->m, p->locations.ids[index]);
	uint32_t nr = 1;
	const struct oc_line *from =
		of ? oc_machine_location_lines(p->m, p->locations.ids[index], &nr) : &no_stack;
	Perftools__Profiles__Line *lines = calloc((size_t)nr + 1, sizeof(*lines));
	Perftools__Profiles__Line **list = calloc((size_t)nr + 1, sizeof(*list));
	uint8_t flags;

	if (!lines || !list) {
		fail(p);
		goto out;
	}
	flags = fill_lines(p, lines, from, nr);
	for (uint32_t i = 0; i < nr; i++)
		list[i] = &lines[i];
	location.id = index + 1;
	location.n_line = nr;
	location.line = list;
	if (of)
		location.address = of->address;
	if (of && of->mapping) {
		location.mapping_id = number_of(&p->mappings, of->mapping);
		p->mapping_flags[of->mapping] |= flags;
	}
	write_field(p, FIELD_LOCATION, &location.base);
out:
	free(lines);
	free(list);
}

static void write_function(struct pprof *p, uint32_t index)
{
	Perftools__Profiles__Function function = PERFTOOLS__PROFILES__FUNCTION__INIT;
	const struct oc_function *of = oc_machine_function(p->m, p->functions.ids[index]);

	function.id = index + 1;
	function.name = of ? string_index(p, of->name) : literal_index(p, NO_STACK_NAME);
	function.system_name =
		of && of->system_name ? string_index(p, of->system_name) : function.name;
	function.filename = of ? string_index(p, of->file) : 0;
	function.start_line = of ? of->start_line : 0;
	write_field(p, FIELD_FUNCTION, &function.base);
}

static int64_t build_id_index(struct pprof *p, const struct oc_module *module)
{
	char hex[2 * OC_BUILD_ID_MAX + 1];

	hex_text(module->build_id, MIN(module->build_id_size, OC_BUILD_ID_MAX), hex);
	return copy_index(p, hex, strlen(hex));
}

/* pprof and its users know the kernel by the name that perf gave it. */
static int64_t module_name_index(struct pprof *p, const struct oc_module *module)
{
	if (module->type == OC_MODULE_KERNEL &&
	    !strcmp(oc_machine_string(p->m, module->path, NULL), "[kernel]"))
		return literal_index(p, "[kernel.kallsyms]");
	return string_index(p, module->path);
}

static void write_mapping(struct pprof *p, uint32_t index)
{
	Perftools__Profiles__Mapping mapping = PERFTOOLS__PROFILES__MAPPING__INIT;
	oc_mapping_id id = p->mappings.ids[index];
	const struct oc_mapping *of = oc_machine_mapping(p->m, id);
	const struct oc_module *module = oc_machine_module(p->m, of->module);
	uint8_t flags = p->mapping_flags[id];

	mapping.id = index + 1;
	mapping.memory_start = of->start;
	mapping.memory_limit = of->end;
	mapping.file_offset = of->file_offset;
	mapping.filename = module_name_index(p, module);
	mapping.build_id = build_id_index(p, module);
	/* Any of these makes pprof leave the mapping as it is, so none may be set while a name is missing. */
	mapping.has_functions = !(flags & NO_FUNCTION);
	mapping.has_filenames = !(flags & NO_FILE);
	mapping.has_line_numbers = !(flags & NO_LINE);
	mapping.has_inline_frames = !(flags & NO_LINE) && (flags & HAS_INLINE);
	write_field(p, FIELD_MAPPING, &mapping.base);
}

static void write_code(struct pprof *p)
{
	number_main_mapping(p);
	for (uint32_t i = 0; i < p->locations.nr && !p->error; i++)
		write_location(p, i);
	for (uint32_t i = 0; i < p->functions.nr && !p->error; i++)
		write_function(p, i);
	for (uint32_t i = 0; i < p->mappings.nr && !p->error; i++)
		write_mapping(p, i);
}

static void write_strings(struct pprof *p)
{
	write_field_head(p, FIELD_STRING, 0);
	for (size_t i = 0; i < p->texts.ids.count; i++) {
		write_field_head(p, FIELD_STRING, p->texts.texts[i].len);
		gzip_write(p->z, p->texts.texts[i].text, p->texts.texts[i].len);
	}
}

/* ---- life --------------------------------------------------------------------------------------------------- */

static int pprof_init(struct pprof *p)
{
	const struct oc_machine *m = p->m;

	p->z = malloc(sizeof(*p->z));
	p->mapping_flags = calloc((size_t)oc_machine_nr_mappings(m) + 1, sizeof(*p->mapping_flags));
	if (!p->z || !p->mapping_flags ||
	    numbering_init(&p->locations, oc_machine_nr_locations(m) + 1) ||
	    numbering_init(&p->functions, oc_machine_nr_functions(m) + 1) ||
	    numbering_init(&p->mappings, oc_machine_nr_mappings(m)))
		return -ENOMEM;
	return sample_groups_init(&p->groups, m,
				  GROUP_BY_PROCESS | GROUP_BY_THREAD | GROUP_BY_ATTRS, 0);
}

static void pprof_done(struct pprof *p)
{
	sample_groups_done(&p->groups);
	free(p->z);
	buffer_done(&p->packed);
	buffer_done(&p->stack);
	numbering_done(&p->locations);
	numbering_done(&p->functions);
	numbering_done(&p->mappings);
	free(p->mapping_flags);
	free(p->location_ids);
	text_table_done(&p->texts);
	free(p->label_sets);
	id_table_done(&p->label_set_ids);
	buffer_done(&p->label_bytes);
	free(p->labels);
}

int pprof_write(const struct oc_machine *m, struct oc_output *out, int gzip_level,
		struct oc_error *err)
{
	struct pprof p = { .m = m };
	int rc = pprof_init(&p);

	if (rc) {
		oc_error_set(err, rc, "cannot add up the samples for a pprof profile: %s",
			     strerror(-rc));
		goto out;
	}
	gzip_init(p.z, out, gzip_level);
	write_head(&p);
	write_samples(&p);
	write_code(&p);
	write_strings(&p);
	rc = gzip_finish(p.z);
	if (p.error)
		rc = oc_error_set(err, p.error, "out of memory while writing a pprof profile");
out:
	pprof_done(&p);
	return rc;
}

static int write_default(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	return pprof_write(m, out, GZIP_LEVEL, err);
}

const struct oc_format oc_format_pprof = {
	.name = "pprof",
	.description = "pprof profile, for go tool pprof, Pyroscope, Parca and speedscope",
	.extensions = (const char *const[]){ ".pb.gz", ".pprof", NULL },
	.write = write_default,
};
