/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as an .etl file: all events in order, twice, each byte accounted for, and what is kept a third time.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "windows-etw/etl_reader.h"

static void use_event(const struct etl_event *e)
{
	struct etl_item item;
	uint32_t pos = 0;

	fuzz_use(e->payload, e->size);
	if (e->provider)
		fuzz_use(e->provider, 16);
	if (e->pointer_size != 4 && e->pointer_size != 8)
		abort();
	while (etl_event_item(e, &pos, &item) == 1)
		fuzz_use(item.data, item.size);
}

/* Every eighth event or so is said to be needed again. */
static bool is_kept(const struct etl_event *e)
{
	return !((e->time ^ e->id ^ e->size) & 7);
}

/* What reading gave: how many events, and what tells the order of those to be kept. */
struct reading {
	uint64_t nr;
	uint64_t kept;
};

static struct reading read_all(struct etl_reader *r)
{
	struct reading reading = { 0 };
	const struct etl_event *e;
	int rc;

	while ((rc = etl_reader_next(r, &e)) == 1) {
		use_event(e);
		reading.nr++;
		if (!is_kept(e))
			continue;
		etl_reader_keep(r);
		reading.kept = reading.kept * 31 + (e->time ^ e->cpu ^ (uint64_t)e->size << 32);
	}
	if (rc < -1000 || rc > 0)
		abort();
	return reading;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oc_input *in;
	struct etl_reader *r;
	struct oc_error err = { 0 };
	struct reading first, again;
	uint64_t damages;

	if (oc_input_open_memory(data, size, &in))
		abort();
	if (etl_reader_open(in, &r, &err)) {
		if (!err.code || !err.message[0])
			abort();
		oc_input_close(in);
		return 0;
	}
	first = read_all(r);
	damages = etl_reader_stats(r)->damages;
	if (etl_reader_damage(r, &err) != (damages != 0))
		abort();
	etl_reader_again(r);
	again = read_all(r);
	if (again.kept != first.kept || again.nr > first.nr ||
	    etl_reader_stats(r)->damages != damages)
		abort();
	etl_reader_rewind(r);
	if (read_all(r).nr != first.nr)
		abort();
	etl_reader_free(r);
	oc_input_close(in);
	return 0;
}
