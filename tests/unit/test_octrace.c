/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * .octrace files: what is written is read back as it was; a file that is cut, or wrong, is told from a whole one.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <onecollect/format.h>
#include <onecollect/octrace.h>
#include <onecollect/reader.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "export/formats/octrace_private.h"
#include "export/machine_private.h"
#include "reading.h"
#include "sample_machine.h"

#define TEXT(m, s) ((oc_string_id)oc_machine_intern(m, s, strlen(s)))

/* What a format writes of a machine. */
static struct buffer written(const struct oc_format *format, const struct oc_machine *m)
{
	struct buffer copy = BUFFER_INIT;
	size_t size;
	char *data = reading_write(m, format->name, &size);

	buffer_append(&copy, data, size);
	free(data);
	return copy;
}

static struct buffer octrace(const struct oc_machine *m)
{
	return written(oc_format_by_name("octrace"), m);
}

/* Reads data[size] into a new machine; NULL and *ret_err when it cannot be read. */
static struct oc_machine *try_read(const void *data, size_t size, struct oc_error *ret_err)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_input *in;
	int rc;

	*ret_err = (struct oc_error){ 0 };
	cr_assert_eq(oc_input_open_memory(data, size, &in), 0);
	rc = oc_reader_by_name("octrace")->read(in, m, ret_err);
	oc_input_close(in);
	cr_assert_eq(rc, ret_err->code);
	if (!rc)
		return m;
	oc_machine_free(m);
	return NULL;
}

static struct oc_machine *read_finished(const struct buffer *file)
{
	struct oc_error err;
	struct oc_machine *m = try_read(file->data, file->len, &err);

	cr_assert(m, "%s", err.message);
	cr_assert_eq(oc_machine_finish(m), 0);
	return m;
}

static void assert_equal_outputs(const struct oc_machine *a, const struct oc_machine *b)
{
	size_t nr;
	const struct oc_format *const *formats = oc_formats(&nr);
	char *x, *y;

	for (size_t i = 0; i < nr; i++) {
		struct buffer one = written(formats[i], a), other = written(formats[i], b);

		cr_assert_eq(one.len, other.len, "%s", formats[i]->name);
		cr_assert(!one.len || !memcmp(one.data, other.data, one.len), "%s",
			  formats[i]->name);
		buffer_done(&one);
		buffer_done(&other);
	}
	cr_assert_eq(oc_ledger_json(oc_machine_ledger_const(a), &x), 0);
	cr_assert_eq(oc_ledger_json(oc_machine_ledger_const(b), &y), 0);
	cr_assert_str_eq(x, y);
	free(x);
	free(y);
}

/* A machine with what the sample machine lacks: forks, execs, remapping, attributes, links, spans, every number. */
static struct oc_machine *rich_machine(void)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TWO_KINDS);
	struct oc_ledger *ledger = oc_machine_ledger(m);
	oc_process_id server = oc_machine_process_now(m, 100);
	oc_process_id child = (oc_process_id)oc_machine_process_start(m, 300, server, 2000);
	struct oc_kind span_kind = { .name = "request", .unit = OC_UNIT_SPAN };
	oc_kind_id kind = (oc_kind_id)oc_machine_add_kind(m, &span_kind);
	struct oc_span outer = { .name = TEXT(m, "GET /"), .start_ns = 5, .end_ns = 9 };
	struct oc_span inner = { .name = TEXT(m, "query"), .start_ns = 6, .end_ns = 7 };
	struct oc_attr attrs[] = { { TEXT(m, "route"), OC_ATTR_STRING, TEXT(m, "/") },
				   { TEXT(m, "status"), OC_ATTR_NUMBER, 200 } };
	oc_attrs_id list, other;
	struct oc_sample sample = { .count = 1, .kind = kind, .process = child, .cpu = 1 };

	inner.parent = (oc_span_id)oc_machine_add_span(m, &outer);
	sample.value = (uint64_t)oc_machine_add_span(m, &inner);
	other = (oc_attrs_id)oc_machine_intern_attrs(m, attrs + 1, 1, 0);
	list = (oc_attrs_id)oc_machine_intern_attrs(m, attrs, 2, other);
	cr_assert_eq(oc_machine_link_attrs(m, other, list), 0);
	cr_assert_eq(oc_machine_link_attrs(m, other, other), 0);
	sample.attrs = list;
	cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
	sample.time_ns = 6;
	cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
	cr_assert_eq(oc_machine_remove_mapping(m, server, 0x400000, 0x404000, 3000), 0);
	cr_assert_eq(oc_machine_remove_mapping(m, child, 0x7f0000002000, 0x7f0000003000, 3500), 0);
	cr_assert_gt(oc_machine_process_exec(m, 300, 4000, TEXT(m, "sh")), 0);
	oc_machine_process_exit(m, 300, 4500);
	for (uint32_t i = 0; i < OC_NOTE_COUNT; i++)
		ledger->notes[i] = i + 1;
	for (uint32_t i = 0; i < OC_LOSS_COUNT; i++)
		ledger->kinds[1].lost[i] = 10 + i;
	for (uint32_t i = 0; i < OC_STACK_COUNT; i++)
		ledger->kinds[2].incomplete[i] = 20 + i;
	ledger->kinds[0].due = 1000;
	ledger->kinds[0].idle = 7;
	ledger->kinds[0].filtered = 8;
	ledger->kinds[0].stacks = ledger->kinds[0].complete = 99;
	ledger->self = (struct oc_ledger_self){ 0.25, 1.5, true, 3, 4, 5, 6, 7, 8.5, 9.5 };
	ledger->command = (struct oc_ledger_command){ OC_COMMAND_SIGNALED, 11 };
	ledger->exit_code = OC_EXIT_LOSSY;
	cr_assert_eq(oc_machine_finish(m), 0);
	return m;
}

