/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `record-trace list formats`: the output formats and the file extensions that choose them.
 * Called by main().
 * Must not know any format by name.
 */
#include "cli/commands.h"

#include <onecollect/format.h>
#include <onecollect/reader.h>

#include "base/json.h"
#include "base/macros.h"
#include "cli/suggest.h"

#define NAME_WIDTH       12
#define EXTENSIONS_WIDTH 28

static void extensions(struct buffer *out, const struct oc_format *f)
{
	for (size_t i = 0; f->extensions[i]; i++)
		buffer_printf(out, "%s%s", i ? " " : "", f->extensions[i]);
}

/* Input formats that nothing is written in. */
static void inputs_text(struct buffer *out)
{
	size_t nr;
	const struct oc_reader *const *readers = oc_readers(&nr);

	for (size_t i = 0; i < nr; i++) {
		if (!oc_format_by_name(readers[i]->name))
			buffer_printf(out, "%-*s %-*s %s (is only read)\n", NAME_WIDTH,
				      readers[i]->name, EXTENSIONS_WIDTH, "",
				      readers[i]->description);
	}
}

static void inputs_json(struct json *j)
{
	size_t nr;
	const struct oc_reader *const *readers = oc_readers(&nr);

	json_key(j, "inputs");
	json_array_begin(j);
	for (size_t i = 0; i < nr; i++) {
		json_object_begin(j);
		json_key(j, "name");
		json_string(j, readers[i]->name);
		json_key(j, "description");
		json_string(j, readers[i]->description);
		json_object_end(j);
	}
	json_array_end(j);
}

static void formats_text(struct buffer *out, const struct stream *s)
{
	size_t nr;
	const struct oc_format *const *formats = oc_formats(&nr);

	buffer_printf(out, "%s%-*s %-*s %s%s\n", style_begin(s, STYLE_BOLD), NAME_WIDTH, "format",
		      EXTENSIONS_WIDTH, "extensions", "what it is", style_end(s, STYLE_BOLD));
	for (size_t i = 0; i < nr; i++) {
		struct buffer list = BUFFER_INIT;

		extensions(&list, formats[i]);
		buffer_printf(out, "%-*s %-*s %s%s%s\n", NAME_WIDTH, formats[i]->name,
			      EXTENSIONS_WIDTH, list.data && !list.error ? list.data : "",
			      formats[i]->description,
			      formats[i]->needs_times ? " (records a timeline)" : "",
			      oc_reader_by_name(formats[i]->name) ? " (is read, too)" : "");
		buffer_done(&list);
	}
	inputs_text(out);
}

static void formats_json(struct buffer *out)
{
	size_t nr;
	const struct oc_format *const *formats = oc_formats(&nr);
	struct json j;

	json_init(&j, out);
	json_object_begin(&j);
	json_key(&j, "version");
	json_u64(&j, 1);
	json_key(&j, "formats");
	json_array_begin(&j);
	for (size_t i = 0; i < nr; i++) {
		json_object_begin(&j);
		json_key(&j, "name");
		json_string(&j, formats[i]->name);
		json_key(&j, "description");
		json_string(&j, formats[i]->description);
		json_key(&j, "extensions");
		json_array_begin(&j);
		for (const char *const *e = formats[i]->extensions; *e; e++)
			json_string(&j, *e);
		json_array_end(&j);
		json_key(&j, "needs_times");
		json_bool(&j, formats[i]->needs_times);
		json_object_end(&j);
	}
	json_array_end(&j);
	inputs_json(&j);
	json_object_end(&j);
	buffer_putc(out, '\n');
}

int cmd_list(const struct options *o, const struct console *c)
{
	const char *topic = options_arg(o);
	struct suggestion near = { .wanted = topic };
	struct buffer text = BUFFER_INIT;
	int rc;

	if (!topic) {
		console_error(c, "say what to list: record-trace list formats");
		return OC_EXIT_USAGE;
	}
	if (!strcmp(topic, "events") || !strcmp(topic, "scenarios")) {
		console_error(c, "listing %s is not possible in this version of record-trace",
			      topic);
		return OC_EXIT_USAGE;
	}
	if (strcmp(topic, "formats")) {
		suggest_consider(&near, "formats");
		console_error(c, "there is no list of '%s'; %s", topic,
			      near.best ? "did you mean 'formats'?" : "there is: list formats");
		return OC_EXIT_USAGE;
	}
	if (o->json)
		formats_json(&text);
	else
		formats_text(&text, &c->out);
	rc = console_print(c, &text);
	buffer_done(&text);
	return rc ? OC_EXIT_FAILED : OC_EXIT_OK;
}
