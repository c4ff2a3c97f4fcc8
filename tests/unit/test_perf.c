/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux/perf.h: reading records out of a ring, whole or wrapped, sound or damaged; and the sentences of failures.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <unistd.h>

#include "base/macros.h"
#include "linux/perf.h"

#define DATA_SIZE 4096u

/* A ring over plain memory; perf_ring_close() is not for it. */
struct fake_ring {
	struct perf_ring ring;
	struct perf_event_mmap_page *page;
	char *data;
};

static void fake_init(struct fake_ring *f, uint64_t at)
{
	size_t page = (size_t)getpagesize();

	f->page = aligned_alloc(page, page + DATA_SIZE);
	cr_assert_not_null(f->page);
	memset(f->page, 0, page + DATA_SIZE);
	f->data = (char *)f->page + page;
	f->page->data_head = at;
	f->page->data_tail = at;
	f->ring = (struct perf_ring){ .fd = -1, .base = f->page, .data_size = DATA_SIZE };
	f->ring.wrapped = malloc(65536);
	cr_assert_not_null(f->ring.wrapped);
}

static void fake_done(struct fake_ring *f)
{
	free(f->page);
	free(f->ring.wrapped);
}

static void put(struct fake_ring *f, uint64_t at, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		f->data[(at + i) % DATA_SIZE] = ((const char *)bytes)[i];
}

/* Writes a record whose body repeats the low byte of its type. */
static void write_record(struct fake_ring *f, uint32_t type, uint16_t size)
{
	struct perf_event_header header = { .type = type, .size = size };
	uint64_t at = f->page->data_head;

	put(f, at, &header, sizeof(header));
	for (uint64_t i = sizeof(header); i < size; i++)
		f->data[(at + i) % DATA_SIZE] = (char)type;
	f->page->data_head = at + size;
}

struct seen {
	uint32_t types[64];
	uint32_t nr;
	uint32_t stop_after; /* 0 = never */
};

static int see(void *arg, const struct perf_event_header *record)
{
	struct seen *s = arg;

	cr_assert_lt(s->nr, ARRAY_SIZE(s->types));
	for (size_t i = sizeof(*record); i < record->size; i++)
		cr_assert_eq(((const char *)record)[i], (char)record->type);
	s->types[s->nr++] = record->type;
	return s->stop_after == s->nr ? 7 : 0;
}

Test(perf, reads_whole_records_and_frees_their_room)
{
	struct fake_ring f;
	struct seen s = { 0 };

	fake_init(&f, 0);
	cr_assert_eq(perf_ring_read(&f.ring, see, &s), 0);
	cr_assert_eq(s.nr, 0);
	write_record(&f, 11, 8);
	write_record(&f, 12, 64);
	cr_assert_eq(perf_ring_read(&f.ring, see, &s), 0);
	cr_assert_eq(s.nr, 2);
	cr_assert_eq(s.types[1], 12);
	cr_assert_eq(f.page->data_tail, 72);
	cr_assert_eq(perf_ring_read(&f.ring, see, &s), 0);
	cr_assert_eq(s.nr, 2);
	fake_done(&f);
}

Test(perf, joins_a_record_that_crosses_the_end)
{
	for (uint64_t at = DATA_SIZE - 64; at <= DATA_SIZE; at += 8) {
		struct fake_ring f;
		struct seen s = { 0 };

		fake_init(&f, at);
		write_record(&f, 21, 56);
		write_record(&f, 22, 16);
		cr_assert_eq(perf_ring_read(&f.ring, see, &s), 0);
		cr_assert_eq(s.nr, 2);
		cr_assert_eq(s.types[0], 21);
		cr_assert_eq(s.types[1], 22);
		fake_done(&f);
	}
}

Test(perf, positions_may_wrap_around_64_bits)
{
	struct fake_ring f;
	struct seen s = { 0 };

	fake_init(&f, UINT64_MAX - 23);
	write_record(&f, 31, 16);
	write_record(&f, 32, 48);
	cr_assert_eq(perf_ring_read(&f.ring, see, &s), 0);
	cr_assert_eq(s.nr, 2);
	cr_assert_eq(f.page->data_tail, 40);
	fake_done(&f);
}

Test(perf, stops_when_asked_and_goes_on_later)
{
	struct fake_ring f;
	struct seen s = { .stop_after = 1 };

	fake_init(&f, 8);
	write_record(&f, 41, 24);
	write_record(&f, 42, 24);
	cr_assert_eq(perf_ring_read(&f.ring, see, &s), 7);
	cr_assert_eq(f.page->data_tail, 32);
	cr_assert_eq(perf_ring_read(&f.ring, see, &s), 0);
	cr_assert_eq(s.nr, 2);
	fake_done(&f);
}