Test(octrace, a_recording_read_back_gives_the_same_files_in_every_format)
{
	static const unsigned int flags[] = { 0, SAMPLE_TIMELINE,
					      SAMPLE_TIMELINE | SAMPLE_TWO_KINDS, SAMPLE_EMPTY };

	for (size_t i = 0; i <= ARRAY_SIZE(flags); i++) {
		struct oc_machine *m =
			i < ARRAY_SIZE(flags) ? sample_machine_new(flags[i]) : rich_machine();
		struct buffer file = octrace(m);
		struct oc_machine *copy = read_finished(&file);

		assert_equal_outputs(m, copy);
		oc_machine_free(copy);
		oc_machine_free(m);
		buffer_done(&file);
	}
}

Test(octrace, a_machine_that_was_never_filled_is_read_back)
{
	struct oc_machine *m = oc_machine_new(NULL), *copy;
	struct buffer file, again;

	cr_assert_eq(oc_machine_finish(m), 0);
	file = octrace(m);
	copy = read_finished(&file);
	again = octrace(copy);
	cr_assert_eq(again.len, file.len);
	cr_assert(!memcmp(again.data, file.data, file.len));
	oc_machine_free(copy);
	oc_machine_free(m);
	buffer_done(&file);
	buffer_done(&again);
}

Test(octrace, what_was_mapped_when_is_read_back)
{
	static const uint64_t addresses[] = { 0x400100,       0x403fff, 0x404000,  0x7f0000001fff,
					      0x7f0000002000, 0x500000, 0xdead0000 };
	static const uint64_t times[] = { 0, 999, 1000, 1999, 2000, 2999, 3000, 3500, 4000, 9999 };
	struct oc_machine *m = rich_machine(), *copy;
	struct buffer file = octrace(m);
	unsigned int nr_found = 0;

	copy = read_finished(&file);
	for (oc_process_id id = 0; id <= oc_machine_nr_processes(m); id++) {
		for (size_t i = 0; i < ARRAY_SIZE(addresses) * ARRAY_SIZE(times); i++) {
			uint64_t address = addresses[i % ARRAY_SIZE(addresses)];
			uint64_t time = times[i / ARRAY_SIZE(addresses)];
			oc_mapping_id want = oc_machine_find_mapping(m, id, address, time);

			cr_assert_eq(oc_machine_find_mapping(copy, id, address, time), want,
				     "process %u, address %llx, time %llu", id,
				     (unsigned long long)address, (unsigned long long)time);
			nr_found += want > 0;
		}
	}
	cr_assert_gt(nr_found, 20);
	/* Layouts that were read can be changed like any other. */
	cr_assert_eq(oc_machine_remove_mapping(copy, 1, 0x400000, 0x7f0000009000, 99999), 0);
	cr_assert_eq(oc_machine_find_mapping(copy, 1, 0x404000, 99999), 0);
	cr_assert_neq(oc_machine_find_mapping(copy, 1, 0x404000, 9999), 0);
	oc_machine_free(copy);
	oc_machine_free(m);
	buffer_done(&file);
}

