/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real Windows traces, cut and with bits turned over: what is lost is told with its place, and the rest is there.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <onecollect/reader.h>

#include "base/macros.h"
#include "base/os.h"
#include "test_data.h"

#define NR_CUTS        24
#define NR_FLIPS       200
#define FLIPS_A_RUN    20
#define SEED           0x5eed
#define MEMORY_FACTOR  2
#define MEMORY_AT_EASE (512ULL << 20) /* what sanitizers keep of memory that was freed */

static const char *const traces[] = {
	"etl/perfview-net452-x64.etl",
	"etl/airbus-shutdown-kernel.etl",
	"etl/perfview-diaghub-kernel.etl",
	"etl/siemens-tracelogging-win11.etl",
	"etl/perfview-selfdescribing-single.etl",
};

struct outcome {
	int rc;
	uint64_t kept;
	uint64_t damages;
};

/* Reads bytes as a trace. What cannot be read, or not all of it, is said with its offset. */
static struct outcome read_trace(const char *data, size_t size, const char *what)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_error err = { 0 };
	struct outcome out = { 0 };
	const struct oc_ledger *ledger = oc_machine_ledger_const(m);
	struct oc_input *in;

	cr_assert_eq(oc_input_open_memory(data, size, &in), 0);
	out.rc = oc_reader_by_name("etl")->read(in, m, &err);
	cr_assert(out.rc <= 0 && out.rc != -ENOMEM, "%s: %d", what, out.rc);
	if (!out.rc) {
		cr_assert_eq(oc_machine_finish(m), 0);
		cr_assert(oc_ledger_balanced(ledger), "%s", what);
		out.kept = ledger->kinds[0].kept;
		out.damages = ledger->notes[OC_NOTE_TRACE_DAMAGES];
	}
	cr_assert_eq(err.code != 0, out.rc || out.damages, "%s: %d '%s'", what, out.rc,
		     err.message);
	cr_assert(!out.damages || strstr(err.message, "offset 0x"), "%s: %s", what, err.message);
	cr_assert(!out.rc || *err.message, "%s", what);
	oc_input_close(in);
	oc_machine_free(m);
	return out;
}

/* Opens a trace and reads it once, whole. Returns what that gave; *ret_memory: the most that it may take from now on. */
static struct outcome begin(const char *name, struct buffer *ret_bytes, uint64_t *ret_memory)
{
	struct outcome whole;

	*ret_bytes = (struct buffer){ 0 };
	test_data_read(name, ret_bytes);
	whole = read_trace(ret_bytes->data, ret_bytes->len, name);
	cr_assert(!whole.rc && !whole.damages, "%s", name);
	*ret_memory = os_peak_memory() * MEMORY_FACTOR + MEMORY_AT_EASE;
	return whole;
}

static void cut(const char *name)
{
	struct buffer bytes;
	uint64_t memory, before = 0;
	const struct outcome whole = begin(name, &bytes, &memory);

	for (size_t i = 0; i < NR_CUTS; i++) {
		size_t part = bytes.len / NR_CUTS;
		size_t size = i * part + (size_t)rand() % part;
		struct outcome now = read_trace(bytes.data, size, name);

		cr_assert(now.rc || now.damages, "%s: all is well with %zu of %zu bytes", name,
			  size, bytes.len);
		cr_assert(now.rc || now.kept >= before, "%s: fewer samples in %zu bytes", name,
			  size);
		/* Only the first buffer, which says what all others mean, cannot be done without. */
		cr_assert(!now.rc || !before, "%s: %zu bytes are not read", name, size);
		before = MAX(before, now.kept);
	}
	cr_assert_leq(before, whole.kept);
	cr_assert(!whole.kept || before > whole.kept / 2, "%s", name);
	cr_assert_leq(os_peak_memory(), memory, "%s", name);
	buffer_done(&bytes);
}

Test(etw_damaged, cut_traces_keep_what_is_in_front)
{
	srand(SEED);
	for (size_t i = 0; i < ARRAY_SIZE(traces); i++)
		cut(traces[i]);
}

/* Turns over bits at places that are the same the next time with the same seed. */
static void flip(struct buffer *bytes, unsigned int seed)
{
	srand(seed);
	for (int i = 0; i < FLIPS_A_RUN; i++) {
		size_t at = ((size_t)rand() << 16 ^ (size_t)rand()) % bytes->len;

		bytes->data[at] ^= (char)(1 << rand() % 8);
	}
}

Test(etw_damaged, flipped_bits_are_told_or_harmless)
{
	uint64_t damaged = 0;

	for (size_t i = 0; i < ARRAY_SIZE(traces); i++) {
		struct buffer bytes;
		uint64_t memory, kept = 0;
		const struct outcome whole = begin(traces[i], &bytes, &memory);

		for (unsigned int run = 0; run < NR_FLIPS / FLIPS_A_RUN; run++) {
			struct outcome now;

			flip(&bytes, SEED + run);
			now = read_trace(bytes.data, bytes.len, traces[i]);
			damaged += now.rc || now.damages;
			kept = MAX(kept, now.kept);
			flip(&bytes, SEED + run);
		}
		cr_assert(!whole.kept || kept > whole.kept / 2, "%s: %llu of %llu", traces[i],
			  (unsigned long long)kept, (unsigned long long)whole.kept);
		cr_assert_leq(os_peak_memory(), memory, "%s", traces[i]);
		buffer_done(&bytes);
	}
	/* There are no checksums: what an event says can change unseen, how events follow each other cannot. */
	cr_assert_gt(damaged, ARRAY_SIZE(traces) * NR_FLIPS / FLIPS_A_RUN / 4);
}

/* As other programs cut files: between two buffers, where nothing but their number tells. */
Test(etw_damaged, a_file_without_its_last_buffers)
{
	struct buffer bytes = { 0 };
	struct outcome now;

	test_data_read("etl/airbus-shutdown-kernel.etl", &bytes);
	now = read_trace(bytes.data, 20 * 65536, "20 of 49 buffers");
	cr_assert(!now.rc && now.damages == 1);
	buffer_done(&bytes);
}
