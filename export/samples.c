/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples: aggregated ones merged by identity, timeline ones as columns that may go to a temporary file.
 * Called by collectors' sinks for each sample; read by writers in the order of adding.
 * Must not know how the temporary file works (spill.c).
 */
#include "export/machine_private.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"
#include "export/selection.h"

/* ---- order of adding ---- */

/* Makes sure that note_added() cannot fail. */
static int reserve_run(struct sample_store *s)
{
	return array_reserve(&s->runs, &s->cap_runs, s->nr_runs + 1, sizeof(*s->runs));
}

static void note_added(struct sample_store *s, bool aggregated)
{
	if (!s->nr_runs || s->runs[s->nr_runs - 1].aggregated != aggregated)
		s->runs[s->nr_runs++] = (struct sample_run){ .aggregated = aggregated };
	s->runs[s->nr_runs - 1].nr++;
	s->nr_samples++;
}

/* ---- aggregated samples ---- */

static bool key_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct sample_store *s = owner;
	const struct aggregate_key *have =
		&STABLE_ARRAY_AT(&s->aggregated, struct aggregated_sample, id - 1)->key;
	const struct aggregate_key *want = wanted;

	return have->stack == want->stack && have->thread == want->thread &&
	       have->process == want->process && have->kind == want->kind &&
	       have->cpu == want->cpu && have->attrs == want->attrs;
}

static int add_aggregated(struct sample_store *s, const struct oc_sample *sample)
{
	const struct aggregate_key key = {
		.kind = sample->kind,
		.process = sample->process,
		.thread = sample->thread,
		.stack = sample->stack,
		.attrs = sample->attrs,
		.cpu = sample->cpu,
	};
	uint64_t hash = hash_bytes(&key, sizeof(key));
	uint32_t id = id_table_find(&s->aggregated_index, hash, key_equal, s, &key);
	struct aggregated_sample *aggregated;

	if (id) {
		aggregated = stable_array_at(&s->aggregated, id - 1);
		aggregated->count += sample->count;
		aggregated->value += sample->value;
		return 0;
	}
	if (stable_array_reserve(&s->aggregated, 1) || reserve_run(s) ||
	    id_table_add(&s->aggregated_index, hash, s->aggregated.count + 1))
		return -ENOMEM;
	aggregated = stable_array_add(&s->aggregated);
	*aggregated = (struct aggregated_sample){
		.key = key,
		.count = sample->count,
		.value = sample->value,
	};
	note_added(s, true);
	return 0;
}

/* ---- timeline samples ---- */

/* Moves all chunks, which are full, to the temporary file. */
static int spill_chunks(struct oc_machine *m)
{
	struct sample_store *s = &m->samples;
	size_t nr = s->nr_chunks - s->nr_spilled, done = 0;
	int rc = 0;

	while (done < nr && !rc) {
		rc = spill_write(&m->spill, s->nr_spilled, s->chunks[done]);
		if (rc)
			break;
		free(s->chunks[done++]);
		s->nr_spilled++;
		m->ledger.notes[OC_NOTE_SPILLED_SAMPLES] += CHUNK_SAMPLES;
	}
	memmove(s->chunks, s->chunks + done, (nr - done) * sizeof(*s->chunks));
	return rc;
}

