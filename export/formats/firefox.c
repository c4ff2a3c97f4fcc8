/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firefox Profiler's "processed profile", as it is or compressed.
 * Called through the format table.
 * Must not know how samples were recorded.
 *
 * Written is version 66 of the format: the application upgrades older files, so a file stays readable while newer
 * versions appear. Tables are arrays of columns; those of samples are written in one round over the samples each.
 */
#include <onecollect/format.h>

#include <errno.h>

#include "base/hex.h"
#include "base/macros.h"
#include "base/pdb_id.h"
#include "base/text.h"
#include "export/amount.h"
#include "export/formats/formats_private.h"
#include "export/formats/json_output.h"
#include "export/numbering.h"
#include "export/stack_tree.h"
#include "export/text_table.h"
#include "export/thread_samples.h"

#define VERSION       66
#define GECKO_VERSION 24
#define GZIP_LEVEL    3
/* Times are milliseconds, with so many decimals they are exact. */
#define MS_DECIMALS 6
#define US_DECIMALS 3

enum { CATEGORY_OTHER, CATEGORY_USER, CATEGORY_KERNEL, CATEGORY_JIT };
enum { ROUND_STACK, ROUND_TIME, ROUND_WEIGHT, ROUND_CPU, NR_ROUNDS };
#define RESOURCE_LIBRARY 1

static const char *const sample_columns[NR_ROUNDS] = { "stack", "time", "weight",
						       "threadCPUDelta" };

struct firefox {
	const struct oc_machine *m;
	struct json_output out;
	struct stack_tree tree;    /* by place */
	struct numbering frames;   /* of places: index in frameTable + 1 */
	struct numbering codes;    /* index in funcTable + 1 */
	struct numbering modules;  /* index in libs and resourceTable + 1 */
	struct text_table sources; /* source files: index in sources + 1 */
	struct text_table texts;   /* index in stringArray + 1 */
	struct thread_axis axis;
	unsigned int round;
	uint64_t length; /* rows of the sample table being written */
	int error;
};

static void fail(struct firefox *f)
{
	if (!f->error)
		f->error = -ENOMEM;
}

/* Index of a text, which stays where it is, in one of the tables of texts. */
static uint64_t text_index(struct firefox *f, struct text_table *table, const char *text,
			   size_t len)
{
	int64_t id = text_table_borrow(table, text, len);

	if (id > 0)
		return (uint64_t)id - 1;
	fail(f);
	return 0;
}

static void key_u64(struct json *j, const char *key, uint64_t value)
{
	json_key(j, key);
	json_u64(j, value);
}

static void key_string(struct json *j, const char *key, const char *value)
{
	json_key(j, key);
	json_string(j, value);
}

static void key_empty_array(struct json *j, const char *key)
{
	json_key(j, key);
	json_array_begin(j);
	json_array_end(j);
}

/* ---- samples ------------------------------------------------------------------------------------------------ */

/* Kinds sampled by time count samples; others weigh what they measured. */
static const char *weight_type(const struct oc_kind *kind)
{
	if (kind->period_ns)
		return "samples";
	if (amount_unit(kind) == OC_UNIT_NANOSECONDS)
		return "tracing-ms";
	return amount_unit(kind) == OC_UNIT_BYTES ? "bytes" : "samples";
}

static void write_weight(struct json *j, const struct oc_machine *m, const struct oc_sample *sample)
{
	const struct oc_kind *kind = oc_machine_kind(m, sample->kind);
	uint64_t amount = amount_of(kind, sample->count, sample_value(m, sample));

	if (kind->period_ns)
		json_u64(j, sample->count);
	else if (amount_unit(kind) == OC_UNIT_NANOSECONDS)
		json_decimal(j, amount, MS_DECIMALS);
	else
		json_u64(j, amount);
}

/* CPU time of a stretch; other kinds of sample say nothing about it. */
static void write_cpu_delta(struct firefox *f, const struct oc_sample *sample, uint64_t ns)
{
	const struct oc_kind *kind = oc_machine_kind(f->m, sample->kind);

	if (kind->period_ns && amount_unit(kind) == OC_UNIT_NANOSECONDS)
		json_decimal(&f->out.json, ns, US_DECIMALS);
	else
		json_null(&f->out.json);
}

