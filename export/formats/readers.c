/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of input formats, and reading a file with the one that knows its content.
 * Called by the command line and by library users.
 * Must not know what a format holds.
 */
#include <onecollect/reader.h>

#include <errno.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "export/formats/readers_private.h"

/* Those that know their files by a magic number first. */
static const struct oc_reader *const readers[] = {
	&oc_reader_octrace,
	&oc_reader_perf_data,
	&oc_reader_etl,
	/* Those that know them by their structure, the laxest last. */
	&oc_reader_pprof,
	&oc_reader_folded,
};

const struct oc_reader *const *oc_readers(size_t *ret_nr)
{
	*ret_nr = ARRAY_SIZE(readers);
	return readers;
}

const struct oc_reader *oc_reader_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		if (!strcmp(readers[i]->name, name))
			return readers[i];
	}
	return NULL;
}

static void say_unknown(const struct oc_input *in, size_t size, struct oc_error *err)
{
	struct buffer names = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		buffer_printf(&names, "%s%s", i ? ", " : "", readers[i]->name);
	if (!size)
		oc_error_set(err, -EBADMSG, "'%s' is empty", oc_input_name(in));
	else
		oc_error_set(err, -EBADMSG, "'%s' is of no format that can be read (%s)",
			     oc_input_name(in), names.error ? "" : names.data);
	buffer_done(&names);
}

const struct oc_reader *oc_reader_for(const struct oc_input *in, struct oc_error *err)
{
	uint8_t head[OC_SNIFF_BYTES];
	int64_t n = oc_input_read_at(in, 0, head, sizeof(head));

	if (n < 0) {
		oc_error_set(err, (int)n, "cannot read '%s': %s", oc_input_name(in),
			     strerror((int)-n));
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		if (readers[i]->sniff(head, (size_t)n))
			return readers[i];
	}
	say_unknown(in, (size_t)n, err);
	return NULL;
}

static int run_hooks(struct oc_machine *m, const char *path, struct oc_error *err)
{
	int rc = oc_machine_run_parsed_hooks(m);

	if (!rc)
		return 0;
	rc = rc < 0 ? rc : -ECANCELED;
	return oc_error_set(err, rc, "a hook stopped the reading of '%s': %s", path, strerror(-rc));
}

/* Whether `name` in the directory `path` is a file; with its reader if it is of a known format. */
static bool is_in(const char *path, const char *name, const struct oc_reader **ret_reader)
{
	struct buffer file = BUFFER_INIT;
	struct oc_error unused = { 0 };
	struct oc_input *in = NULL;

	buffer_printf(&file, "%s/%s", path, name);
	*ret_reader = NULL;
	if (!file.error && !oc_input_open(file.data, &in, &unused)) {
		*ret_reader = oc_reader_for(in, &unused);
		oc_input_close(in);
	}
	buffer_done(&file);
	return in;
}

/* perf makes directories too: with a file for each of its threads, or with a file and a copy of the kernel. */
static int refuse_directory(const char *path, struct oc_error *err)
{
	const struct oc_reader *reader, *unused;

	if (!is_in(path, "data", &reader) || reader != &oc_reader_perf_data)
		return err->code;
	if (is_in(path, "data.0", &unused))
		return oc_error_set(err, -EISDIR,
				    "'%s' is a directory of `perf record --threads`, which cannot "
				    "be read; record without --threads",
				    path);
	return oc_error_set(err, -EISDIR,
			    "'%s' is a directory; the recording of perf is '%s/data' in it", path,
			    path);
}

int oc_read_file(const char *path, struct oc_machine *m, const struct oc_reader **ret_reader,
		 struct oc_error *err)
{
	struct oc_error own = { 0 };
	const struct oc_reader *reader;
	struct oc_input *in;
	int rc;

	err = err ? err : &own;
	rc = oc_input_open(path, &in, err);
	if (rc)
		return rc == -EISDIR ? refuse_directory(path, err) : rc;
	reader = oc_reader_for(in, err);
	rc = reader ? reader->read(in, m, err) : err->code;
	oc_input_close(in);
	if (!rc)
		rc = run_hooks(m, path, err);
	if (!rc && ret_reader)
		*ret_reader = reader;
	return rc;
}
