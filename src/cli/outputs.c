/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Choosing, trying and writing the files of a recording.
 * Called by cmd_record.c and cmd_convert.c.
 * Must not know how a format is written.
 */
#include "cli/outputs.h"

#include <errno.h>
#include <time.h>

#include <onecollect/ledger.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/os.h"
#include "cli/interrupt.h"
#include "cli/split_outputs.h"
#include "cli/suggest.h"

/* Formats written when none is asked for, by extension. */
static const char *const default_extensions[] = { ".octrace", ".html" };

#define SAME_NAME_MAX 1000

static const struct oc_format *find_format(const char *name, struct oc_error *err)
{
	const struct oc_format *format = oc_format_by_name(name);
	struct suggestion near = { .wanted = name };
	size_t nr;
	const struct oc_format *const *formats = oc_formats(&nr);

	if (format)
		return format;
	for (size_t i = 0; i < nr; i++)
		suggest_consider(&near, formats[i]->name);
	if (near.best)
		oc_error_set(err, -EINVAL,
			     "--format: there is no format '%.64s'; did you mean '%s'?", name,
			     near.best);
	else
		oc_error_set(err, -EINVAL,
			     "--format: there is no format '%.64s'; record-trace list formats "
			     "shows them",
			     name);
	return NULL;
}

/* Takes over path and stem, also when it fails. */
static int add_output(struct outputs *outs, const struct oc_format *format, char *path, char *stem,
		      const char *extension, struct oc_error *err)
{
	if (!path || array_reserve(&outs->items, &outs->cap, outs->nr + 1, sizeof(*outs->items))) {
		free(path);
		free(stem);
		return oc_error_set(err, -ENOMEM, "out of memory");
	}
	outs->items[outs->nr++] = (struct output){
		.path = path, .format = format, .stem = stem, .extension = extension
	};
	outs->needs_times |= format->needs_times;
	outs->to_stdout |= !strcmp(path, "-");
	return 0;
}

int outputs_add(struct outputs *outs, const struct oc_format *format, char *path,
		struct oc_error *err)
{
	return add_output(outs, format, path, NULL, NULL, err);
}

static char *print_path(const char *stem, unsigned int number, const char *extension)
{
	struct buffer path = BUFFER_INIT;

	buffer_puts(&path, stem);
	if (number > 1)
		buffer_printf(&path, "-%u", number);
	buffer_puts(&path, extension);
	if (path.error) {
		buffer_done(&path);
		return NULL;
	}
	return path.data;
}

static int add_named_by_us(struct outputs *outs, const struct oc_format *format, const char *stem,
			   const char *extension, struct oc_error *err)
{
	char *copy = strdup(stem);

	if (!copy)
		return oc_error_set(err, -ENOMEM, "out of memory");
	return add_output(outs, format, print_path(stem, 1, extension), copy, extension, err);
}

/* Default names in a directory ("" = the current one). */
static int add_defaults(struct outputs *outs, const char *directory, const struct oc_format *format,
			int64_t now_s, struct oc_error *err)
{
	struct buffer stem = BUFFER_INIT;
	time_t now = (time_t)now_s;
	struct tm tm;
	char stamp[32];
	int rc = 0;

	memset(&tm, 0, sizeof(tm));
	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	buffer_puts(&stem, directory);
	if (*directory && os_last_separator(directory) != directory + strlen(directory) - 1)
		buffer_putc(&stem, '/');
	buffer_printf(&stem, "record-trace-%s", stamp);
	if (outs->split >= 0)
		buffer_printf(&stem, "-{%s}", split_outputs_word(outs->split));
	if (stem.error) {
		buffer_done(&stem);
		return oc_error_set(err, -ENOMEM, "out of memory");
	}
	if (format)
		rc = add_named_by_us(outs, format, stem.data, format->extensions[0], err);
	for (size_t i = 0; !format && !rc && i < ARRAY_SIZE(default_extensions); i++)
		rc = add_named_by_us(outs, oc_format_by_path(default_extensions[i]), stem.data,
				     default_extensions[i], err);
	buffer_done(&stem);
	return rc;
}

