/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OTLP profiles: the bytes of a ProfilesData message of OpenTelemetry's v1development schema, 1.9 and later.
 * Called through the format table.
 * Must not know how samples were recorded.
 *
 * A profile holds samples of one kind of one thread, at most PROFILE_SAMPLES, so that no message grows with the
 * recording; a thread with more has several. The dictionary, to which all profiles refer by index, comes last. Entry 0
 * of each of its tables stands for "none" and is empty.
 */
#include <onecollect/format.h>

#include <errno.h>

#include "base/array.h"
#include "base/hex.h"
#include "base/id_table.h"
#include "base/le.h"
#include "base/macros.h"
#include "base/protobuf.h"
#include "base/text.h"
#include "export/amount.h"
#include "export/formats/formats_private.h"
#include "export/numbering.h"
#include "export/text_table.h"
#include "export/thread_samples.h"

/* Below 4 MiB, which gRPC libraries take when nobody told them otherwise. */
#define PROFILE_SAMPLES (64 * 1024)
#define FLUSH_BYTES     (64 * 1024)
#define SCOPE_NAME      "onecollect"

/* Field numbers, from opentelemetry/proto/{profiles/v1development,resource/v1,common/v1}. */
enum { DATA_RESOURCE_PROFILES = 1, DATA_DICTIONARY = 2 };
enum { RP_RESOURCE = 1, RP_SCOPE_PROFILES = 2 };
enum { SP_SCOPE = 1, SP_PROFILES = 2 };
enum { RESOURCE_ATTRIBUTES = 1 };
enum { SCOPE_FIELD_NAME = 1, SCOPE_VERSION = 2, SCOPE_ATTRIBUTES = 3 };
enum { KEY_VALUE_KEY = 1, KEY_VALUE_VALUE = 2 };
enum { ANY_STRING = 1, ANY_INT = 3 };
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_TIME = 3,
	PROFILE_DURATION = 4,
	PROFILE_PERIOD_TYPE = 5,
	PROFILE_PERIOD = 6,
};
enum { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT = 2 };
enum { SAMPLE_STACK = 1, SAMPLE_ATTRIBUTES = 2, SAMPLE_VALUES = 4, SAMPLE_TIMES = 5 };
enum {
	DICTIONARY_MAPPINGS = 1,
	DICTIONARY_LOCATIONS = 2,
	DICTIONARY_FUNCTIONS = 3,
	DICTIONARY_LINKS = 4,
	DICTIONARY_STRINGS = 5,
	DICTIONARY_ATTRIBUTES = 6,
	DICTIONARY_STACKS = 7,
};
enum {
	MAPPING_START = 1,
	MAPPING_LIMIT = 2,
	MAPPING_OFFSET = 3,
	MAPPING_FILE = 4,
	MAPPING_ATTRIBUTES = 5,
};
enum { STACK_LOCATIONS = 1 };
enum { LOCATION_MAPPING = 1, LOCATION_ADDRESS = 2, LOCATION_LINES = 3, LOCATION_ATTRIBUTES = 4 };
enum { LINE_FUNCTION = 1, LINE_LINE = 2 };
enum { FUNCTION_NAME = 1, FUNCTION_SYSTEM_NAME = 2, FUNCTION_FILE = 3, FUNCTION_START = 4 };
enum { ATTRIBUTE_KEY = 1, ATTRIBUTE_VALUE = 2 };

/* An entry of the attribute table, compared as bytes. */
struct attribute {
	uint32_t key;    /* string index */
	uint32_t is_int; /* else `value` is a string index */
	uint64_t value;
};

/* Which of values and timestamps the samples of a profile have; it must be the same for all of them. */
enum shape { TIMES_ONLY, TIMES_AND_VALUES, VALUES_ONLY };

