/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The input format "etl": from a file to a machine with its facts, its ledger and its notes.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <onecollect/reader.h>

#include "etl_writer.h"

/* One busy sample without a stack, and one of an idle processor. */
static void write_trace(struct etl_writer *w)
{
	struct payload p;

	etl_writer_init(w, 8, ETL_XPRESS);
	etl_writer_begin(w, 1);
	p = payload_for(w);
	for (uint64_t i = 0; i < 2; i++) {
		payload_pointer(&p, 0xfffff80000001000);
		payload_u32(&p, i ? 9 : 0);
		payload_u32(&p, 1);
		etl_writer_perfinfo(
			w,
			&(struct etl_writer_event){ .time = 2000 + i, .id = 0x0f2e, .version = 2 },
			&p);
	}
	payload_done(&p);
	etl_writer_end(w);
}

/* Reads the writer's trace as a file of `size` bytes, fewer than written where it is to be cut. */
static int read_back(struct etl_writer *w, size_t size, struct oc_machine *m, struct oc_error *err)
{
	char path[] = "/tmp/etl_input.XXXXXX";
	int fd = mkstemp(path), rc;
	const struct oc_reader *reader = NULL;

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, w->file.data, size), (ssize_t)size);
	close(fd);
	rc = oc_read_file(path, m, &reader, err);
	unlink(path);
	if (!rc)
		cr_assert_str_eq(reader->name, "etl");
	etl_writer_done(w);
	return rc;
}

Test(etl_input, facts_and_ledger)
{
	struct oc_machine *m = oc_machine_new(NULL);
	const struct oc_recording_info *info;
	const struct oc_ledger *ledger;
	struct oc_error err = { 0 };
	struct etl_writer w;

	write_trace(&w);
	cr_assert_eq(read_back(&w, w.file.len, m, &err), 0, "%s", err.message);
	info = oc_machine_info(m);
	cr_assert_str_eq(oc_machine_string(m, info->os, NULL), "Windows 10.0.19045");
	cr_assert_str_eq(oc_machine_string(m, info->tool, NULL), "ETW session test session");
	cr_assert_eq(info->start_mono_ns, 100000000000);
	cr_assert_eq(info->end_mono_ns, 100000100100);
	cr_assert_eq(info->start_wall_ns, (133000000000000000 - 116444736000000000) * 100);
	cr_assert_eq(info->nr_cpus, 4);
	cr_assert_eq(oc_machine_nr_samples(m), 1);
	ledger = oc_machine_ledger_const(m);
	cr_assert_str_eq(ledger->kinds[0].name, "cpu");
	cr_assert_eq(ledger->kinds[0].due, 2);
	cr_assert_eq(ledger->kinds[0].idle, 1);
	cr_assert_eq(ledger->kinds[0].taken, 1);
	cr_assert(oc_ledger_balanced(ledger));
	cr_assert_eq(ledger->notes[OC_NOTE_TRACE_EVENTS_LOST], 3);
	cr_assert_eq(ledger->notes[OC_NOTE_TRACE_DAMAGES], 0);
	oc_machine_free(m);
}

Test(etl_input, a_cut_file_gives_what_is_there_and_says_so)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_error err = { 0 };
	struct etl_writer w;

	write_trace(&w);
	cr_assert_eq(read_back(&w, w.file.len - 1, m, &err), 0, "%s", err.message);
	cr_assert_eq(oc_machine_nr_samples(m), 0);
	cr_assert_eq(oc_machine_ledger_const(m)->notes[OC_NOTE_TRACE_DAMAGES], 1);
	oc_machine_free(m);
}

Test(etl_input, what_cannot_be_read_is_an_error_with_the_file_s_name)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_error err = { 0 };
	struct etl_writer w;

	write_trace(&w);
	w.file.data[0x48 + 32 + 0x110] = 7; /* the clock */
	cr_assert_eq(read_back(&w, w.file.len, m, &err), -EOPNOTSUPP);
	cr_assert_not_null(strstr(err.message, "/tmp/etl_input."));
	cr_assert_not_null(strstr(err.message, "clock (type 7"));
	oc_machine_free(m);
}
