/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as an .octrace file, with right checksums, which no mutation would hit. What can be read must be sound: it
 * is written again, and that must be readable and give the same file once more.
 */
#include "fuzz.h"

#include <stdlib.h>

#include <onecollect/filter.h>
#include <onecollect/format.h>
#include <onecollect/merge.h>
#include <onecollect/reader.h>

#include "base/macros.h"
#include "export/formats/octrace_private.h"

#define MEMORY_BUDGET (16ULL << 20)

static void put_checksums(uint8_t *file, size_t size)
{
	uint64_t at = OCTRACE_FILE_HEADER;

	if (size < OCTRACE_FILE_HEADER)
		return;
	memcpy(file, OCTRACE_MAGIC, 8);
	octrace_put(file + 16, octrace_header_checksum(file), 8);
	while (at + OCTRACE_CHUNK_HEADER <= size) {
		uint8_t *header = file + at;
		uint64_t stored = octrace_get(header + 24, 4);

		if (stored > size - at - OCTRACE_CHUNK_HEADER)
			return;
		octrace_put(header + 32,
			    octrace_checksum(header, header + OCTRACE_CHUNK_HEADER, stored), 8);
		at += OCTRACE_CHUNK_HEADER + stored;
	}
}

/* Reads a file into a finished machine; NULL = it cannot be read. */
static struct oc_machine *read_machine(const void *data, size_t size)
{
	struct oc_machine_opts opts = { .size = sizeof(opts),
					.memory_budget_bytes = MEMORY_BUDGET };
	struct oc_machine *m = oc_machine_new(&opts);
	struct oc_error err = { 0 };
	struct oc_input *in;
	int rc;

	if (!m || oc_input_open_memory(data, size, &in))
		abort();
	rc = oc_reader_by_name("octrace")->read(in, m, &err);
	oc_input_close(in);
	/* An error always says why. */
	if (rc && (err.code != rc || !*err.message))
		abort();
	if (!rc && !oc_machine_finish(m))
		return m;
	oc_machine_free(m);
	return NULL;
}

static struct oc_output *write_machine(const struct oc_machine *m, const char *format)
{
	struct oc_output *out;

	if (oc_output_open_memory(&out))
		abort();
	if (oc_format_by_name(format)->write(m, out, NULL)) {
		oc_output_abort(out);
		return NULL;
	}
	return out;
}

/* A file of ours, written again from what it was read to, must not change. */
static void check_stable(const void *data, size_t size)
{
	struct oc_machine *m = read_machine(data, size);
	struct oc_output *out = m ? write_machine(m, "octrace") : NULL;
	size_t again_size = 0;
	const void *again = out ? oc_output_memory(out, &again_size) : NULL;

	if (!again || again_size != size || memcmp(again, data, size))
		abort();
	oc_output_abort(out);
	oc_machine_free(m);
}

static int count_sample(void *arg, const struct oc_sample *sample)
{
	(void)sample;
	++*(uint64_t *)arg;
	return 0;
}

/* What is selected is what is counted, in all and by group. */
static void check_selection(struct oc_machine *m)
{
	static const char *const texts[] = { "*a*", "1" }, *const regexes[] = { "[a-m]" },
				 *const attrs[] = { "host=*" };
	const struct oc_filter filter = {
		.size = sizeof(filter),
		.processes = texts,
		.nr_processes = 2,
		.ignored = regexes,
		.nr_ignored = 1,
		.modules = texts,
		.nr_modules = 1,
	};
	const struct oc_filter by_attr = { .size = sizeof(by_attr), .attrs = attrs, .nr_attrs = 1 };
	uint32_t *group_of = NULL;
	oc_string_id *names = NULL;
	uint64_t nr = 0;

	if (oc_machine_select(m, &by_attr, NULL, NULL) ||
	    oc_machine_select(m, &filter, NULL, NULL) ||
	    oc_machine_each_sample(m, count_sample, &nr))
		abort();
	if (nr != oc_machine_nr_samples(m))
		abort();
	oc_output_abort(write_machine(m, "folded"));
	if (oc_machine_split(m, OC_SPLIT_THREAD, &group_of, &names) < 0 ||
	    oc_machine_select_group(m, OC_SPLIT_THREAD, group_of, 0) < 0)
		abort();
	free(group_of);
	free(names);
	if (oc_machine_select(m, NULL, NULL, NULL))
		abort();
}

/* Merged with itself, and once more as what it then is. */
static void check_merge(const struct oc_machine *m)
{
	const struct oc_merge_opts opts = { .size = sizeof(opts), .mark_host = true };
	struct oc_machine *twice = oc_machine_new(NULL), *more = oc_machine_new(NULL);
	struct oc_output *out = NULL;
	const void *written;
	size_t size;

	if (!twice || !more)
		abort();
	if (!oc_machine_merge_with(twice, m, &opts, NULL) &&
	    !oc_machine_merge_with(twice, m, NULL, NULL) &&
	    !oc_machine_merge_with(more, m, NULL, NULL) &&
	    !oc_machine_merge_with(more, twice, &opts, NULL) && !oc_machine_finish(more))
		out = write_machine(more, "octrace");
	if (out) {
		written = oc_output_memory(out, &size);
		check_stable(written, size);
	}
	oc_output_abort(out);
	oc_machine_free(twice);
	oc_machine_free(more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *file = malloc(size ? size : 1);
	struct oc_output *first;
	struct oc_machine *m;
	const void *written;
	size_t written_size;

	if (!file)
		return 0;
	memcpy(file, data, size);
	put_checksums(file, size);
	m = read_machine(file, size);
	if (m) {
		oc_output_abort(write_machine(m, "pprof"));
		oc_output_abort(write_machine(m, "folded"));
		first = write_machine(m, "octrace");
		if (!first)
			abort();
		written = oc_output_memory(first, &written_size);
		check_stable(written, written_size);
		oc_output_abort(first);
		check_selection(m);
		check_merge(m);
	}
	oc_machine_free(m);
	free(file);
	return 0;
}