struct otlp {
	const struct oc_machine *m;
	struct oc_output *out;
	struct buffer bytes;
	struct numbering mappings, locations, functions, stacks; /* table indexes */
	struct text_table texts;                                 /* string table from index 1 on */
	struct attribute *attributes; /* attribute table from index 1 on */
	size_t attributes_cap;
	struct id_table attribute_ids;
	struct oc_sample *samples; /* [PROFILE_SAMPLES] of the profile being made */
	size_t nr_samples;
	uint32_t *indices; /* scratch: attributes of a sample */
	size_t nr_indices, indices_cap;
	bool counting; /* bytes are not written, only counted */
	uint64_t counted;
	int error;
};

static void fail(struct otlp *o)
{
	if (!o->error)
		o->error = -ENOMEM;
}

static int flush_bytes(struct otlp *o, size_t at_least)
{
	if (o->bytes.error)
		fail(o);
	if (o->error || o->bytes.len < at_least)
		return o->error;
	if (o->counting)
		o->counted += o->bytes.len;
	else
		o->error = oc_output_write(o->out, o->bytes.data, o->bytes.len);
	buffer_clear(&o->bytes);
	return o->error;
}

/* ---- dictionary entries by index ---------------------------------------------------------------------------- */

/* Index of a text that stays where it is. */
static uint32_t text_index(struct otlp *o, const char *text, size_t len)
{
	int64_t id = len ? text_table_borrow(&o->texts, text, len) : 0;

	if (id >= 0)
		return (uint32_t)id;
	fail(o);
	return 0;
}

static uint32_t literal_index(struct otlp *o, const char *text)
{
	return text_index(o, text, strlen(text));
}

static uint32_t string_index(struct otlp *o, oc_string_id id)
{
	size_t len;
	const char *text = oc_machine_string(o->m, id, &len);

	return text_index(o, text, len);
}

static bool attribute_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct attribute *attributes = owner;

	return !memcmp(&attributes[id - 1], wanted, sizeof(struct attribute));
}

static uint32_t attribute_index(struct otlp *o, const struct attribute *wanted)
{
	uint64_t hash = hash_bytes(wanted, sizeof(*wanted));
	uint32_t id =
		id_table_find(&o->attribute_ids, hash, attribute_equal, o->attributes, wanted);

	if (id)
		return id;
	id = (uint32_t)o->attribute_ids.count + 1;
	if (array_reserve(&o->attributes, &o->attributes_cap, id, sizeof(*o->attributes)) ||
	    id_table_add(&o->attribute_ids, hash, id)) {
		fail(o);
		return 0;
	}
	o->attributes[id - 1] = *wanted;
	return id;
}

/* Adds an attribute to the scratch list; keys must be unique there, so the first one stands. */
static void add_attribute(struct otlp *o, const struct attribute *attribute)
{
	uint32_t index = attribute_index(o, attribute);

	for (size_t i = 0; i < o->nr_indices && !o->error; i++) {
		if (o->attributes[o->indices[i] - 1].key == attribute->key)
			return;
	}
	if (o->error ||
	    array_reserve(&o->indices, &o->indices_cap, o->nr_indices + 1, sizeof(*o->indices)))
		fail(o);
	else
		o->indices[o->nr_indices++] = index;
}

static void add_int(struct otlp *o, const char *key, uint64_t value)
{
	struct attribute a = { .key = literal_index(o, key), .is_int = 1, .value = value };

	add_attribute(o, &a);
}

static void add_text(struct otlp *o, const char *key, const char *text, size_t len)
{
	struct attribute a = { .key = literal_index(o, key), .value = text_index(o, text, len) };

	if (len)
		add_attribute(o, &a);
}

static int add_recorded(void *arg, const struct oc_attr *attr)
{
	struct otlp *o = arg;
	struct attribute a = { .key = string_index(o, attr->key),
			       .is_int = attr->type == OC_ATTR_NUMBER,
			       .value = attr->value };

	if (attr->type == OC_ATTR_STRING)
		a.value = string_index(o, (oc_string_id)attr->value);
	if (attr->key)
		add_attribute(o, &a);
	return 0;
}

