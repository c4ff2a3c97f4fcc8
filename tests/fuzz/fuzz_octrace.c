/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as an .octrace file, with right checksums, which no mutation would hit. What can be read must be sound: it
 * is written again, and that must be readable and give the same file once more.
 */
#include "fuzz_reader.h"

#include <onecollect/filter.h>
#include <onecollect/merge.h>

#include "export/formats/octrace_private.h"

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

/* A file of ours, written again from what it was read to, must not change. */
static void check_stable(const void *data, size_t size)
{
	int rc;
	struct oc_machine *m = fuzz_read("octrace", data, size, &rc);
	struct oc_output *out = m ? fuzz_write(m, "octrace") : NULL;
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
	oc_output_abort(fuzz_write(m, "folded"));
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
		out = fuzz_write(more, "octrace");
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
	int rc;

	if (!file)
		return 0;
	memcpy(file, data, size);
	put_checksums(file, size);
	m = fuzz_read("octrace", file, size, &rc);
	if (m) {
		oc_output_abort(fuzz_write(m, "pprof"));
		oc_output_abort(fuzz_write(m, "folded"));
		first = fuzz_write(m, "octrace");
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