Test(perf, skips_all_when_a_size_cannot_be_right)
{
	static const uint16_t sizes[] = { 0, 4, 7, 12, 65528 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct fake_ring f;
		struct seen s = { 0 };
		struct perf_event_header bad = { .type = 2, .size = sizes[i] };

		fake_init(&f, 0);
		write_record(&f, 51, 16);
		put(&f, 16, &bad, sizeof(bad));
		f.page->data_head = 40;
		cr_assert_eq(perf_ring_read(&f.ring, see, &s), -EBADMSG, "size %u", sizes[i]);
		cr_assert_eq(s.nr, 1);
		cr_assert_eq(f.page->data_tail, 40);
		write_record(&f, 52, 8);
		cr_assert_eq(perf_ring_read(&f.ring, see, &s), 0);
		cr_assert_eq(s.nr, 2);
		fake_done(&f);
	}
}

Test(perf, survives_positions_that_cannot_be_right)
{
	struct fake_ring f;
	struct seen s = { 0 };

	fake_init(&f, 0);
	f.page->data_head = DATA_SIZE + 8;
	cr_assert_eq(perf_ring_read(&f.ring, see, &s), -EBADMSG);
	cr_assert_eq(f.page->data_tail, DATA_SIZE + 8);
	f.page->data_head += 4; /* less than a header */
	cr_assert_eq(perf_ring_read(&f.ring, see, &s), -EBADMSG);
	cr_assert_eq(s.nr, 0);
	fake_done(&f);
}

Test(perf, peeking_leaves_everything)
{
	struct fake_ring f;
	struct seen s = { 0 };

	fake_init(&f, DATA_SIZE - 8);
	write_record(&f, 61, 24);
	cr_assert_eq(perf_ring_peek(&f.ring, see, &s), 0);
	cr_assert_eq(perf_ring_peek(&f.ring, see, &s), 0);
	cr_assert_eq(f.page->data_tail, DATA_SIZE - 8);
	cr_assert_eq(perf_ring_read(&f.ring, see, &s), 0);
	cr_assert_eq(s.nr, 3);
	fake_done(&f);
}

Test(perf, opens_maps_and_closes_an_event_of_its_own)
{
	struct perf_event_attr attr = { .size = sizeof(attr),
					.type = PERF_TYPE_SOFTWARE,
					.config = PERF_COUNT_SW_DUMMY,
					.exclude_kernel = 1 };
	struct perf_ring ring;
	struct seen s = { 0 };

	cr_assert_eq(perf_ring_open(&ring, &attr, 0, -1, 1), 0);
	cr_assert_geq(ring.fd, 0);
	cr_assert_eq(perf_ring_read(&ring, see, &s), 0);
	perf_ring_close(&ring);
	cr_assert_eq(ring.fd, -1);
	cr_assert_eq(perf_ring_read(&ring, see, &s), 0);
	perf_ring_close(&ring);
}

Test(perf, a_failed_open_leaves_a_closed_ring)
{
	struct perf_event_attr attr = { .size = sizeof(attr), .type = 0x7ffffff0 };
	struct perf_ring ring;

	cr_assert_lt(perf_ring_open(&ring, &attr, 0, -1, 1), 0);
	cr_assert_eq(ring.fd, -1);
	cr_assert_null(ring.base);
	perf_ring_close(&ring);
}

Test(perf, explains_failures)
{
	struct oc_error err = { 0 };

	cr_assert_eq(perf_explain(-EACCES, "the clock event", &err), -EACCES);
	cr_assert_eq(err.code, -EACCES);
	cr_assert_not_null(strstr(err.message, "the clock event"));
	cr_assert_not_null(strstr(err.message, "CAP_PERFMON"));
	cr_assert_eq(perf_explain(-EMFILE, "it", &err), -EMFILE);
	cr_assert_not_null(strstr(err.message, "ulimit -n"));
	cr_assert_eq(perf_explain(-EINVAL, "it", &err), -EINVAL);
	cr_assert_not_null(strstr(err.message, "perf_event_max_sample_rate"));
	cr_assert_eq(perf_explain(-ENOBUFS, "it", &err), -ENOBUFS);
	cr_assert_not_null(strstr(err.message, "perf_event_mlock_kb"));
	cr_assert_eq(perf_explain(-ESRCH, "it", &err), -ESRCH);
	cr_assert_eq(perf_explain(-EIO, "it", NULL), -EIO);
}