static void put_indices(struct otlp *o, uint32_t field)
{
	size_t list;

	if (!o->nr_indices)
		return;
	list = proto_begin(&o->bytes, field);
	for (size_t i = 0; i < o->nr_indices; i++)
		proto_varint(&o->bytes, o->indices[i]);
	proto_end(&o->bytes, list);
}

/* ---- where samples are from --------------------------------------------------------------------------------- */

static void put_string_value(struct otlp *o, uint32_t field, const char *key, oc_string_id value)
{
	size_t len, pair, any;
	const char *text = oc_machine_string(o->m, value, &len);

	if (!len)
		return;
	pair = proto_begin(&o->bytes, field);
	proto_bytes(&o->bytes, KEY_VALUE_KEY, key, strlen(key));
	any = proto_begin(&o->bytes, KEY_VALUE_VALUE);
	proto_bytes(&o->bytes, ANY_STRING, text, len);
	proto_end(&o->bytes, any);
	proto_end(&o->bytes, pair);
}

static void put_int_value(struct otlp *o, uint32_t field, const char *key, uint64_t value)
{
	size_t pair = proto_begin(&o->bytes, field), any;

	proto_bytes(&o->bytes, KEY_VALUE_KEY, key, strlen(key));
	any = proto_begin(&o->bytes, KEY_VALUE_VALUE);
	proto_u64(&o->bytes, ANY_INT, value);
	proto_end(&o->bytes, any);
	proto_end(&o->bytes, pair);
}

static void put_resource(struct otlp *o, oc_process_id id)
{
	const struct oc_process *process = oc_machine_process(o->m, id);
	size_t resource = proto_begin(&o->bytes, RP_RESOURCE);

	put_string_value(o, RESOURCE_ATTRIBUTES, "host.name", oc_machine_info(o->m)->hostname);
	if (process) {
		put_int_value(o, RESOURCE_ATTRIBUTES, "process.pid", process->pid);
		put_string_value(o, RESOURCE_ATTRIBUTES, "process.executable.name", process->comm);
		put_string_value(o, RESOURCE_ATTRIBUTES, "process.executable.path", process->exe);
		put_string_value(o, RESOURCE_ATTRIBUTES, "container.id", process->container);
	}
	proto_end(&o->bytes, resource);
}

/* Says too what the recording lost of this kind of sample. */
static void put_scope(struct otlp *o, oc_kind_id kind)
{
	const struct oc_ledger *ledger = oc_machine_ledger_const(o->m);
	size_t scope = proto_begin(&o->bytes, SP_SCOPE);
	uint64_t lost = 0;

	for (size_t i = 0; i < OC_LOSS_COUNT; i++)
		lost += ledger->kinds[kind - 1].lost[i];
	proto_bytes(&o->bytes, SCOPE_FIELD_NAME, SCOPE_NAME, strlen(SCOPE_NAME));
	if (lost)
		put_int_value(o, SCOPE_ATTRIBUTES, "onecollect.samples.lost", lost);
	proto_end(&o->bytes, scope);
}

/* ---- samples ------------------------------------------------------------------------------------------------ */

static int compare_keys(const struct oc_sample *x, const struct oc_sample *y)
{
	if (x->stack != y->stack)
		return x->stack < y->stack ? -1 : 1;
	if (x->cpu != y->cpu)
		return x->cpu < y->cpu ? -1 : 1;
	return (x->attrs > y->attrs) - (x->attrs < y->attrs);
}

