/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as an .etl file: all events in order, twice, and each byte accounted for.
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

/* Returns the number of events. */
static uint64_t read_all(struct etl_reader *r)
{
	struct etl_event e;
	uint64_t nr = 0;
	int rc;

	while ((rc = etl_reader_next(r, &e)) == 1) {
		use_event(&e);
		nr++;
	}
	if (rc < -1000 || rc > 0)
		abort();
	return nr;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oc_input *in;
	struct etl_reader *r;
	struct oc_error err = { 0 };
	uint64_t nr;

	if (oc_input_open_memory(data, size, &in))
		abort();
	if (etl_reader_open(in, &r, &err)) {
		if (!err.code || !err.message[0])
			abort();
		oc_input_close(in);
		return 0;
	}
	nr = read_all(r);
	if (etl_reader_damage(r, &err) != (etl_reader_stats(r)->damages != 0))
		abort();
	etl_reader_rewind(r);
	if (read_all(r) != nr)
		abort();
	etl_reader_free(r);
	oc_input_close(in);
	return 0;
}
