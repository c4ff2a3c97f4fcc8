/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of output formats, and writing a machine to a file in one of them.
 * Called by the command line and by library users.
 * Must not know what a format writes.
 */
#include <onecollect/format.h>

#include <errno.h>
#include <strings.h>

#include "base/macros.h"
#include "export/formats/formats_private.h"

/* clang-format off */
static const struct oc_format *const formats[] = {
	&oc_format_pprof,
	&oc_format_folded,
	&oc_format_svg,
	&oc_format_html,
	&oc_format_octrace,
	&oc_format_nettrace,
	&oc_format_perfview_xml,
	&oc_format_perfview_xml_zip,
	&oc_format_speedscope,
	&oc_format_firefox,
	&oc_format_firefox_gz,
	&oc_format_perfetto,
	&oc_format_otlp,
	&oc_format_chrome,
	&oc_format_jsonl,
	&oc_format_parquet,
	&oc_format_perf_data,
	&oc_format_perf_script,
	&oc_format_cpuprofile,
	&oc_format_callgrind,
};
/* clang-format on */

const struct oc_format *const *oc_formats(size_t *ret_nr)
{
	*ret_nr = ARRAY_SIZE(formats);
	return formats;
}

const struct oc_format *oc_format_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	}
	return NULL;
}

const struct oc_format *oc_format_by_path(const char *path)
{
	const struct oc_format *best = NULL;
	size_t path_len = strlen(path), best_len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		for (const char *const *ext = formats[i]->extensions; *ext; ext++) {
			size_t len = strlen(*ext);

			if (len <= best_len || len > path_len ||
			    strcasecmp(path + path_len - len, *ext))
				continue;
			best = formats[i];
			best_len = len;
		}
	}
	return best;
}

int oc_format_write_file(const struct oc_format *format, const struct oc_machine *m,
			 const char *path, bool force, uint64_t *ret_bytes, struct oc_error *err)
{
	struct oc_output *out;
	uint64_t bytes;
	int rc = oc_machine_run_export_hooks(m, format->name);

	if (rc > 0)
		rc = -ECANCELED;
	if (rc)
		return oc_error_set(err, rc, "an export hook stopped %s output '%s': %s",
				    format->name, path, strerror(-rc));
	rc = oc_output_open(path, force, &out, err);
	if (rc)
		return rc;
	if (err)
		err->code = 0;
	rc = format->write(m, out, err);
	if (rc) {
		oc_output_abort(out);
		if (err && !err->code)
			oc_error_set(err, rc, "cannot write %s output '%s': %s", format->name, path,
				     strerror(-rc));
		return rc;
	}
	bytes = oc_output_bytes(out);
	rc = oc_output_commit(out, err);
	if (!rc && ret_bytes)
		*ret_bytes = bytes;
	return rc;
}
