/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output formats: a format is a name, its file extensions, what it needs, and one function that writes a machine.
 */
#ifndef ONECOLLECT_FORMAT_H
#define ONECOLLECT_FORMAT_H

#include <onecollect/machine.h>
#include <onecollect/output.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oc_format {
	const char *name;        /* "pprof"; what --format takes */
	const char *description; /* one line, for `list formats` */
	const char *const
		*extensions; /* NULL-terminated, each with its dot, longest match decides */
	bool needs_times;    /* asks for a timeline recording */
	/*
	 * Writes a finished machine to `out`. Must not change anything; may be called from any thread.
	 * Returns 0 or a negative errno value, with *err filled in when it is not one of `out`.
	 */
	int (*write)(const struct oc_machine *m, struct oc_output *out, struct oc_error *err);
};

/* The formats built in: array of *ret_nr pointers, static. */
OC_API const struct oc_format *const *oc_formats(size_t *ret_nr);
/* The format called `name`, or NULL. */
OC_API const struct oc_format *oc_format_by_name(const char *name);
/* The format whose extension `path` ends with (longest match, ASCII case ignored), or NULL. */
OC_API const struct oc_format *oc_format_by_path(const char *path);

/*
 * Runs the export hooks and writes the machine to a file: temporary file, sync, rename; all or nothing.
 * path: "-" is standard output. force: replace an existing file. ret_bytes: may be NULL.
 * Returns 0 or a negative errno value with *err filled in.
 */
OC_API int oc_format_write_file(const struct oc_format *format, const struct oc_machine *m,
				const char *path, bool force, uint64_t *ret_bytes,
				struct oc_error *err);

#ifdef __cplusplus
}
#endif

#endif