/* From a moment to nanoseconds of the file. */
static uint64_t since_start(const struct firefox *f, uint64_t time_ns)
{
	uint64_t start = oc_machine_info(f->m)->start_mono_ns;

	return time_ns > start ? time_ns - start : 0;
}

static uint64_t sample_time(const struct firefox *f, const struct oc_sample *sample,
			    const struct thread_stretch *stretch)
{
	if (f->axis.origin_ns)
		return since_start(f, f->axis.origin_ns + stretch->end);
	if (sample->time_ns)
		return since_start(f, sample->time_ns);
	/* Laid end to end, when the amounts are times at all. */
	return amount_unit(oc_machine_kind(f->m, sample->kind)) == OC_UNIT_NANOSECONDS
		       ? stretch->end
		       : 0;
}

/* A row that says: from here on nothing runs, up to the next row. Weighs nothing. */
static void write_pause(struct firefox *f, const struct oc_sample *sample, uint64_t ns)
{
	struct json *j = &f->out.json;

	if (f->round == ROUND_STACK)
		json_null(j);
	else if (f->round == ROUND_TIME)
		json_decimal(j, ns, MS_DECIMALS);
	else if (f->round == ROUND_WEIGHT)
		json_u64(j, 0);
	else
		write_cpu_delta(f, sample, 0);
	f->length += f->round == ROUND_STACK;
}

static void write_sample_stack(struct firefox *f, oc_stack_id stack)
{
	int64_t node = stack_tree_add(&f->tree, 0, stack);

	if (node > 0)
		json_u64(&f->out.json, (uint64_t)node - 1);
	else
		fail(f);
	f->length++;
}

static int write_sample(void *arg, const struct thread_group *group, const struct oc_sample *sample)
{
	struct firefox *f = arg;
	struct json *j = &f->out.json;
	uint64_t before = f->axis.end;
	struct thread_stretch stretch = thread_axis_next(&f->axis, f->m, sample);

	(void)group;
	if (stretch.gap) {
		write_pause(f, sample, since_start(f, f->axis.origin_ns + before));
		write_pause(f, sample, since_start(f, f->axis.origin_ns + stretch.start));
	}
	switch (f->round) {
	case ROUND_STACK:
		write_sample_stack(f, sample->stack);
		break;
	case ROUND_TIME:
		json_decimal(j, sample_time(f, sample, &stretch), MS_DECIMALS);
		break;
	case ROUND_WEIGHT:
		write_weight(j, f->m, sample);
		break;
	default:
		write_cpu_delta(f, sample, stretch.end - stretch.start);
		break;
	}
	return f->error ? f->error : json_output_flush(&f->out);
}

static int begin_round(void *arg, const struct thread_group *group, unsigned int round)
{
	struct firefox *f = arg;

	if (round)
		json_array_end(&f->out.json);
	f->axis = thread_axis_begin(f->m, group);
	f->round = round;
	json_key(&f->out.json, sample_columns[round]);
	json_array_begin(&f->out.json);
	return 0;
}

/* ---- threads ------------------------------------------------------------------------------------------------ */

static void write_thread_name(struct firefox *f, const struct thread_group *group)
{
	const struct oc_process *process = oc_machine_process(f->m, group->process);
	const struct oc_thread *thread = oc_machine_thread(f->m, group->thread);
	oc_string_id name = thread && thread->name ? thread->name : process ? process->comm : 0;
	struct json *j = &f->out.json;
	struct buffer text = BUFFER_INIT;

	if (oc_machine_nr_kinds(f->m) > 1)
		buffer_printf(&text, "%s: ", oc_machine_kind(f->m, group->kind)->name);
	buffer_puts(&text, name ? oc_machine_string(f->m, name, NULL) : "[unknown]");
	if (text.error)
		fail(f);
	json_key(j, "name");
	json_string_len(j, text.error ? "" : text.data, text.len);
	buffer_done(&text);
	key_string(j, "processName",
		   process ? oc_machine_string(f->m, process->comm, NULL) : "[unknown]");
}

