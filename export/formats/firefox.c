/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firefox Profiler's "processed profile", as it is or compressed: puts the document together of its parts.
 * Called through the format table.
 * Must not know how samples were recorded.
 */
#include <onecollect/format.h>

#include <errno.h>

#include "export/formats/firefox_private.h"
#include "export/formats/formats_private.h"

#define GZIP_LEVEL 3

void firefox_fail(struct firefox *f)
{
	if (!f->error)
		f->error = -ENOMEM;
}

static int write_document(struct firefox *f, const struct thread_samples *ts)
{
	struct json *j = &f->out.json;
	int rc;

	json_object_begin(j);
	firefox_write_meta(f);
	rc = firefox_write_threads(f, ts);
	if (rc)
		return rc;
	firefox_write_shared(f);
	firefox_write_libraries(f);
	json_key_empty_array(j, "pages");
	json_key_empty_array(j, "counters");
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