/* Reading refuses a layout whose tree is out of order or out of balance, so what any changes leave is neither. */
Test(octrace, layouts_of_random_changes_are_read_back)
{
	enum { CHANGES = 3000, PAGES = 512 };

	for (uint64_t random = 1; random <= 4; random++) {
		struct oc_machine *m = oc_machine_new(NULL), *copy;
		struct oc_module module = { .path = TEXT(m, "/a") };
		uint64_t state = random, time = 0;
		struct buffer file;

		cr_assert_eq(oc_machine_process_start(m, 1, 0, 0), 1);
		cr_assert_eq(oc_machine_add_module(m, &module), 1);
		for (uint32_t i = 0; i < CHANGES; i++) {
			struct oc_mapping mapping = { .process = 1, .module = 1 };

			state = state * 6364136223846793005ULL + 1442695040888963407ULL;
			time += state >> 62 == 0;
			mapping.since_ns = time;
			mapping.start = (state >> 20) % PAGES;
			mapping.end = mapping.start + 1 + (state >> 40) % (state >> 60 ? 2 : 60);
			mapping.file_offset = state >> 50 & 1;
			if (state >> 33 & 1)
				cr_assert_gt(oc_machine_add_mapping(m, &mapping), 0);
			else
				cr_assert_eq(oc_machine_remove_mapping(m, 1, mapping.start,
								       mapping.end, time),
					     0);
		}
		cr_assert_eq(oc_machine_finish(m), 0);
		file = octrace(m);
		copy = read_finished(&file);
		for (uint64_t page = 0; page < PAGES; page++) {
			for (uint64_t at = 0; at <= time; at += 7)
				cr_assert_eq(oc_machine_find_mapping(copy, 1, page, at),
					     oc_machine_find_mapping(m, 1, page, at));
		}
		oc_machine_free(copy);
		oc_machine_free(m);
		buffer_done(&file);
	}
}

Test(octrace, names_of_symbol_files_are_read_back_and_merged)
{
	struct oc_machine *m = oc_machine_new(NULL), *copy, *all = oc_machine_new(NULL);
	struct oc_module modules[] = { { .path = TEXT(m, "C:\\a.dll") },
				       { .path = TEXT(m, "C:\\nt.exe"),
					 .symbol_file = TEXT(m, "ntkrnlmp.pdb") } };
	struct buffer file;

	for (size_t i = 0; i < ARRAY_SIZE(modules); i++)
		cr_assert_eq(oc_machine_add_module(m, &modules[i]), (int64_t)i + 1);
	modules[0].symbol_file = TEXT(m, "late.pdb");
	cr_assert_eq(oc_machine_add_module(m, &modules[0]), 1);
	modules[1].symbol_file = 12345;
	cr_assert_eq(oc_machine_add_module(m, &modules[1]), -EINVAL);
	cr_assert_eq(oc_machine_finish(m), 0);
	file = octrace(m);
	copy = read_finished(&file);
	cr_assert_gt(TEXT(all, "so that ids differ"), 0);
	cr_assert_eq(oc_machine_merge(all, copy), 0);
	for (oc_module_id id = 1; id <= 2; id++) {
		const char *want = id == 1 ? "late.pdb" : "ntkrnlmp.pdb";
		const struct oc_module *read = oc_machine_module(copy, id);
		const struct oc_module *merged = oc_machine_module(all, id);

		cr_assert_str_eq(oc_machine_string(copy, read->symbol_file, NULL), want);
		cr_assert_str_eq(oc_machine_string(all, merged->symbol_file, NULL), want);
	}
	oc_machine_free(all);
	oc_machine_free(copy);
	oc_machine_free(m);
	buffer_done(&file);
}

/* Sums of what a machine holds, to compare parts of recordings. */
static uint64_t kept(const struct oc_machine *m)
{
	return m->nr_kinds ? m->ledger.kinds[0].kept : 0;
}