/* Times of the process's image, as far as they lie in the recording. */
static void write_life(struct firefox *f, const struct oc_process *process)
{
	struct json *j = &f->out.json;
	bool ended = process && process->end_ns != UINT64_MAX;

	json_key(j, "processStartupTime");
	json_decimal(j, process ? since_start(f, process->start_ns) : 0, MS_DECIMALS);
	json_key(j, "processShutdownTime");
	if (ended)
		json_decimal(j, since_start(f, process->end_ns), MS_DECIMALS);
	else
		json_null(j);
	json_key(j, "registerTime");
	json_decimal(j, process ? since_start(f, process->start_ns) : 0, MS_DECIMALS);
	json_key(j, "unregisterTime");
	if (ended)
		json_decimal(j, since_start(f, process->end_ns), MS_DECIMALS);
	else
		json_null(j);
}

/* Opens a thread and its sample table. */
static void open_thread(struct firefox *f, const struct thread_group *group)
{
	static const char *const marker_columns[] = { "category",  "data",    "name",
						      "startTime", "endTime", "phase" };
	const struct oc_process *process = oc_machine_process(f->m, group->process);
	const struct oc_thread *thread = oc_machine_thread(f->m, group->thread);
	struct json *j = &f->out.json;
	char pid[16];

	snprintf(pid, sizeof(pid), "%u", process ? process->pid : 0);
	json_object_begin(j);
	write_thread_name(f, group);
	key_string(j, "processType", "default");
	key_string(j, "pid", pid);
	key_u64(j, "tid", thread ? thread->tid : 0);
	json_key(j, "isMainThread");
	json_bool(j, process && thread && process->pid == thread->tid);
	write_life(f, process);
	key_empty_array(j, "pausedRanges");
	json_key(j, "showMarkersInTimeline");
	json_bool(j, false);
	json_key(j, "markers");
	json_object_begin(j);
	for (size_t i = 0; i < ARRAY_SIZE(marker_columns); i++)
		key_empty_array(j, marker_columns[i]);
	key_u64(j, "length", 0);
	json_object_end(j);
	json_key(j, "samples");
	json_object_begin(j);
	f->length = 0;
}

static int begin_thread(void *arg, const struct thread_group *group)
{
	struct firefox *f = arg;

	open_thread(f, group);
	key_string(&f->out.json, "weightType", weight_type(oc_machine_kind(f->m, group->kind)));
	return 0;
}

static void close_thread(struct firefox *f)
{
	key_u64(&f->out.json, "length", f->length);
	json_object_end(&f->out.json);
	json_object_end(&f->out.json);
}

static int end_thread(void *arg, const struct thread_group *group)
{
	struct firefox *f = arg;

	(void)group;
	json_array_end(&f->out.json);
	close_thread(f);
	return json_output_flush(&f->out);
}

/* The application refuses a profile without threads, so that nothing was sampled is said by a thread. */
static void write_empty_thread(struct firefox *f)
{
	static const struct thread_group none;

	open_thread(f, &none);
	key_string(&f->out.json, "weightType", "samples");
	for (size_t i = 0; i < NR_ROUNDS; i++)
		key_empty_array(&f->out.json, sample_columns[i]);
	close_thread(f);
}

/* ---- shared tables ------------------------------------------------------------------------------------------ */

/* Writes one column of nr rows by asking for each value. */
static void write_column(struct firefox *f, const char *key, size_t nr,
			 void (*value)(struct firefox *f, uint32_t row))
{
	json_key(&f->out.json, key);
	json_array_begin(&f->out.json);
	for (size_t i = 0; i < nr && !json_output_flush(&f->out); i++)
		value(f, (uint32_t)i);
	json_array_end(&f->out.json);
}

static void value_null(struct firefox *f, uint32_t row)
{
	(void)row;
	json_null(&f->out.json);
}

static void value_zero(struct firefox *f, uint32_t row)
{
	(void)row;
	json_u64(&f->out.json, 0);
}

