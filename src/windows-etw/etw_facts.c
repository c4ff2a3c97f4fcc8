/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collecting what is true for the whole trace.
 * Called by etw_trace.c.
 * Must not know of sinks.
 */
#include "windows-etw/etw_facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/macros.h"

/* Things that were met: a thread (tid), an image (pid, base) or a method (pid, start); no padding, it is hashed. */
struct met_key {
	uint64_t type;
	uint64_t owner;
	uint64_t address;
};

/* State of the pass. */
struct collecting {
	struct etw_facts *facts;
	struct u32_map processes; /* pid + 1 of those met */
	struct id_table index;
	struct met_key *met; /* by id - 1 */
	size_t met_cap;
};

/* ---- PDBs ---------------------------------------------------------------------------------------------------- */

static bool place_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct etw_pdb_place *have = &((const struct etw_pdbs *)owner)->places[id - 1];
	const struct etw_pdb_place *want = wanted;

	return have->base == want->base && have->pid == want->pid;
}

static uint32_t find_place(const struct etw_pdbs *pdbs, uint32_t pid, uint64_t base,
			   uint64_t *ret_hash)
{
	const struct etw_pdb_place want = { .pid = pid, .base = base };
	const uint64_t key[] = { pid, base };

	*ret_hash = hash_words(key, ARRAY_SIZE(key), 0);
	return id_table_find(&pdbs->index, *ret_hash, place_equal, pdbs, &want);
}

const struct etw_pdb *etw_pdbs_find(struct etw_pdbs *pdbs, uint32_t pid, uint64_t base,
				    uint64_t time)
{
	uint64_t hash;
	uint32_t id = pdbs->nr ? find_place(pdbs, pid, base, &hash) : 0, next;
	struct etw_pdb_place *place = id ? &pdbs->places[id - 1] : NULL;

	if (!place)
		return NULL;
	while ((next = pdbs->list[place->now].next) && pdbs->list[next].time <= time)
		place->now = next;
	return &pdbs->list[place->now];
}

/* The name without folders: `before` when it is that, else a copy, or NULL = no memory. */
static const char *take_name(struct etw_pdbs *pdbs, const struct etw_text *text, const char *before)
{
	const char *name = (const char *)text->data, *end = name + text->size;

	for (const char *at = name; at < end; at++) {
		if (*at == '\\' || *at == '/')
			name = at + 1;
	}
	if (before && strlen(before) == (size_t)(end - name) &&
	    !memcmp(before, name, (size_t)(end - name)))
		return before;
	return arena_copy(&pdbs->names, name, (size_t)(end - name));
}

/* Appends the first of a place, or the next one. */
static int add_pdb(struct etw_pdbs *pdbs, uint64_t time, const struct etw_image_pdb *pdb,
		   struct etw_pdb_place *place)
{
	const struct etw_pdb *last = place ? &pdbs->list[place->last] : NULL;
	const char *name = take_name(pdbs, &pdb->name, last ? last->name : NULL);
	uint32_t at = (uint32_t)pdbs->nr;

	if (!name || pdbs->nr >= UINT32_MAX ||
	    array_reserve(&pdbs->list, &pdbs->cap, pdbs->nr + 1, sizeof(*pdbs->list)))
		return -ENOMEM;
	pdbs->list[at] = (struct etw_pdb){ .time = time, .age = pdb->age, .name = name };
	memcpy(pdbs->list[at].guid, pdb->guid, sizeof(pdbs->list[at].guid));
	pdbs->nr++;
	if (place) {
		pdbs->list[place->last].next = at;
		place->last = at;
	}
	return 0;
}