Test(octrace, a_file_cut_anywhere_gives_its_whole_chunks_and_says_so)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TIMELINE | SAMPLE_TWO_KINDS);
	struct buffer file = octrace(m);
	uint64_t before = 0;

	for (size_t size = 0; size < file.len; size++) {
		/* A copy of its own, so that reading behind the cut is seen by the address sanitizer. */
		void *cut = malloc(size ? size : 1);
		struct oc_machine *part;
		struct oc_error err;

		memcpy(cut, file.data, size);
		part = try_read(cut, size, &err);
		if (size < OCTRACE_FILE_HEADER) {
			cr_assert_null(part);
			cr_assert_eq(err.code, -EBADMSG);
		} else {
			cr_assert(part, "cut at %zu: %s", size, err.message);
			cr_assert_eq(part->ledger.notes[OC_NOTE_PARTIAL_INPUT], 1);
			cr_assert(oc_ledger_balanced(&part->ledger));
			cr_assert_geq(kept(part), before);
			before = kept(part);
			cr_assert_eq(oc_machine_finish(part), 0);
			oc_machine_free(part);
		}
		free(cut);
	}
	cr_assert_eq(before, kept(m));
	oc_machine_free(m);
	buffer_done(&file);
}

Test(octrace, a_flipped_bit_is_found_wherever_it_is)
{
	struct oc_machine *m = sample_machine_new(0);
	struct buffer file = octrace(m);

	for (size_t i = 0; i < file.len; i++) {
		struct oc_machine *copy;
		struct oc_error err;

		file.data[i] ^= 1;
		copy = try_read(file.data, file.len, &err);
		/* A larger size may reach over the end: then the file looks cut there. */
		cr_assert(!copy || copy->ledger.notes[OC_NOTE_PARTIAL_INPUT] == 1, "byte %zu", i);
		cr_assert(copy || strstr(err.message, "byte") || err.code == -EOPNOTSUPP, "%s",
			  err.message);
		oc_machine_free(copy);
		file.data[i] ^= 1;
	}
	oc_machine_free(m);
	buffer_done(&file);
}

/* ---- files made by hand ---- */

struct handmade {
	struct oc_output *out;
	struct octrace_chunks chunks;
};

static void handmade_begin(struct handmade *h)
{
	cr_assert_eq(oc_output_open_memory(&h->out), 0);
	cr_assert_eq(octrace_chunks_init(&h->chunks, h->out), 0);
}

static void handmade_row(struct handmade *h, enum octrace_type type, uint32_t first,
			 const uint64_t *values)
{
	octrace_chunk_begin(&h->chunks, type, first);
	for (unsigned int i = 0; i < h->chunks.row_columns; i++)
		octrace_column_put(&h->chunks, i, values[i]);
	octrace_row_end(&h->chunks);
	cr_assert_eq(octrace_chunk_end(&h->chunks), 0);
}

static struct oc_machine *handmade_read(struct handmade *h, struct oc_error *ret_err)
{
	struct oc_machine *m;
	const void *data;
	size_t size;

	data = oc_output_memory(h->out, &size);
	m = try_read(data, size, ret_err);
	octrace_chunks_done(&h->chunks);
	oc_output_abort(h->out);
	return m;
}

Test(octrace, zeros_behind_the_last_chunk_end_the_file)
{
	struct handmade h;
	struct oc_machine *m;
	struct oc_error err;

	handmade_begin(&h);
	handmade_row(&h, OCTRACE_SPAN, 1, (const uint64_t[]){ 0, 1, 2, 0 });
	cr_assert_eq(oc_output_write(h.out, (uint8_t[4096]){ 0 }, 4096), 0);
	m = handmade_read(&h, &err);
	cr_assert(m, "%s", err.message);
	cr_assert_eq(oc_machine_nr_spans(m), 1);
	cr_assert_eq(m->ledger.notes[OC_NOTE_PARTIAL_INPUT], 1);
	oc_machine_free(m);
}