static bool is_directory(const char *path)
{
	const char *separator = os_last_separator(path);
	struct os_file file;

	return (separator && !separator[1]) ||
	       (!os_file_at(path, true, &file) && file.type == OS_FILE_DIRECTORY);
}

/* PerfView knows which samples a file has, and of which program, by these names; "{kind}" is "CPU" or "CSwitch". */
static int add_perfview(struct outputs *outs, const char *directory, const struct oc_format *format,
			struct oc_error *err)
{
	const char *separator = os_last_separator(directory);
	struct buffer path = BUFFER_INIT;

	if (outs->split < 0)
		outs->split = OC_SPLIT_COMM;
	buffer_printf(&path, "%s%st.{%s}.{kind}.PerfView.xml", directory,
		      separator && !separator[1] ? "" : "/", split_outputs_word(outs->split));
	if (path.error) {
		buffer_done(&path);
		return oc_error_set(err, -ENOMEM, "out of memory");
	}
	return add_output(outs, format, path.data, NULL, NULL, err);
}

static void append_extensions(struct buffer *out)
{
	size_t nr;
	const struct oc_format *const *formats = oc_formats(&nr);

	for (size_t i = 0; i < nr; i++) {
		for (const char *const *e = formats[i]->extensions; *e; e++)
			buffer_printf(out, "%s%s", out->len ? " " : "", *e);
	}
}

static int add_asked(struct outputs *outs, const char *path, const struct oc_format *format,
		     size_t nr_asked, int64_t now_s, struct oc_error *err)
{
	const struct oc_format *by_path = oc_format_by_path(path);
	struct buffer known = BUFFER_INIT;

	if (strcmp(path, "-") && is_directory(path) && format &&
	    !strcmp(format->name, "perfview-xml"))
		return add_perfview(outs, path, format, err);
	if (strcmp(path, "-") && is_directory(path))
		return add_defaults(outs, path, format, now_s, err);
	/* One name may disagree with --format; among several, --format would have to break one of them. */
	if (format && by_path && by_path != format && nr_asked > 1)
		return oc_error_set(err, -EINVAL,
				    "--format %s contradicts -o %.128s (%s); leave --format out "
				    "with several outputs",
				    format->name, path, by_path->name);
	if (format || by_path)
		return add_output(outs, format ? format : by_path, strdup(path), NULL, NULL, err);
	if (!strcmp(path, "-"))
		return oc_error_set(err, -EINVAL,
				    "-o -: standard output has no extension; say the format with "
				    "--format NAME");
	append_extensions(&known);
	oc_error_set(err, -EINVAL,
		     "-o %.128s: no format has this extension (%s); add one or say --format NAME",
		     path, known.data && !known.error ? known.data : "none");
	buffer_done(&known);
	return -EINVAL;
}

/* The path with its directory resolved, so that different spellings of one file compare equal. NULL = no memory. */
static char *canonical_path(const char *path)
{
	const char *separator = os_last_separator(path);
	const char *name = separator ? separator + 1 : path;
	char *directory = strdup(separator ? path : ".");
	struct buffer out = BUFFER_INIT;
	char *real = NULL;

	if (directory && separator)
		directory[name - path] = '\0';
	if (directory)
		real = os_real_path(directory);
	if (directory)
		buffer_printf(&out, "%s/%s", real ? real : directory, name);
	free(real);
	free(directory);
	if (out.error)
		buffer_done(&out);
	return out.data;
}

static int check_all_different(const struct outputs *outs, struct oc_error *err)
{
	for (size_t i = 1; i < outs->nr; i++) {
		char *one __cleanup(cleanup_free) = canonical_path(outs->items[i].path);

		for (size_t j = 0; j < i; j++) {
			char *other __cleanup(cleanup_free) = canonical_path(outs->items[j].path);

			if (!one || !other)
				return oc_error_set(err, -ENOMEM, "out of memory");
			if (!strcmp(outs->items[i].path, "-") && !strcmp(outs->items[j].path, "-"))
				return oc_error_set(
					err, -EINVAL,
					"-o - is given twice; standard output holds one format");
			if (os_same_name(one, other))
				return oc_error_set(err, -EINVAL,
						    "-o %.128s names the same file as -o %.128s",
						    outs->items[i].path, outs->items[j].path);
		}
	}
	return 0;
}