static void value_none(struct firefox *f, uint32_t row)
{
	(void)row;
	json_i64(&f->out.json, -1);
}

static void value_false(struct firefox *f, uint32_t row)
{
	(void)row;
	json_bool(&f->out.json, false);
}

static void stack_frame(struct firefox *f, uint32_t row)
{
	json_u64(&f->out.json, number_of(&f->frames, f->tree.nodes[row].item) - 1);
}

/* How far back the parent is; 0 = none. */
static void stack_prefix(struct firefox *f, uint32_t row)
{
	uint32_t parent = f->tree.nodes[row].parent;

	json_u64(&f->out.json, parent ? row - (parent - 1) : 0);
}

static struct frame frame_at(struct firefox *f, uint32_t row)
{
	return place_frame(&f->tree.places, f->frames.ids[row]);
}

static void frame_function(struct firefox *f, uint32_t row)
{
	struct frame frame = frame_at(f, row);

	json_u64(&f->out.json, number_of(&f->codes, code_of(f->m, &frame)) - 1);
}

static void frame_depth(struct firefox *f, uint32_t row)
{
	struct frame frame = frame_at(f, row);
	uint32_t nr = 0;

	if (frame.location)
		oc_machine_location_lines(f->m, frame.location, &nr);
	json_u64(&f->out.json, nr ? nr - 1 - frame.line : 0);
}

static void frame_line(struct firefox *f, uint32_t row)
{
	struct frame frame = frame_at(f, row);
	uint32_t nr = 0;
	const struct oc_line *lines =
		frame.location ? oc_machine_location_lines(f->m, frame.location, &nr) : NULL;

	if (lines && lines[frame.line].line)
		json_u64(&f->out.json, lines[frame.line].line);
	else
		json_null(&f->out.json);
}

static void frame_category(struct firefox *f, uint32_t row)
{
	struct frame frame = frame_at(f, row);
	uint64_t category = CATEGORY_OTHER;

	if (frame.location) {
		switch (code_describe(f->m, code_of(f->m, &frame)).kind) {
		case OC_FRAME_KERNEL:
			category = CATEGORY_KERNEL;
			break;
		case OC_FRAME_JIT:
			category = CATEGORY_JIT;
			break;
		default:
			category = CATEGORY_USER;
			break;
		}
	}
	json_u64(&f->out.json, category);
}

static void function_name(struct firefox *f, uint32_t row)
{
	struct code code = code_describe(f->m, f->codes.ids[row]);

	json_u64(&f->out.json, text_index(f, &f->texts, code.name, code.name_len));
}

static void function_resource(struct firefox *f, uint32_t row)
{
	struct code code = code_describe(f->m, f->codes.ids[row]);

	if (code.module && code.module->type != OC_MODULE_ANON &&
	    code.module->type != OC_MODULE_UNKNOWN)
		json_u64(&f->out.json, number_of(&f->modules, code.module_id) - 1);
	else
		json_i64(&f->out.json, -1);
}

static void function_source(struct firefox *f, uint32_t row)
{
	struct code code = code_describe(f->m, f->codes.ids[row]);
	size_t len = 0;
	const char *file =
		code.function ? oc_machine_string(f->m, code.function->file, &len) : NULL;

	if (len)
		json_u64(&f->out.json, text_index(f, &f->sources, file, len));
	else
		json_null(&f->out.json);
}

static void function_line(struct firefox *f, uint32_t row)
{
	struct code code = code_describe(f->m, f->codes.ids[row]);

	if (code.function && code.function->start_line)
		json_u64(&f->out.json, code.function->start_line);
	else
		json_null(&f->out.json);
}

static void source_name(struct firefox *f, uint32_t row)
{
	const struct text *text = &f->sources.texts[row];

	json_u64(&f->out.json, text_index(f, &f->texts, text->text, text->len));
}

static void value_one(struct firefox *f, uint32_t row)
{
	(void)row;
	json_u64(&f->out.json, 1);
}

static void resource_library(struct firefox *f, uint32_t row)
{
	json_u64(&f->out.json, row);
}