Test(octrace, rows_that_name_what_is_not_there_are_refused_with_their_offset)
{
	static const struct {
		enum octrace_type type;
		uint32_t first;
		uint64_t values[11];
	} rows[] = {
		{ OCTRACE_INFO, 0, { [6] = 2 } },
		{ OCTRACE_INFO, 0, { [7] = 1 } },
		{ OCTRACE_INFO, 1, { 0 } },
		{ OCTRACE_STRING, 1, { 1 } },
		{ OCTRACE_STRING, 2, { 0 } },
		{ OCTRACE_STRING, 0, { 0 } },
		{ OCTRACE_KIND, 1, { 0, 0, 0 } },
		{ OCTRACE_KIND, 1, { 5, 0, 0 } },
		{ OCTRACE_PROCESS, 2, { 0 } },
		{ OCTRACE_PROCESS, 1, { 0, 0, 0, 1 } },
		{ OCTRACE_PROCESS, 1, { 0, 0, 0, 0, 1 } },
		{ OCTRACE_THREAD, 1, { 0 } },
		{ OCTRACE_MODULE, 1, { 9 } },
		{ OCTRACE_MODULE, 1, { [6] = 21 } },
		{ OCTRACE_MAPPING, 1, { 0, 1, 1, 2 } },
		{ OCTRACE_FUNCTION, 1, { 1 } },
		{ OCTRACE_LOCATION, 1, { 1 } },
		{ OCTRACE_LOCATION, 1, { 0 } },
		{ OCTRACE_LINES, 0, { 0, 0 } },
		{ OCTRACE_STACK, 1, { 0 } },
		{ OCTRACE_STACK, 1, { 1 } },
		{ OCTRACE_ATTRS, 1, { 1, 0 } },
		{ OCTRACE_LINK, 0, { 1, 1 } },
		{ OCTRACE_SPAN, 1, { 0, 9, 8, 0 } },
		{ OCTRACE_SPAN, 1, { 0, 0, 0, 1 } },
		{ OCTRACE_SAMPLE, 0, { 0, 1, 1, 0 } },
		{ OCTRACE_SAMPLE, 0, { 0, 1, 1, 1 } },
		{ OCTRACE_LAYOUT_NODE, 1, { 0 } },
		{ OCTRACE_LAYOUT_VERSION, 0, { 0, 0, 1 } },
		{ OCTRACE_SYMBOL_FILE, 0, { 1, 0 } },
		{ OCTRACE_SYMBOL_FILE, 0, { 0, 0 } },
		{ OCTRACE_LEDGER, 0, { OCTRACE_ITEM_COMMAND_END, 0, 4 } },
		{ OCTRACE_LEDGER, 0, { OCTRACE_ITEM_HAS_BPF_TIME, 0, 2 } },
		{ OCTRACE_LEDGER, 0, { OCTRACE_ITEM_USER_S, 0, 0x7ff8000000000000 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct handmade h;
		struct oc_error err;
		struct oc_machine *m;

		handmade_begin(&h);
		handmade_row(&h, rows[i].type, rows[i].first, rows[i].values);
		m = handmade_read(&h, &err);
		cr_assert(!m, "row %zu was taken", i);
		cr_assert_eq(err.code, -EBADMSG, "row %zu: %s", i, err.message);
		cr_assert(strstr(err.message, "at byte 24"), "%s", err.message);
	}
}

Test(octrace, what_a_newer_version_says_is_not_misread)
{
	struct handmade h;
	struct oc_error err;

	handmade_begin(&h);
	handmade_row(&h, OCTRACE_LEDGER, 0, (const uint64_t[]){ 9999, 0, 1 });
	cr_assert_null(handmade_read(&h, &err));
	cr_assert_eq(err.code, -EOPNOTSUPP, "%s", err.message);
	cr_assert(strstr(err.message, "9999"), "%s", err.message);
}

Test(octrace, optional_chunks_that_are_not_known_are_skipped)
{
	static const uint32_t types[] = { OCTRACE_OPTIONAL | 77, 77 };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct handmade h;
		struct oc_machine *m;
		struct oc_error err;

		handmade_begin(&h);
		octrace_chunk_begin(&h.chunks, OCTRACE_LINK, 0);
		octrace_column_put(&h.chunks, 0, 1);
		h.chunks.type = types[i];
		octrace_row_end(&h.chunks);
		cr_assert_eq(octrace_chunk_end(&h.chunks), 0);
		m = handmade_read(&h, &err);
		cr_assert_eq(!m, i, "%s", err.message);
		cr_assert_eq(err.code, i ? -EOPNOTSUPP : 0);
		oc_machine_free(m);
	}
}

Test(octrace, a_tree_out_of_order_is_no_layout)
{
	static const uint64_t module[] = { 0, 0, 0, 0, 0, 0, 0 };
	static const uint64_t low[] = { 0, 1, 0x1000, 0x2000, 0, 0, UINT64_MAX };
	static const uint64_t high[] = { 0, 1, 0x2000, 0x3000, 0, 0, UINT64_MAX };
	static const struct {
		uint64_t nodes[3][3];
		bool is_fine;
	} trees[] = {
		{ { { 1, 0, 0 }, { 2, 1, 0 } }, true },
		{ { { 1, 0, 0 }, { 2, 0, 1 } }, false },
		{ { { 1, 0, 0 }, { 1, 1, 0 } }, false },
		{ { { 1, 1, 0 } }, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
		struct handmade h;
		struct oc_machine *m;
		struct oc_error err;

		handmade_begin(&h);
		handmade_row(&h, OCTRACE_MODULE, 1, module);
		handmade_row(&h, OCTRACE_MAPPING, 1, low);
		handmade_row(&h, OCTRACE_MAPPING, 2, high);
		for (uint32_t node = 0; node < 3 && trees[i].nodes[node][0]; node++)
			handmade_row(&h, OCTRACE_LAYOUT_NODE, node + 1, trees[i].nodes[node]);
		m = handmade_read(&h, &err);
		cr_assert_eq(!!m, trees[i].is_fine, "tree %zu: %s", i, err.message);
		oc_machine_free(m);
	}
}

Test(octrace, totals_that_are_not_those_of_the_samples_are_damage)
{
	struct handmade h;
	struct oc_error err;

	handmade_begin(&h);
	cr_assert_eq(octrace_chunks_finish(&h.chunks, &(uint64_t[3]){ 1, 1, 1 }, 1), 0);
	cr_assert_null(handmade_read(&h, &err));
	cr_assert_eq(err.code, -EBADMSG);
}

Test(octrace, content_that_would_fill_all_memory_is_refused)
{
	const uint32_t len = OCTRACE_RAW_MAX - 4;
	char *text = malloc(len);
	struct handmade h;
	struct oc_error err;

	cr_assert_not_null(text);
	memset(text, 'a', len);
	handmade_begin(&h);
	for (uint32_t id = 1; id <= 17; id++) {
		octrace_chunk_begin(&h.chunks, OCTRACE_STRING, id);
		octrace_column_put(&h.chunks, 0, len);
		octrace_column_put_bytes(&h.chunks, 1, text, len);
		h.chunks.elements = len;
		octrace_row_end(&h.chunks);
		cr_assert_eq(octrace_chunk_end(&h.chunks), 0);
	}
	cr_assert_null(handmade_read(&h, &err));
	cr_assert_eq(err.code, -EFBIG, "%s", err.message);
	free(text);
}

Test(octrace, processes_in_an_order_that_takes_forever_are_refused)
{
	const uint32_t nr = 30000;
	struct handmade h;
	struct oc_error err;

	handmade_begin(&h);
	octrace_chunk_begin(&h.chunks, OCTRACE_PROCESS, 1);
	for (uint32_t i = 0; i < nr; i++) {
		for (unsigned int column = 0; column < h.chunks.row_columns; column++)
			octrace_column_put(&h.chunks, column, column == 8 ? nr - i : 0);
		octrace_row_end(&h.chunks);
	}
	cr_assert_eq(octrace_chunk_end(&h.chunks), 0);
	cr_assert_null(handmade_read(&h, &err));
	cr_assert_eq(err.code, -EFBIG, "%s", err.message);
}

Test(octrace, a_text_that_no_chunk_can_hold_fails_the_file)
{
	const uint32_t len = OCTRACE_RAW_MAX;
	struct oc_machine *m = oc_machine_new(NULL);
	char *text = malloc(len);
	struct oc_error err = { 0 };
	struct oc_output *out;

	cr_assert_not_null(text);
	memset(text, 'a', len);
	cr_assert_gt(oc_machine_intern(m, text, len), 0);
	cr_assert_eq(oc_machine_finish(m), 0);
	cr_assert_eq(oc_output_open_memory(&out), 0);
	cr_assert_eq(oc_format_by_name("octrace")->write(m, out, &err), -EFBIG);
	cr_assert(strstr(err.message, "64 MiB"), "%s", err.message);
	oc_output_abort(out);
	oc_machine_free(m);
	free(text);
}

Test(octrace, text_that_is_not_clean_is_refused)
{
	static const char *const texts[] = { "a\nb", "\xff", "\x1b[1m" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct handmade h;
		struct oc_error err;

		handmade_begin(&h);
		octrace_chunk_begin(&h.chunks, OCTRACE_STRING, 1);
		octrace_column_put(&h.chunks, 0, strlen(texts[i]));
		octrace_column_put_bytes(&h.chunks, 1, texts[i], strlen(texts[i]));
		h.chunks.elements = (uint32_t)strlen(texts[i]);
		octrace_row_end(&h.chunks);
		cr_assert_eq(octrace_chunk_end(&h.chunks), 0);
		cr_assert_null(handmade_read(&h, &err));
		cr_assert_eq(err.code, -EBADMSG, "%s", err.message);
	}
}

/* ---- while recording ---- */

static void add_some(struct oc_machine *m, uint64_t from, uint64_t to, bool timed)
{
	oc_process_id process = oc_machine_process_now(m, 100);

	for (uint64_t i = from; i < to; i++) {
		uint64_t address = 0x400000 + i % 97;
		struct oc_sample sample = {
			.time_ns = timed ? 1000 + i : 0,
			.count = 1 + i % 3,
			.value = 2,
			.kind = 1,
			.process = process,
			.thread = (oc_thread_id)oc_machine_add_thread(m, process,
								      100 + (uint32_t)i % 5),
			.stack = (oc_stack_id)oc_machine_resolve(
				m, process,
				(oc_callstack_id)oc_machine_intern_callstack(m, &address, 1, 0)),
		};

		cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
	}
}

static struct oc_machine *bare_machine(uint64_t budget)
{
	struct oc_machine_opts opts = { .size = sizeof(opts), .memory_budget_bytes = budget };
	struct oc_machine *m = oc_machine_new(&opts);
	oc_process_id process = (oc_process_id)oc_machine_process_start(m, 100, 0, 10);
	struct oc_module module = { .path = TEXT(m, "/bin/x") };
	struct oc_mapping mapping = { .process = process,
				      .module = (oc_module_id)oc_machine_add_module(m, &module),
				      .start = 0x400000,
				      .end = 0x500000,
				      .since_ns = 10,
				      .until_ns = UINT64_MAX };

	oc_machine_add_kind(m, &(struct oc_kind){ .name = "cpu", .period_ns = 1000 });
	cr_assert_gt(oc_machine_add_mapping(m, &mapping), 0);
	return m;
}

Test(octrace, each_sync_leaves_a_file_with_all_there_was)
{
	for (int timed = 0; timed < 2; timed++) {
		struct oc_machine *m = bare_machine(0), *copy;
		struct oc_octrace *w;
		struct oc_output *out;
		struct oc_error err;
		const void *data;
		size_t size;

		cr_assert_eq(oc_output_open_memory(&out), 0);
		cr_assert_eq(oc_octrace_new(out, &w), 0);
		for (uint64_t round = 0; round < 5; round++) {
			add_some(m, round * 300, round * 300 + 250, timed);
			cr_assert_eq(oc_octrace_sync(w, m), 0);
			data = oc_output_memory(out, &size);
			copy = try_read(data, size, &err);
			cr_assert(copy, "%s", err.message);
			cr_assert_eq(kept(copy), kept(m));
			cr_assert_eq(oc_machine_nr_samples(copy), oc_machine_nr_samples(m));
			cr_assert_eq(copy->ledger.notes[OC_NOTE_PARTIAL_INPUT], 1);
			oc_machine_free(copy);
		}
		/* What changes after it was written: ends, names, build-ids. */
		add_some(m, 2000, 2100, timed);
		oc_machine_process_exit(m, 100, 77777);
		cr_assert_eq(oc_machine_set_build_id(m, 1, (const uint8_t *)"abcd", 4), 0);
		cr_assert_eq(oc_machine_thread_set_name(m, 1, TEXT(m, "late")), 0);
		cr_assert_eq(oc_machine_remove_mapping(m, 1, 0x400000, 0x401000, 70000), 0);
		cr_assert_eq(oc_machine_finish(m), 0);
		cr_assert_eq(oc_octrace_finish(w, m), 0);
		data = oc_output_memory(out, &size);
		copy = try_read(data, size, &err);
		cr_assert(copy, "%s", err.message);
		cr_assert_eq(copy->ledger.notes[OC_NOTE_PARTIAL_INPUT], 0);
		cr_assert_eq(oc_machine_finish(copy), 0);
		assert_equal_outputs(m, copy);
		oc_machine_free(copy);
		oc_octrace_free(w);
		oc_output_abort(out);
		oc_machine_free(m);
	}
}

Test(octrace, samples_that_left_memory_are_written_too)
{
	struct oc_machine *m = bare_machine(1 << 20), *copy;
	struct oc_octrace *w;
	struct oc_output *out;
	struct oc_error err;
	const void *data;
	size_t size;

	cr_assert_eq(oc_output_open_memory(&out), 0);
	cr_assert_eq(oc_octrace_new(out, &w), 0);
	for (uint64_t i = 0; i < 60000; i += 7000) {
		add_some(m, i, i + 7000, true);
		cr_assert_eq(oc_octrace_sync(w, m), 0);
	}
	cr_assert_gt(m->ledger.notes[OC_NOTE_SPILLED_SAMPLES], 0);
	cr_assert_eq(oc_machine_finish(m), 0);
	cr_assert_eq(oc_octrace_finish(w, m), 0);
	data = oc_output_memory(out, &size);
	copy = try_read(data, size, &err);
	cr_assert(copy, "%s", err.message);
	cr_assert_eq(oc_machine_finish(copy), 0);
	assert_equal_outputs(m, copy);
	oc_machine_free(copy);
	oc_octrace_free(w);
	oc_output_abort(out);
	oc_machine_free(m);
}

/* ---- readers ---- */

static enum oc_verdict drop_small(void *arg, struct oc_machine *m, struct oc_sample *sample)
{
	(void)arg;
	(void)m;
	return sample->count > 5 ? OC_KEEP : OC_DROP;
}

Test(octrace, sample_hooks_see_what_is_read_and_the_ledger_tells_what_they_dropped)
{
	struct oc_machine *m = sample_machine_new(0), *copy = oc_machine_new(NULL);
	struct buffer file = octrace(m);
	struct oc_error err = { 0 };
	struct oc_input *in;

	cr_assert_eq(oc_machine_on_sample(copy, drop_small, NULL), 0);
	cr_assert_eq(oc_input_open_memory(file.data, file.len, &in), 0);
	cr_assert_eq(oc_reader_for(in, &err)->read(in, copy, &err), 0, "%s", err.message);
	cr_assert_lt(kept(copy), kept(m));
	cr_assert_eq(copy->ledger.kinds[0].lost[OC_LOSS_HOOK], kept(m) - kept(copy));
	cr_assert_eq(copy->ledger.kinds[0].taken, m->ledger.kinds[0].taken);
	cr_assert(oc_ledger_balanced(&copy->ledger));
	/* Once is enough: what is there would be mixed up. */
	cr_assert_eq(oc_reader_for(in, &err)->read(in, copy, &err), -EINVAL);
	oc_input_close(in);
	oc_machine_free(copy);
	oc_machine_free(m);
	buffer_done(&file);
}

Test(octrace, files_of_no_known_format_are_refused_with_the_names_of_those_that_are)
{
	static const char *const texts[] = { "", "\x89OCTR\r\n", "hello", "\x89PNG\r\n\x1a\n" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct oc_error err = { 0 };
		struct oc_input *in;

		cr_assert_eq(oc_input_open_memory(texts[i], strlen(texts[i]), &in), 0);
		cr_assert_null(oc_reader_for(in, &err));
		cr_assert_eq(err.code, -EBADMSG);
		cr_assert(strstr(err.message, i ? "octrace" : "empty"), "%s", err.message);
		oc_input_close(in);
	}
}