static int check_modes(const struct outputs *outs, const struct options *o, struct oc_error *err)
{
	if (outs->to_stdout && o->json)
		return oc_error_set(err, -EINVAL,
				    "-o - and --json both want standard output; give one of them");
	for (size_t i = 0; o->mode == MODE_AGGREGATE && i < outs->nr; i++) {
		if (outs->items[i].format->needs_times)
			return oc_error_set(
				err, -EINVAL,
				"--aggregate keeps no times, but the format %s needs them",
				outs->items[i].format->name);
	}
	return 0;
}

int outputs_plan(struct outputs *outs, const struct options *o, int64_t now_s, struct oc_error *err)
{
	const struct oc_format *format = NULL;
	int rc = 0;

	memset(outs, 0, sizeof(*outs));
	outs->force = o->force;
	outs->by_default = !o->outputs.nr;
	outs->split = o->split;
	if (o->format) {
		format = find_format(o->format, err);
		if (!format)
			return -EINVAL;
	}
	if (outs->by_default)
		rc = add_defaults(outs, "", format, now_s, err);
	for (size_t i = 0; !rc && i < o->outputs.nr; i++)
		rc = add_asked(outs, o->outputs.items[i], format, o->outputs.nr, now_s, err);
	if (!rc)
		rc = check_all_different(outs, err);
	if (!rc)
		rc = split_outputs_check(outs, err);
	return rc ? rc : check_modes(outs, o, err);
}

int outputs_try(struct outputs *outs, struct oc_error *err)
{
	for (size_t i = 0; i < outs->nr; i++) {
		const struct output *out = &outs->items[i];
		struct oc_output *opened = NULL;
		/* A name that we made up is free to change, so it may exist. */
		int rc = oc_output_open(out->path, outs->force || out->stem, &opened, err);

		if (rc)
			return rc;
		oc_output_abort(opened);
	}
	return 0;
}

int outputs_try_beside(const struct outputs *outs, const char *path, struct oc_error *err)
{
	char *one __cleanup(cleanup_free) = canonical_path(path);
	struct oc_output *opened = NULL;
	int rc;

	for (size_t i = 0; i < outs->nr; i++) {
		char *other __cleanup(cleanup_free) = canonical_path(outs->items[i].path);

		if (!one || !other)
			return oc_error_set(err, -ENOMEM, "out of memory");
		if (os_same_name(one, other))
			return oc_error_set(err, -EINVAL,
					    "'%.128s' names the same file as -o %.128s", path,
					    outs->items[i].path);
	}
	rc = oc_output_open(path, outs->force, &opened, err);
	oc_output_abort(rc ? NULL : opened);
	return rc;
}

static int write_one(struct output *out, const struct oc_machine *m, bool force,
		     struct oc_error *err)
{
	int rc;

	if (!out->stem)
		return oc_format_write_file(out->format, m, out->path, force, &out->bytes, err);
	/* Another recording may have begun in the same second; its file is not ours to replace, even by force. */
	rc = oc_format_write_file(out->format, m, out->path, false, &out->bytes, err);
	for (unsigned int number = 2; rc == -EEXIST && number < SAME_NAME_MAX; number++) {
		char *path = print_path(out->stem, number, out->extension);

		if (!path)
			return oc_error_set(err, -ENOMEM, "out of memory");
		free(out->path);
		out->path = path;
		rc = oc_format_write_file(out->format, m, out->path, false, &out->bytes, err);
	}
	return rc;
}

/* ---- while recording ---- */

static void stream_give_up(struct output *out)
{
	oc_octrace_free(take_ptr(&out->writer));
	oc_output_abort(take_ptr(&out->file));
}

static void stream_failed(struct output *out, int rc, const struct console *c)
{
	stream_give_up(out);
	console_warn(c,
		     "cannot write '%s' while recording: %s; recording goes on, and it is written "
		     "at the end",
		     out->path, strerror(-rc));
}

void outputs_stream_begin(struct outputs *outs, const struct console *c)
{
	for (size_t i = 0; i < outs->nr; i++) {
		struct output *out = &outs->items[i];
		int rc;

		if (strcmp(out->format->name, "octrace") || !strcmp(out->path, "-") ||
		    outs->split >= 0)
			continue;
		rc = oc_output_open(out->path, outs->force && !out->stem, &out->file, NULL);
		if (!rc)
			rc = oc_octrace_new(out->file, &out->writer);
		if (rc)
			stream_failed(out, rc, c);
	}
}

