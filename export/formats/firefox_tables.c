/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of a Firefox profile that all threads share: arrays of columns, of which each is asked for value by value.
 * Called by firefox.c.
 * Must not know samples.
 */
#include "export/formats/firefox_private.h"

#include <string.h>

/* Index of a text, which stays where it is, in one of the tables of texts. */
static uint64_t text_index(struct firefox *f, struct text_table *table, const char *text,
			   size_t len)
{
	int64_t id = text_table_borrow(table, text, len);

	if (id > 0)
		return (uint64_t)id - 1;
	firefox_fail(f);
	return 0;
}

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
	uint64_t category = FIREFOX_CATEGORY_OTHER;

	if (frame.location) {
		switch (code_describe(f->m, code_of(f->m, &frame)).kind) {
		case OC_FRAME_KERNEL:
			category = FIREFOX_CATEGORY_KERNEL;
			break;
		case OC_FRAME_JIT:
			category = FIREFOX_CATEGORY_JIT;
			break;
		default:
			category = FIREFOX_CATEGORY_USER;
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
	json_key_u64(j, "length", nr);
	json_object_end(j);
}

/* Each table is complete when those before it are written: stacks name frames, frames functions, and so on. */
void firefox_write_shared(struct firefox *f)
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