static void resource_name(struct firefox *f, uint32_t row)
{
	const char *name = module_base_name(f->m, oc_machine_module(f->m, f->modules.ids[row]));

	json_u64(&f->out.json, text_index(f, &f->texts, name, strlen(name)));
}

static void string_text(struct firefox *f, uint32_t row)
{
	json_string_len(&f->out.json, f->texts.texts[row].text, f->texts.texts[row].len);
}

struct column {
	const char *key;
	void (*value)(struct firefox *f, uint32_t row);
};

static void write_table(struct firefox *f, const char *key, size_t nr, const struct column *columns)
{
	struct json *j = &f->out.json;

	json_key(j, key);
	json_object_begin(j);
	for (; columns->key; columns++)
		write_column(f, columns->key, nr, columns->value);
	key_u64(j, "length", nr);
	json_object_end(j);
}

/* Each table is complete when those before it are written: stacks name frames, frames functions, and so on. */
static void write_shared(struct firefox *f)
{
	static const struct column stacks[] = { { "frame", stack_frame },
						{ "prefixOffset", stack_prefix },
						{ 0 } };
	static const struct column frames[] = { { "func", frame_function },
						{ "address", value_none },
						{ "inlineDepth", frame_depth },
						{ "category", frame_category },
						{ "subcategory", value_zero },
						{ "nativeSymbol", value_null },
						{ "innerWindowID", value_zero },
						{ "line", frame_line },
						{ "column", value_null },
						{ "originalLocation", value_null },
						{ 0 } };
	static const struct column functions[] = { { "name", function_name },
						   { "isJS", value_false },
						   { "relevantForJS", value_false },
						   { "resource", function_resource },
						   { "source", function_source },
						   { "lineNumber", function_line },
						   { "columnNumber", value_null },
						   { "originalLocation", value_null },
						   { 0 } };
	static const struct column resources[] = { { "lib", resource_library },
						   { "name", resource_name },
						   { "host", value_null },
						   { "type", value_one },
						   { 0 } };
	static const struct column sources[] = { { "id", value_null },
						 { "filename", source_name },
						 { "startLine", value_one },
						 { "startColumn", value_one },
						 { "sourceMapURL", value_null },
						 { "content", value_null },
						 { 0 } };
	static const struct column symbols[] = { { "address", value_null },
						 { "functionSize", value_null },
						 { "libIndex", value_null },
						 { "name", value_null },
						 { 0 } };
	static const struct column positions[] = {
		{ "source", value_null }, { "line", value_null }, { "column", value_null }, { 0 }
	};
	struct json *j = &f->out.json;

	json_key(j, "shared");
	json_object_begin(j);
	write_table(f, "stackTable", f->tree.nr, stacks);
	write_table(f, "frameTable", f->frames.nr, frames);
	write_table(f, "funcTable", f->codes.nr, functions);
	write_table(f, "resourceTable", f->modules.nr, resources);
	write_table(f, "sources", f->sources.ids.count, sources);
	write_table(f, "nativeSymbols", 0, symbols);
	write_table(f, "sourceLocationTable", 0, positions);
	write_column(f, "stringArray", f->texts.ids.count, string_text);
	json_object_end(j);
}

/* ---- libraries and facts ------------------------------------------------------------------------------------ */

/*
 * The id that symbol servers know an ELF file by: the first 16 bytes of the build-id as a GUID, whose first three parts
 * are numbers and so come with their bytes turned round, and an age of 0. Source: Breakpad's symbol files.
 */
static void write_debug_id(struct json *j, const struct oc_module *module)
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	char id[2 * sizeof(order) + 2];

	for (size_t i = 0; i < sizeof(order); i++)
		snprintf(id + 2 * i, 3, "%02X",
			 order[i] < module->build_id_size ? module->build_id[order[i]] : 0);
	id[2 * sizeof(order)] = '0';
	id[2 * sizeof(order) + 1] = '\0';
	key_string(j, "breakpadId", module->build_id_size ? id : "");
}

