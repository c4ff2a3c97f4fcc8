/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sorting records by time in bounded memory.
 * Called by src/perf_data_tell.c.
 * Must not know what records hold.
 */
#include "export/formats/perf_data_order.h"

#include <errno.h>

#include "base/array.h"
#include "base/le.h"
#include "base/macros.h"

void perf_data_order_done(struct perf_data_order *order)
{
	buffer_done(&order->bytes);
	buffer_done(&order->spare);
	free(order->waiting);
	order->waiting = NULL;
	order->nr = order->cap = 0;
}

static int by_time(const void *a, const void *b)
{
	const struct perf_data_waiting *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void sort(struct perf_data_order *order)
{
	bool sorted = true;

	for (size_t i = 1; sorted && i < order->nr; i++)
		sorted = order->waiting[i - 1].time_ns <= order->waiting[i].time_ns;
	if (!sorted)
		qsort(order->waiting, order->nr, sizeof(*order->waiting), by_time);
}

static struct perf_data_record record_at(const struct perf_data_order *order, size_t i)
{
	const struct perf_data_waiting *waiting = &order->waiting[i];
	const uint8_t *data = (const uint8_t *)order->bytes.data + waiting->at;

	return (struct perf_data_record){ data, le32(data), le16(data + 4), le16(data + 6),
					  waiting->offset };
}

/* Keeps what was not handed out, in the order of the sorting. */
static int keep_from(struct perf_data_order *order, size_t first)
{
	for (size_t i = first; i < order->nr; i++) {
		struct perf_data_record record = record_at(order, i);

		order->waiting[i - first] = order->waiting[i];
		order->waiting[i - first].at = order->spare.len;
		buffer_append(&order->spare, record.data, record.size);
	}
	order->nr -= first;
	SWAP(order->bytes, order->spare);
	buffer_clear(&order->spare);
	return order->bytes.error;
}

/* Hands out the first `nr` of the sorted records. */
static int hand_out(struct perf_data_order *order, size_t nr)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < nr; i++) {
		struct perf_data_record record = record_at(order, i);

		rc = order->fn(order->arg, &record);
	}
	return rc ? rc : keep_from(order, nr);
}

int perf_data_order_add(struct perf_data_order *order, const struct perf_data_record *record,
			uint64_t time_ns)
{
	size_t limit = order->limit ? order->limit : PERF_DATA_ORDER_BYTES;

	if (array_reserve(&order->waiting, &order->cap, order->nr + 1, sizeof(*order->waiting)))
		return -ENOMEM;
	order->waiting[order->nr++] =
		(struct perf_data_waiting){ time_ns, record->offset, order->bytes.len };
	buffer_append(&order->bytes, record->data, record->size);
	order->latest_ns = MAX(order->latest_ns, time_ns);
	if (order->bytes.error || order->bytes.len < limit)
		return order->bytes.error;
	sort(order);
	return hand_out(order, (order->nr + 1) / 2);
}

int perf_data_order_round(struct perf_data_order *order)
{
	uint64_t limit_ns = order->round_ns;
	size_t nr = 0;

	order->round_ns = order->latest_ns;
	sort(order);
	while (nr < order->nr && order->waiting[nr].time_ns <= limit_ns)
		nr++;
	return nr ? hand_out(order, nr) : 0;
}

int perf_data_order_flush(struct perf_data_order *order)
{
	sort(order);
	return hand_out(order, order->nr);
}