/* Begins a chunk; the budget is looked at here only, so it may be exceeded by one chunk. */
static int add_chunk(struct oc_machine *m)
{
	struct sample_store *s = &m->samples;
	struct sample_chunk *chunk;
	size_t resident;

	if (m->memory_budget_bytes && s->nr_chunks > s->nr_spilled &&
	    oc_machine_memory(m) + sizeof(*chunk) > m->memory_budget_bytes) {
		int rc = spill_chunks(m);

		if (rc)
			return rc;
	}
	resident = s->nr_chunks - s->nr_spilled;
	if (array_reserve(&s->chunks, &s->cap_chunks, resident + 1, sizeof(*s->chunks)))
		return -ENOMEM;
	chunk = malloc(sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;
	s->chunks[resident] = chunk;
	s->nr_chunks++;
	s->last_count = 0;
	return 0;
}

static int add_timeline(struct oc_machine *m, const struct oc_sample *sample)
{
	struct sample_store *s = &m->samples;
	struct sample_chunk *chunk;
	uint32_t i;

	if (reserve_run(s))
		return -ENOMEM;
	if (!s->nr_chunks || s->last_count == CHUNK_SAMPLES) {
		int rc = add_chunk(m);

		if (rc)
			return rc;
	}
	chunk = s->chunks[s->nr_chunks - s->nr_spilled - 1];
	i = s->last_count++;
	chunk->time_ns[i] = sample->time_ns;
	chunk->count[i] = sample->count;
	chunk->value[i] = sample->value;
	chunk->process[i] = sample->process;
	chunk->thread[i] = sample->thread;
	chunk->stack[i] = sample->stack;
	chunk->attrs[i] = sample->attrs;
	chunk->cpu[i] = sample->cpu;
	chunk->kind[i] = (uint8_t)sample->kind;
	note_added(s, false);
	return 0;
}

/* ---- adding ---- */

bool sample_is_aggregated(const struct oc_machine *m, const struct oc_sample *sample)
{
	/* The value of a span sample names the span, so two of them never are one. */
	return !sample->time_ns && m->kinds[sample->kind - 1].unit != OC_UNIT_SPAN;
}

int sample_store_add(struct oc_machine *m, const struct oc_sample *sample)
{
	int rc;

	if (sample_is_aggregated(m, sample))
		rc = add_aggregated(&m->samples, sample);
	else
		rc = add_timeline(m, sample);
	if (rc)
		return rc;
	m->samples.without_process |= !sample->process;
	m->samples.without_thread |= !sample->thread;
	return 0;
}

static bool is_valid(const struct oc_machine *m, const struct oc_sample *sample)
{
	if (!sample->kind || sample->kind > m->nr_kinds || !sample->count)
		return false;
	if (m->kinds[sample->kind - 1].unit == OC_UNIT_SPAN &&
	    (!sample->value || sample->value > m->spans.count))
		return false;
	return sample->process <= m->processes.count && sample->thread <= m->threads.count &&
	       sample->stack <= m->stacks.count && sample->attrs <= m->attrs.count;
}

/*
 * Lets the hooks see a sample. What they took away of it is lost by hook in the row of its original kind.
 * Returns 1 = goes on, 0 = dropped, -EINVAL = the hook made it invalid.
 */
static int apply_hooks(struct oc_machine *m, struct oc_sample *sample)
{
	const struct oc_sample original = *sample;
	uint64_t *lost = &m->ledger.kinds[original.kind - 1].lost[OC_LOSS_HOOK];
	int rc = hooks_run_sample(m, sample) == OC_KEEP;

	if (rc && !is_valid(m, sample))
		rc = -EINVAL;
	if (rc <= 0 || sample->kind != original.kind)
		*lost += original.count;
	else if (sample->count < original.count)
		*lost += original.count - sample->count;
	return rc;
}

int oc_machine_add_sample(struct oc_machine *m, const struct oc_sample *sample)
{
	struct oc_sample changed;
	struct oc_ledger_kind *row;
	int rc;

	if (!is_valid(m, sample))
		return -EINVAL;
	if (m->sample_hooks.nr) {
		changed = *sample;
		sample = &changed;
		rc = apply_hooks(m, &changed);
		if (rc <= 0)
			return rc;
	}
	row = &m->ledger.kinds[sample->kind - 1];
	rc = sample_store_add(m, sample);
	if (rc) {
		row->lost[OC_LOSS_MEMORY] += sample->count;
		return rc;
	}
	row->kept += sample->count;
	return 1;
}

uint64_t oc_machine_nr_samples(const struct oc_machine *m)
{
	return m->selection ? m->selection->nr_samples : m->samples.nr_samples;
}

/* ---- reading ---- */

typedef int (*sample_fn)(void *arg, const struct oc_sample *sample);

/* Where a reader is in both stores. */
struct sample_cursor {
	const struct oc_machine *m;
	uint32_t next_aggregated;
	uint64_t next_timeline;
	const struct sample_chunk *chunk; /* of next_timeline, NULL = not looked up */
	struct sample_chunk *buffer;      /* for chunks that are read back */
};

static int enter_chunk(struct sample_cursor *c)
{
	const struct sample_store *s = &c->m->samples;
	size_t index = (size_t)(c->next_timeline / CHUNK_SAMPLES);
	int rc;

	if (index >= s->nr_spilled) {
		c->chunk = s->chunks[index - s->nr_spilled];
		return 0;
	}
	if (!c->buffer)
		c->buffer = malloc(sizeof(*c->buffer));
	if (!c->buffer)
		return -ENOMEM;
	rc = spill_read(&c->m->spill, index, c->buffer);
	c->chunk = rc ? NULL : c->buffer;
	return rc;
}

static int next_timeline(struct sample_cursor *c, struct oc_sample *ret_sample)
{
	uint32_t i = (uint32_t)(c->next_timeline % CHUNK_SAMPLES);

	if (!i || !c->chunk) {
		int rc = enter_chunk(c);

		if (rc)
			return rc;
	}
	*ret_sample = (struct oc_sample){
		.time_ns = c->chunk->time_ns[i],
		.count = c->chunk->count[i],
		.value = c->chunk->value[i],
		.kind = c->chunk->kind[i],
		.process = c->chunk->process[i],
		.thread = c->chunk->thread[i],
		.stack = c->chunk->stack[i],
		.attrs = c->chunk->attrs[i],
		.cpu = c->chunk->cpu[i],
	};
	c->next_timeline++;
	return 0;
}

void sample_aggregated_at(const struct oc_machine *m, uint32_t index, struct oc_sample *ret_sample)
{
	const struct aggregated_sample *aggregated = stable_array_at(&m->samples.aggregated, index);

	*ret_sample = (struct oc_sample){
		.count = aggregated->count,
		.value = aggregated->value,
		.kind = aggregated->key.kind,
		.process = aggregated->key.process,
		.thread = aggregated->key.thread,
		.stack = aggregated->key.stack,
		.attrs = aggregated->key.attrs,
		.cpu = aggregated->key.cpu,
	};
}

static int each_of_run(struct sample_cursor *c, const struct sample_run *run, uint64_t nr_skipped,
		       sample_fn fn, void *arg)
{
	const struct selection *selection = c->m->selection;
	int rc = 0;

	if (run->aggregated)
		c->next_aggregated += (uint32_t)nr_skipped;
	else
		c->next_timeline += nr_skipped;
	for (uint64_t i = nr_skipped; i < run->nr && !rc; i++) {
		struct oc_sample sample;

		if (run->aggregated)
			sample_aggregated_at(c->m, c->next_aggregated++, &sample);
		else
			rc = next_timeline(c, &sample);
		if (!rc && (!selection || selection_has(selection, &sample)))
			rc = fn(arg, &sample);
	}
	return rc;
}

int samples_each_from(const struct oc_machine *m, uint64_t nr_skipped, sample_fn fn, void *arg)
{
	struct sample_cursor cursor = { .m = m };
	int rc = 0;

	for (size_t i = 0; i < m->samples.nr_runs && !rc; i++) {
		const struct sample_run *run = &m->samples.runs[i];
		uint64_t skipped = MIN(nr_skipped, run->nr);

		nr_skipped -= skipped;
		rc = each_of_run(&cursor, run, skipped, fn, arg);
	}
	free(cursor.buffer);
	return rc;
}

int oc_machine_each_sample(const struct oc_machine *m, sample_fn fn, void *arg)
{
	return samples_each_from(m, 0, fn, arg);
}

/* ---- life ---- */

void sample_store_done(struct oc_machine *m)
{
	struct sample_store *s = &m->samples;

	for (size_t i = 0; i < s->nr_chunks - s->nr_spilled; i++)
		free(s->chunks[i]);
	free(s->chunks);
	free(s->runs);
	stable_array_done(&s->aggregated);
	id_table_done(&s->aggregated_index);
}

size_t sample_store_bytes(const struct oc_machine *m)
{
	const struct sample_store *s = &m->samples;

	return (s->nr_chunks - s->nr_spilled) * sizeof(struct sample_chunk) +
	       s->cap_chunks * sizeof(*s->chunks) + s->cap_runs * sizeof(*s->runs) +
	       stable_array_bytes(&s->aggregated) + id_table_bytes(&s->aggregated_index);
}