/* Of Windows, symbol servers know the PDB file, by GUID and age. */
static void write_pdb(struct json *j, const struct oc_module *module, const char *told,
		      const char *path)
{
	char key[PDB_ID_KEY_SIZE] = "";
	struct buffer name = BUFFER_INIT;

	if (module->build_id_size == PDB_ID_SIZE)
		pdb_id_key(module->build_id, key);
	pdb_put_name(&name, told, path);
	key_string(j, "debugName", name.error ? "" : name.data);
	key_string(j, "debugPath", name.error ? "" : name.data);
	key_string(j, "breakpadId", key);
	buffer_done(&name);
}

static void write_library(struct firefox *f, const struct oc_module *module)
{
	struct json *j = &f->out.json;
	char hex[2 * OC_BUILD_ID_MAX + 1];
	const char *path = oc_machine_string(f->m, module->path, NULL);
	const char *name = module_base_name(f->m, module);

	hex_text(module->build_id, module->build_id_size, hex);
	json_object_begin(j);
	key_string(j, "name", name);
	key_string(j, "path", path);
	if (text_is_windows_path(path)) {
		write_pdb(j, module, oc_machine_string(f->m, module->symbol_file, NULL), path);
	} else {
		key_string(j, "debugName", name);
		key_string(j, "debugPath", path);
		write_debug_id(j, module);
	}
	json_key(j, "codeId");
	if (*hex && !text_is_windows_path(path))
		json_string(j, hex);
	else
		json_null(j);
	json_key(j, "arch");
	json_null(j);
	json_object_end(j);
}

static void write_categories(struct json *j)
{
	static const char *const categories[][2] = {
		[CATEGORY_OTHER] = { "Other", "grey" },
		[CATEGORY_USER] = { "User", "yellow" },
		[CATEGORY_KERNEL] = { "Kernel", "orange" },
		[CATEGORY_JIT] = { "JIT", "green" },
	};

	json_key(j, "categories");
	json_array_begin(j);
	for (size_t i = 0; i < ARRAY_SIZE(categories); i++) {
		json_object_begin(j);
		key_string(j, "name", categories[i][0]);
		key_string(j, "color", categories[i][1]);
		json_key(j, "subcategories");
		json_array_begin(j);
		json_string(j, "Other");
		json_array_end(j);
		json_object_end(j);
	}
	json_array_end(j);
}