int etw_pdbs_add(struct etw_pdbs *pdbs, uint64_t time, const struct etw_image_pdb *pdb)
{
	uint64_t hash;
	uint32_t id = find_place(pdbs, pdb->pid, pdb->base, &hash);
	struct etw_pdb_place *place = id ? &pdbs->places[id - 1] : NULL;
	const struct etw_pdb *last = place ? &pdbs->list[place->last] : NULL;
	uint32_t at = (uint32_t)pdbs->nr;

	/* Merging writes it again with each event of the image. */
	if (last && last->age == pdb->age && !memcmp(last->guid, pdb->guid, sizeof(last->guid)))
		return 0;
	if (add_pdb(pdbs, time, pdb, place))
		return -ENOMEM;
	if (place)
		return 0;
	id = (uint32_t)pdbs->index.count + 1;
	if (array_reserve(&pdbs->places, &pdbs->places_cap, id, sizeof(*pdbs->places)) ||
	    id_table_add(&pdbs->index, hash, id))
		return -ENOMEM;
	pdbs->places[id - 1] =
		(struct etw_pdb_place){ .base = pdb->base, .pid = pdb->pid, .now = at, .last = at };
	return 0;
}

/* ---- things there from the beginning ------------------------------------------------------------------------- */

struct etl_event *etw_copy_event(struct arena *arena, const struct etl_event *event)
{
	size_t size = sizeof(*event) + 16 + event->size;
	struct etl_event *copy = arena ? arena_alloc(arena, size) : malloc(size);
	uint8_t *bytes = (uint8_t *)(copy + 1);

	if (!copy)
		return NULL;
	*copy = *event;
	copy->extended = NULL;
	copy->extended_size = 0;
	if (event->provider) {
		memcpy(bytes, event->provider, 16);
		copy->provider = bytes;
	}
	memcpy(bytes + 16, event->payload, event->size);
	copy->payload = bytes + 16;
	return copy;
}

static int add_initial(struct collecting *c, uint32_t pid, enum etw_type type,
		       const struct etl_event *event)
{
	struct etw_facts *f = c->facts;
	struct etw_initial *last = f->nr_initial ? &f->initial[f->nr_initial - 1] : NULL;
	struct etl_event *copy = etw_copy_event(&f->arena, event);

	if (!copy ||
	    array_reserve(&f->copies, &f->copies_cap, f->nr_copies + 1, sizeof(*f->copies)))
		return -ENOMEM;
	/* Windows lists a process's things one after the other: there is much less to sort than there are events. */
	if (!last || last->pid != pid || last->type != type) {
		if (array_reserve(&f->initial, &f->initial_cap, f->nr_initial + 1,
				  sizeof(*f->initial)))
			return -ENOMEM;
		last = &f->initial[f->nr_initial++];
		*last = (struct etw_initial){ .pid = pid, .type = type, .first = f->nr_copies };
	}
	f->copies[f->nr_copies++] = copy;
	last->nr++;
	return 0;
}

static bool met_equal(const void *owner, uint32_t id, const void *wanted)
{
	return !memcmp(&((const struct collecting *)owner)->met[id - 1], wanted,
		       sizeof(struct met_key));
}

/* Notes that something was met. Returns 1 when it is the first time, 0, or -ENOMEM. */
static int meet(struct collecting *c, const struct met_key *key)
{
	uint64_t hash = hash_words((const uint64_t *)key, sizeof(*key) / sizeof(uint64_t), 0);
	uint32_t id = id_table_find(&c->index, hash, met_equal, c, key);

	if (id)
		return 0;
	id = (uint32_t)c->index.count + 1;
	if (array_reserve(&c->met, &c->met_cap, id, sizeof(*c->met)) ||
	    id_table_add(&c->index, hash, id))
		return -ENOMEM;
	c->met[id - 1] = *key;
	return 1;
}

static int meet_process(struct collecting *c, const struct etw_process *process,
			const struct etl_event *event)
{
	uint32_t key = process->pid + 1;

	if (!key || u32_map_get(&c->processes, key, NULL))
		return 0;
	if (u32_map_set(&c->processes, key, 1))
		return -ENOMEM;
	if (process->moment == ETW_START)
		return u32_map_set(&c->facts->started, key, 1);
	return add_initial(c, process->pid, ETW_PROCESS, event);
}