void outputs_stream(struct outputs *outs, const struct oc_machine *m, const struct console *c)
{
	for (size_t i = 0; i < outs->nr; i++) {
		struct output *out = &outs->items[i];
		int rc = out->writer ? oc_octrace_sync(out->writer, m) : 0;

		if (rc)
			stream_failed(out, rc, c);
	}
}

/* Writes the rest of an output that was written while recording. Its file is there when this returns 0. */
static int stream_end(struct output *out, const struct oc_machine *m, struct oc_error *err)
{
	int rc = oc_machine_run_export_hooks(m, out->format->name);

	if (rc > 0)
		rc = -ECANCELED;
	if (!rc)
		rc = oc_octrace_finish(out->writer, m);
	if (rc) {
		stream_give_up(out);
		return oc_error_set(err, rc, "cannot write '%s': %s", out->path, strerror(-rc));
	}
	oc_octrace_free(take_ptr(&out->writer));
	out->bytes = oc_output_bytes(out->file);
	return oc_output_commit(take_ptr(&out->file), err);
}

/* ---- at the end ---- */

static uint64_t samples_kept(const struct oc_ledger *ledger)
{
	uint64_t kept = 0;

	for (uint32_t i = 0; i < ledger->nr_kinds; i++)
		kept += ledger->kinds[i].kept;
	return kept;
}

int outputs_write(struct outputs *outs, struct oc_machine *m, const struct console *c)
{
	return outs->split < 0 ? outputs_write_all(outs, m, c) : split_outputs_write(outs, m, c);
}

int outputs_write_all(struct outputs *outs, struct oc_machine *m, const struct console *c)
{
	struct oc_ledger *ledger = oc_machine_ledger(m);
	int first = 0;

	for (size_t i = 0; i < outs->nr; i++) {
		struct output *out = &outs->items[i];
		struct oc_error err = { 0 };
		int rc;

		if (interrupt_count() > 1)
			return first ? first : -ECANCELED;
		rc = out->writer ? stream_end(out, m, &err) : write_one(out, m, outs->force, &err);
		/* Somebody else took the name that we made up; the recording is all there to be written to another. */
		if (rc == -EEXIST && out->stem)
			rc = write_one(out, m, false, &err);
		if (!rc) {
			out->written = true;
			rc = oc_ledger_add_output(ledger, out->path, out->format->name, out->bytes,
						  samples_kept(ledger));
			if (rc)
				oc_error_set(&err, rc, "out of memory");
		}
		if (rc && rc != -ECANCELED)
			console_error(c, "%s", *err.message ? err.message : strerror(-rc));
		if (rc && !first)
			first = rc;
	}
	return first;
}

/* How people look at a format; a format that is missing here opens in whatever its users know. */
static const char *viewer_of(const char *format)
{
	static const struct {
		const char *format;
		const char *viewer;
	} viewers[] = {
		{ "html", "xdg-open" },
		{ "svg", "xdg-open" },
		{ "pprof", "go tool pprof -http=:" },
		{ "octrace", "record-trace report" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(viewers); i++) {
		if (!strcmp(format, viewers[i].format))
			return viewers[i].viewer;
	}
	return NULL;
}

void outputs_tell(const struct outputs *outs, const struct console *c)
{
	for (size_t i = 0; i < outs->nr; i++) {
		const struct output *out = &outs->items[i];
		const char *viewer = viewer_of(out->format->name);

		struct buffer path = BUFFER_INIT;

		text_shell_word(&path, out->path);
		if (out->written && viewer && strcmp(out->path, "-") && !path.error)
			console_note(c, "look at it with: %s %s", viewer, path.data);
		buffer_done(&path);
	}
}

void outputs_done(struct outputs *outs)
{
	for (size_t i = 0; i < outs->nr; i++) {
		stream_give_up(&outs->items[i]);
		free(outs->items[i].path);
		free(outs->items[i].stem);
	}
	free(outs->items);
	memset(outs, 0, sizeof(*outs));
}