/* What was lost is shown by the application among the facts of the profile. */
static void write_ledger(struct firefox *f)
{
	struct json *j = &f->out.json;
	char *summary;

	if (oc_ledger_summary(oc_machine_ledger_const(f->m), &summary)) {
		fail(f);
		return;
	}
	json_key(j, "extra");
	json_array_begin(j);
	json_object_begin(j);
	key_string(j, "label", "Ledger");
	json_key(j, "entries");
	json_array_begin(j);
	for (char *line = summary, *end; (end = strchr(line, '\n')); line = end + 1) {
		json_object_begin(j);
		key_string(j, "label", "");
		key_string(j, "format", "string");
		json_key(j, "value");
		json_string_len(j, line, (size_t)(end - line));
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
	json_array_end(j);
	free(summary);
}

static void write_meta(struct firefox *f)
{
	const struct oc_recording_info *info = oc_machine_info(f->m);
	const struct oc_kind *kind = oc_machine_kind(f->m, 1);
	struct json *j = &f->out.json;

	json_key(j, "meta");
	json_object_begin(j);
	key_u64(j, "version", GECKO_VERSION);
	key_u64(j, "preprocessedProfileVersion", VERSION);
	json_key(j, "interval");
	json_decimal(j, kind && kind->period_ns ? kind->period_ns : 1000000, MS_DECIMALS);
	json_key(j, "startTime");
	json_decimal(j, info->start_wall_ns, MS_DECIMALS);
	json_key(j, "startTimeAsClockMonotonicNanosecondsSinceBoot");
	json_u64(j, info->start_mono_ns);
	key_u64(j, "processType", 0);
	json_key(j, "product");
	json_machine_string(j, f->m, info->command ? info->command : info->hostname);
	json_key(j, "oscpu");
	json_machine_string(j, f->m, info->os);
	key_u64(j, "logicalCPUs", info->nr_cpus);
	json_key(j, "symbolicated");
	json_bool(j, true);
	json_key(j, "debug");
	json_bool(j, false);
	json_key(j, "usesOnlyOneStackType");
	json_bool(j, true);
	json_key(j, "sourceCodeIsNotOnSearchfox");
	json_bool(j, true);
	key_empty_array(j, "markerSchema");
	write_categories(j);
	json_key(j, "sampleUnits");
	json_object_begin(j);
	key_string(j, "time", "ms");
	key_string(j, "eventDelay", "ms");
	key_string(j, "threadCPUDelta", "\302\265s");
	json_object_end(j);
	json_key(j, "extensions");
	json_object_begin(j);
	key_empty_array(j, "baseURL");
	key_empty_array(j, "id");
	key_empty_array(j, "name");
	key_u64(j, "length", 0);
	json_object_end(j);
	write_ledger(f);
	json_object_end(j);
}

/* ---- the document ------------------------------------------------------------------------------------------- */

static int write_document(struct firefox *f, const struct thread_samples *ts)
{
	const struct thread_visitor visitor = {
		.nr_rounds = NR_ROUNDS,
		.begin = begin_thread,
		.round = begin_round,
		.sample = write_sample,
		.end = end_thread,
		.arg = f,
	};
	struct json *j = &f->out.json;
	int rc;

	json_object_begin(j);
	write_meta(f);
	json_key(j, "threads");
	json_array_begin(j);
	rc = thread_samples_visit(ts, &visitor);
	if (!ts->nr)
		write_empty_thread(f);
	json_array_end(j);
	if (rc)
		return rc;
	write_shared(f);
	json_key(j, "libs");
	json_array_begin(j);
	for (uint32_t i = 0; i < f->modules.nr; i++)
		write_library(f, oc_machine_module(f->m, f->modules.ids[i]));
	json_array_end(j);
	key_empty_array(j, "pages");
	key_empty_array(j, "counters");
	json_object_end(j);
	return f->error;
}

static int firefox_init(struct firefox *f, struct thread_samples *ts)
{
	int rc = thread_samples_init(ts, f->m);

	if (!rc)
		rc = stack_tree_init(&f->tree, f->m, true);
	if (!rc)
		rc = numbering_init(&f->frames, f->tree.places.nr);
	if (!rc)
		rc = numbering_init(&f->codes, code_count(f->m));
	if (!rc)
		rc = numbering_init(&f->modules, oc_machine_nr_modules(f->m));
	return rc;
}

static int write_firefox(const struct oc_machine *m, struct oc_output *out, int gzip_level,
			 struct oc_error *err)
{
	struct firefox f = { .m = m };
	struct thread_samples ts = { 0 };
	int rc = firefox_init(&f, &ts), end_rc;

	if (rc) {
		oc_error_set(err, rc, "cannot prepare a Firefox profile: %s", strerror(-rc));
	} else {
		json_output_begin(&f.out, out, gzip_level);
		rc = write_document(&f, &ts);
		end_rc = json_output_end(&f.out);
		rc = rc ? rc : end_rc;
	}
	thread_samples_done(&ts);
	stack_tree_done(&f.tree);
	numbering_done(&f.frames);
	numbering_done(&f.codes);
	numbering_done(&f.modules);
	text_table_done(&f.sources);
	text_table_done(&f.texts);
	return rc;
}

static int write_plain(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	return write_firefox(m, out, 0, err);
}

static int write_packed(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	return write_firefox(m, out, GZIP_LEVEL, err);
}

const struct oc_format oc_format_firefox = {
	.name = "firefox",
	.description = "Firefox Profiler, time line with CPU use per thread",
	.extensions = (const char *const[]){ ".firefox.json", NULL },
	.write = write_plain,
};

const struct oc_format oc_format_firefox_gz = {
	.name = "firefox-gz",
	.description = "the same, compressed; the application opens both",
	.extensions = (const char *const[]){ ".firefox.json.gz", NULL },
	.write = write_packed,
};
