/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handing out samples by time in bounded memory.
 * Called by format writers.
 * Must not know any format, nor how samples are stored.
 *
 * Each pass over unordered samples keeps the `window` smallest of those that were not handed out yet, in a heap with
 * the largest on top: most samples are turned away by one comparison.
 */
#include "export/sample_order.h"

#include <errno.h>

#include "base/macros.h"

struct candidate {
	struct oc_sample sample;
	uint64_t ordinal; /* position among all samples, so that equal times keep their order */
};

struct sorter {
	const struct sample_order *order;
	uint64_t last_time; /* while looking: of the sample before */
	struct candidate *heap;
	size_t nr, window;
	uint64_t ordinal;       /* of the sample at hand */
	struct candidate floor; /* the last one handed out; none below it is wanted again */
	bool has_floor;
};

static uint64_t time_of(const struct sample_order *order, const struct oc_sample *sample)
{
	return order->time_of ? order->time_of(order->arg, sample) : sample->time_ns;
}

/* ---- samples in order ---- */

static int look(void *arg, const struct oc_sample *sample)
{
	struct sorter *s = arg;
	uint64_t time = time_of(s->order, sample);

	if (time < s->last_time)
		return 1;
	s->last_time = time;
	return 0;
}

static int hand_out(void *arg, const struct oc_sample *sample)
{
	const struct sample_order *order = ((struct sorter *)arg)->order;
	struct oc_sample timed = *sample;

	timed.time_ns = time_of(order, sample);
	return order->fn(order->arg, &timed);
}

/* ---- samples out of order ---- */

static bool before(const struct candidate *a, const struct candidate *b)
{
	if (a->sample.time_ns != b->sample.time_ns)
		return a->sample.time_ns < b->sample.time_ns;
	return a->ordinal < b->ordinal;
}

static void sift_up(struct candidate *heap, size_t i)
{
	for (size_t parent; i; i = parent) {
		parent = (i - 1) / 2;
		if (!before(&heap[parent], &heap[i]))
			break;
		SWAP(heap[parent], heap[i]);
	}
}

static void sift_down(struct candidate *heap, size_t nr, size_t i)
{
	for (size_t child; (child = 2 * i + 1) < nr; i = child) {
		if (child + 1 < nr && before(&heap[child], &heap[child + 1]))
			child++;
		if (!before(&heap[i], &heap[child]))
			break;
		SWAP(heap[i], heap[child]);
	}
}

static int collect(void *arg, const struct oc_sample *sample)
{
	struct sorter *s = arg;
	struct candidate candidate = { .sample = *sample, .ordinal = s->ordinal++ };

	candidate.sample.time_ns = time_of(s->order, sample);
	if (s->has_floor && !before(&s->floor, &candidate))
		return 0;
	if (s->nr < s->window) {
		s->heap[s->nr] = candidate;
		sift_up(s->heap, s->nr++);
	} else if (before(&candidate, &s->heap[0])) {
		s->heap[0] = candidate;
		sift_down(s->heap, s->nr, 0);
	}
	return 0;
}

/* Sorts the heap in place, smallest first, and hands it out. */
static int hand_out_window(struct sorter *s)
{
	int rc = 0;

	for (size_t nr = s->nr; nr > 1;) {
		SWAP(s->heap[0], s->heap[nr - 1]);
		sift_down(s->heap, --nr, 0);
	}
	for (size_t i = 0; !rc && i < s->nr; i++)
		rc = s->order->fn(s->order->arg, &s->heap[i].sample);
	if (s->nr) {
		s->floor = s->heap[s->nr - 1];
		s->has_floor = true;
	}
	return rc;
}

static int sort(const struct oc_machine *m, struct sorter *s)
{
	uint64_t left = oc_machine_nr_samples(m);
	int rc = 0;

	s->window = s->order->window ? s->order->window : SAMPLE_ORDER_WINDOW;
	s->window = (size_t)MIN(left, (uint64_t)s->window);
	s->heap = malloc(s->window * sizeof(*s->heap));
	if (!s->heap)
		return -ENOMEM;
	while (!rc && left) {
		s->nr = 0;
		s->ordinal = 0;
		rc = oc_machine_each_sample(m, collect, s);
		if (!rc)
			rc = hand_out_window(s);
		left -= s->nr;
	}
	free(s->heap);
	return rc;
}

int samples_by_time(const struct oc_machine *m, const struct sample_order *order)
{
	struct sorter s = { .order = order };
	int rc = oc_machine_each_sample(m, look, &s);

	if (rc < 0)
		return rc;
	return rc ? sort(m, &s) : oc_machine_each_sample(m, hand_out, &s);
}