static int compare_samples(const void *a, const void *b)
{
	const struct oc_sample *x = a, *y = b;
	int order = compare_keys(x, y);

	return order ? order : (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

static uint64_t sample_weight(const struct otlp *o, const struct oc_sample *sample)
{
	const struct oc_kind *kind = oc_machine_kind(o->m, sample->kind);

	return kind->period_ns ? sample->count
			       : amount_of(kind, sample->count, sample_value(o->m, sample));
}

/* From the clock of samples to that of the file. */
static uint64_t wall_time(const struct otlp *o, uint64_t time_ns)
{
	const struct oc_recording_info *info = oc_machine_info(o->m);

	return time_ns - info->start_mono_ns + info->start_wall_ns;
}

static enum shape shape_of(const struct otlp *o)
{
	bool weighted = false;

	for (size_t i = 0; i < o->nr_samples; i++) {
		if (!o->samples[i].time_ns)
			return VALUES_ONLY;
		weighted |= sample_weight(o, &o->samples[i]) != 1;
	}
	return weighted ? TIMES_AND_VALUES : TIMES_ONLY;
}

/* samples[nr] are alike but for their times and weights. */
static void put_values(struct otlp *o, const struct oc_sample *samples, size_t nr, enum shape shape)
{
	size_t list = proto_begin(&o->bytes, SAMPLE_VALUES);
	uint64_t sum = 0;

	for (size_t i = 0; i < nr; i++) {
		uint64_t weight = sample_weight(o, &samples[i]);

		if (shape == TIMES_AND_VALUES)
			proto_varint(&o->bytes, weight);
		sum += weight;
	}
	if (shape == VALUES_ONLY)
		proto_varint(&o->bytes, sum);
	proto_end(&o->bytes, list);
}

static void put_times(struct otlp *o, const struct oc_sample *samples, size_t nr)
{
	size_t list = proto_begin(&o->bytes, SAMPLE_TIMES);

	for (size_t i = 0; i < nr; i++) {
		uint64_t time_ns = wall_time(o, samples[i].time_ns);
		uint8_t bytes[8];

		le64_put(bytes, time_ns);
		buffer_append(&o->bytes, bytes, sizeof(bytes));
	}
	proto_end(&o->bytes, list);
}

static void put_sample(struct otlp *o, const struct oc_sample *samples, size_t nr, enum shape shape)
{
	const struct oc_thread *thread = oc_machine_thread(o->m, samples->thread);
	size_t sample = proto_begin(&o->bytes, PROFILE_SAMPLE), len;
	const char *name;

	o->nr_indices = 0;
	if (thread) {
		name = oc_machine_string(o->m, thread->name, &len);
		add_int(o, "thread.id", thread->tid);
		add_text(o, "thread.name", name, len);
	}
	if (samples->cpu != UINT32_MAX)
		add_int(o, "cpu.logical_number", samples->cpu);
	if (samples->attrs && oc_machine_walk_attrs(o->m, samples->attrs, add_recorded, o))
		fail(o);
	if (samples->stack)
		proto_u64(&o->bytes, SAMPLE_STACK, number_of(&o->stacks, samples->stack));
	put_indices(o, SAMPLE_ATTRIBUTES);
	if (shape != TIMES_ONLY)
		put_values(o, samples, nr, shape);
	if (shape != VALUES_ONLY)
		put_times(o, samples, nr);
	proto_end(&o->bytes, sample);
}

static void put_value_type(struct otlp *o, uint32_t field, const char *type, const char *unit)
{
	size_t value_type = proto_begin(&o->bytes, field);

	proto_u64(&o->bytes, VALUE_TYPE_TYPE, literal_index(o, type));
	proto_u64(&o->bytes, VALUE_TYPE_UNIT, literal_index(o, unit));
	proto_end(&o->bytes, value_type);
}

/* Kinds sampled by time count samples and state their period; others say what they measured. */
static void put_types(struct otlp *o, const struct oc_kind *kind)
{
	if (!kind->period_ns) {
		put_value_type(o, PROFILE_SAMPLE_TYPE, kind->name, amount_unit_name(kind));
		return;
	}
	put_value_type(o, PROFILE_SAMPLE_TYPE, "samples", "count");
	put_value_type(o, PROFILE_PERIOD_TYPE, kind->name, "nanoseconds");
	proto_u64(&o->bytes, PROFILE_PERIOD, kind->period_ns);
}

/* The time that a profile speaks of holds all its samples; its end is exclusive. */
static void put_window(struct otlp *o, enum shape shape)
{
	const struct oc_recording_info *info = oc_machine_info(o->m);
	uint64_t first = info->start_mono_ns, last = MAX(info->end_mono_ns, first);

	if (shape != VALUES_ONLY) {
		first = UINT64_MAX;
		last = 0;
	}
	for (size_t i = 0; i < o->nr_samples && shape != VALUES_ONLY; i++) {
		first = MIN(first, o->samples[i].time_ns);
		last = MAX(last, o->samples[i].time_ns);
	}
	proto_fixed64(&o->bytes, PROFILE_TIME, wall_time(o, first));
	proto_u64(&o->bytes, PROFILE_DURATION, last - first + 1);
}

/* Writes the samples that were gathered as one profile, those that differ only in time as one sample. */
static int write_profile(struct otlp *o, const struct thread_group *group)
{
	enum shape shape = shape_of(o);
	size_t resource, scope, profile, next;

	if (!o->nr_samples)
		return 0;
	qsort(o->samples, o->nr_samples, sizeof(*o->samples), compare_samples);
	resource = proto_begin(&o->bytes, DATA_RESOURCE_PROFILES);
	put_resource(o, group->process);
	scope = proto_begin(&o->bytes, RP_SCOPE_PROFILES);
	put_scope(o, group->kind);
	profile = proto_begin(&o->bytes, SP_PROFILES);
	put_types(o, oc_machine_kind(o->m, group->kind));
	put_window(o, shape);
	for (size_t i = 0; i < o->nr_samples && !o->error; i = next) {
		for (next = i + 1; next < o->nr_samples; next++) {
			if (compare_keys(&o->samples[i], &o->samples[next]))
				break;
		}
		put_sample(o, &o->samples[i], next - i, shape);
	}
	proto_end(&o->bytes, profile);
	proto_end(&o->bytes, scope);
	proto_end(&o->bytes, resource);
	o->nr_samples = 0;
	return flush_bytes(o, FLUSH_BYTES);
}

static int begin_group(void *arg, const struct thread_group *group)
{
	(void)arg;
	(void)group;
	return 0;
}

static int begin_round(void *arg, const struct thread_group *group, unsigned int round)
{
	(void)round;
	return begin_group(arg, group);
}

static int gather_sample(void *arg, const struct thread_group *group,
			 const struct oc_sample *sample)
{
	struct otlp *o = arg;

	o->samples[o->nr_samples++] = *sample;
	return o->nr_samples == PROFILE_SAMPLES ? write_profile(o, group) : 0;
}

static int end_group(void *arg, const struct thread_group *group)
{
	return write_profile(arg, group);
}

/* ---- dictionary --------------------------------------------------------------------------------------------- */

static void end_entry(struct otlp *o, size_t entry)
{
	proto_end(&o->bytes, entry);
	flush_bytes(o, FLUSH_BYTES);
}

static void write_nothing(struct otlp *o, uint32_t table)
{
	end_entry(o, proto_begin(&o->bytes, table));
}

static void write_stack(struct otlp *o, oc_stack_id stack)
{
	size_t entry = proto_begin(&o->bytes, DICTIONARY_STACKS), list;
	uint32_t nr;
	const oc_location_id *locations = oc_machine_stack(o->m, stack, &nr);

	list = proto_begin(&o->bytes, STACK_LOCATIONS);
	for (uint32_t i = 0; i < nr; i++)
		proto_varint(&o->bytes, number_of(&o->locations, locations[i]));
	proto_end(&o->bytes, list);
	end_entry(o, entry);
}

static void write_location(struct otlp *o, oc_location_id id)
{
	const struct oc_location *location = oc_machine_location(o->m, id);
	const struct oc_module *module = oc_machine_module(o->m, location->module);
	size_t entry = proto_begin(&o->bytes, DICTIONARY_LOCATIONS);
	uint32_t nr;
	const struct oc_line *lines = oc_machine_location_lines(o->m, id, &nr);

	if (location->mapping)
		proto_u64(&o->bytes, LOCATION_MAPPING, number_of(&o->mappings, location->mapping));
	proto_u64(&o->bytes, LOCATION_ADDRESS, location->address);
	for (uint32_t i = 0; i < nr; i++) {
		size_t line = proto_begin(&o->bytes, LOCATION_LINES);

		proto_u64(&o->bytes, LINE_FUNCTION, number_of(&o->functions, lines[i].function));
		proto_u64_unless_0(&o->bytes, LINE_LINE, lines[i].line);
		proto_end(&o->bytes, line);
	}
	o->nr_indices = 0;
	if (module && module->type == OC_MODULE_KERNEL)
		add_text(o, "profile.frame.type", "kernel", strlen("kernel"));
	else if (module && module->type == OC_MODULE_FILE)
		add_text(o, "profile.frame.type", "native", strlen("native"));
	put_indices(o, LOCATION_ATTRIBUTES);
	end_entry(o, entry);
}

static void write_function(struct otlp *o, oc_function_id id)
{
	const struct oc_function *function = oc_machine_function(o->m, id);
	size_t entry = proto_begin(&o->bytes, DICTIONARY_FUNCTIONS);
	uint32_t name = string_index(o, function->name);

	proto_u64(&o->bytes, FUNCTION_NAME, name ? name : literal_index(o, "[unknown]"));
	proto_u64_unless_0(&o->bytes, FUNCTION_SYSTEM_NAME, string_index(o, function->system_name));
	proto_u64_unless_0(&o->bytes, FUNCTION_FILE, string_index(o, function->file));
	proto_u64_unless_0(&o->bytes, FUNCTION_START, function->start_line);
	end_entry(o, entry);
}

static void write_mapping(struct otlp *o, oc_mapping_id id)
{
	const struct oc_mapping *mapping = oc_machine_mapping(o->m, id);
	const struct oc_module *module = oc_machine_module(o->m, mapping->module);
	size_t entry = proto_begin(&o->bytes, DICTIONARY_MAPPINGS), len;
	char hex[2 * OC_BUILD_ID_MAX + 1] = "";
	int64_t text;

	proto_u64(&o->bytes, MAPPING_START, mapping->start);
	proto_u64(&o->bytes, MAPPING_LIMIT, mapping->end);
	proto_u64_unless_0(&o->bytes, MAPPING_OFFSET, mapping->file_offset);
	proto_u64_unless_0(&o->bytes, MAPPING_FILE, string_index(o, module->path));
	o->nr_indices = 0;
	/* There is an attribute for that of an ELF file, none for that of a program of Windows. */
	if (!text_is_windows_path(oc_machine_string(o->m, module->path, NULL)))
		hex_text(module->build_id, module->build_id_size, hex);
	len = strlen(hex);
	text = len ? text_table_copy(&o->texts, hex, len) : 0;
	if (text < 0)
		fail(o);
	if (text > 0)
		add_text(o, "process.executable.build_id.gnu", o->texts.texts[text - 1].text, len);
	put_indices(o, MAPPING_ATTRIBUTES);
	end_entry(o, entry);
}

static void write_attribute(struct otlp *o, const struct attribute *attribute)
{
	size_t entry = proto_begin(&o->bytes, DICTIONARY_ATTRIBUTES), any;

	proto_u64(&o->bytes, ATTRIBUTE_KEY, attribute->key);
	any = proto_begin(&o->bytes, ATTRIBUTE_VALUE);
	if (attribute->is_int) {
		proto_u64(&o->bytes, ANY_INT, attribute->value);
	} else {
		const struct text empty = { "", 0 };
		const struct text *text =
			attribute->value ? &o->texts.texts[attribute->value - 1] : &empty;

		proto_bytes(&o->bytes, ANY_STRING, text->text, text->len);
	}
	proto_end(&o->bytes, any);
	end_entry(o, entry);
}

static void write_string(struct otlp *o, const char *text, size_t len)
{
	proto_bytes(&o->bytes, DICTIONARY_STRINGS, text, len);
	flush_bytes(o, FLUSH_BYTES);
}

/* Each table is complete when those before it are written, and strings come last. */
static int write_tables(struct otlp *o)
{
	static const uint32_t tables[] = { DICTIONARY_MAPPINGS,   DICTIONARY_LOCATIONS,
					   DICTIONARY_FUNCTIONS,  DICTIONARY_LINKS,
					   DICTIONARY_ATTRIBUTES, DICTIONARY_STACKS };

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		write_nothing(o, tables[i]);
	for (uint32_t i = 0; i < o->stacks.nr && !o->error; i++)
		write_stack(o, o->stacks.ids[i]);
	for (uint32_t i = 0; i < o->locations.nr && !o->error; i++)
		write_location(o, o->locations.ids[i]);
	for (uint32_t i = 0; i < o->functions.nr && !o->error; i++)
		write_function(o, o->functions.ids[i]);
	for (uint32_t i = 0; i < o->mappings.nr && !o->error; i++)
		write_mapping(o, o->mappings.ids[i]);
	for (size_t i = 0; i < o->attribute_ids.count && !o->error; i++)
		write_attribute(o, &o->attributes[i]);
	write_string(o, "", 0);
	for (size_t i = 0; i < o->texts.ids.count && !o->error; i++)
		write_string(o, o->texts.texts[i].text, o->texts.texts[i].len);
	return flush_bytes(o, 0);
}

/*
 * The size of a message stands before it, and not every reader puts a message together that comes in pieces. So the
 * tables are made twice: once to give out all numbers and count the bytes, once to write them.
 */
static int write_dictionary(struct otlp *o)
{
	uint8_t head[PROTO_HEAD_MAX];
	int rc = flush_bytes(o, 0);

	o->counting = true;
	if (!rc)
		rc = write_tables(o);
	o->counting = false;
	if (rc)
		return rc;
	buffer_append(&o->bytes, head, proto_put_head(head, DATA_DICTIONARY, o->counted));
	return write_tables(o);
}

/* ---- life --------------------------------------------------------------------------------------------------- */

static int otlp_init(struct otlp *o, struct thread_samples *ts)
{
	int rc = thread_samples_init(ts, o->m);

	o->samples = calloc(PROFILE_SAMPLES, sizeof(*o->samples));
	if (!rc && !o->samples)
		rc = -ENOMEM;
	if (!rc)
		rc = numbering_init(&o->mappings, oc_machine_nr_mappings(o->m));
	if (!rc)
		rc = numbering_init(&o->locations, oc_machine_nr_locations(o->m));
	if (!rc)
		rc = numbering_init(&o->functions, oc_machine_nr_functions(o->m));
	if (!rc)
		rc = numbering_init(&o->stacks, oc_machine_nr_stacks(o->m));
	return rc;
}

static void otlp_done(struct otlp *o)
{
	buffer_done(&o->bytes);
	numbering_done(&o->mappings);
	numbering_done(&o->locations);
	numbering_done(&o->functions);
	numbering_done(&o->stacks);
	text_table_done(&o->texts);
	free(o->attributes);
	id_table_done(&o->attribute_ids);
	free(o->samples);
	free(o->indices);
}

static int write_otlp(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	struct otlp o = { .m = m, .out = out };
	struct thread_samples ts = { 0 };
	const struct thread_visitor visitor = {
		.nr_rounds = 1,
		.begin = begin_group,
		.round = begin_round,
		.sample = gather_sample,
		.end = end_group,
		.arg = &o,
	};
	int rc = otlp_init(&o, &ts);

	if (rc) {
		oc_error_set(err, rc, "cannot prepare OTLP profiles: %s", strerror(-rc));
	} else {
		rc = thread_samples_visit(&ts, &visitor);
		if (!rc)
			rc = write_dictionary(&o);
	}
	thread_samples_done(&ts);
	otlp_done(&o);
	return rc;
}

const struct oc_format oc_format_otlp = {
	.name = "otlp",
	.description = "OpenTelemetry profiles, protobuf of v1development",
	.extensions = (const char *const[]){ ".otlp", NULL },
	.write = write_otlp,
};