/* Anything but a start says of what is met for the first time that it was there before. */
static int meet_thing(struct collecting *c, const struct met_key *key, enum etw_moment moment,
		      uint32_t pid, const struct etl_event *event)
{
	int rc = meet(c, key);

	if (rc <= 0 || moment == ETW_START)
		return MIN(rc, 0);
	return add_initial(c, pid, (enum etw_type)key->type, event);
}

/* ---- the pass ------------------------------------------------------------------------------------------------ */

static int take_in(struct collecting *c, const struct etl_event *event,
		   const struct etw_record *record)
{
	struct etw_facts *f = c->facts;
	struct met_key key = { .type = record->type };

	switch (record->type) {
	case ETW_PROCESS:
		return meet_process(c, &record->process, event);
	case ETW_THREAD:
		key.owner = record->thread.tid;
		return meet_thing(c, &key, record->thread.moment, record->thread.pid, event);
	case ETW_IMAGE:
		key.owner = record->image.pid;
		key.address = record->image.base;
		return meet_thing(c, &key, record->image.moment, record->image.pid, event);
	case ETW_METHOD:
		key.owner = event->pid;
		key.address = record->method.start;
		return meet_thing(c, &key, record->method.moment, event->pid, event);
	case ETW_IMAGE_PDB:
		return etw_pdbs_add(&f->pdbs, event->time, &record->pdb);
	case ETW_VOLUME:
		return etw_paths_add(&f->paths, &record->volume);
	case ETW_STACK_KEY:
		return etw_stacks_add_key(&f->stacks, event->time, &record->key);
	case ETW_SAMPLE_INTERVAL:
		/* Whoever changes it at the end of a trace does not mean the samples in it. */
		if (!record->interval.source &&
		    (record->interval.at_start ? !f->interval_known : !f->interval_ticks)) {
			f->interval_ticks = record->interval.ticks;
			f->interval_known = record->interval.at_start;
		}
		return 0;
	case ETW_SWITCH:
		f->has_switches = true;
		return 0;
	default:
		return 0;
	}
}

static int by_pid_type_first(const void *a, const void *b)
{
	const struct etw_initial *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->first < y->first ? -1 : 1;
}

static int collect(struct collecting *c, struct etl_reader *r)
{
	const struct etl_event *event;
	struct etw_record record;
	int rc;

	while ((rc = etl_reader_next(r, &event)) == 1) {
		if (!c->facts->nr_events++)
			c->facts->first_time = event->time;
		c->facts->last_time = MAX(c->facts->last_time, event->time);
		rc = etw_decode(event, &record);
		c->facts->unreadable += rc < 0;
		if (rc != 1)
			continue;
		if (take_in(c, event, &record))
			return -ENOMEM;
		if (etw_happened(&record))
			etl_reader_keep(r);
	}
	return rc;
}

int etw_facts_collect(struct etw_facts *facts, struct etl_reader *r)
{
	struct collecting c = { .facts = facts };
	int rc = collect(&c, r);

	u32_map_done(&c.processes);
	id_table_done(&c.index);
	free(c.met);
	if (rc)
		return rc;
	etw_stacks_sort(&facts->stacks);
	if (facts->nr_initial)
		qsort(facts->initial, facts->nr_initial, sizeof(*facts->initial),
		      by_pid_type_first);
	return 0;
}

void etw_facts_done(struct etw_facts *facts)
{
	etw_paths_done(&facts->paths);
	etw_stacks_done(&facts->stacks);
	id_table_done(&facts->pdbs.index);
	free(facts->pdbs.places);
	free(facts->pdbs.list);
	arena_done(&facts->pdbs.names);
	u32_map_done(&facts->started);
	free(facts->initial);
	free(facts->copies);
	arena_done(&facts->arena);
	*facts = (struct etw_facts){ 0 };
}
