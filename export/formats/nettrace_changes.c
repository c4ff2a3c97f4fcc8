/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listing what happened to processes.
 * Called by the nettrace writer.
 * Must not know the format.
 */
#include "export/formats/nettrace_changes.h"

#include <errno.h>

#include "base/macros.h"

/* An image of a pid, from when to when it is said to have lived; until: UINT64_MAX = to the end. */
struct life {
	uint32_t pid;
	oc_process_id process;
	uint64_t from, until;
};

static int compare_lives(const void *a, const void *b)
{
	const struct life *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->process < y->process ? -1 : 1;
}

static int compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	if (x->type != y->type)
		return (int)x->type - (int)y->type;
	return x->mapping < y->mapping ? -1 : 1;
}

static struct life life_of(const struct oc_machine *m, oc_process_id id,
			   const struct sampled *sampled, uint64_t start)
{
	const struct oc_process *process = oc_machine_process(m, id);
	struct life life = { process->pid, id, process->start_ns, process->end_ns };

	if (sampled->first <= sampled->last) {
		life.from = MIN(life.from, sampled->first);
		/* A sample of the very last moment is one of this process still. */
		if (life.until != UINT64_MAX)
			life.until = MAX(life.until, sampled->last + 1);
	}
	life.from = MIN(MAX(life.from, start), CHANGE_TIME_MAX);
	if (life.until != UINT64_MAX)
		life.until = MIN(MAX(life.until, life.from), CHANGE_TIME_MAX);
	return life;
}

/* At no time two images of one pid: who comes ends who was. lives[nr] is sorted. */
static void end_replaced(struct life *lives, uint32_t nr)
{
	for (uint32_t i = 0; i + 1 < nr; i++) {
		if (lives[i].pid == lives[i + 1].pid)
			lives[i].until = MIN(lives[i].until, lives[i + 1].from);
	}
}

static bool stays(const struct oc_machine *m, const struct oc_mapping *mapping)
{
	const struct oc_process *process = oc_machine_process(m, mapping->process);

	return process && mapping->until_ns >= process->end_ns;
}

/* An image that was over when the recording began, and has no samples, is none of it. */
static bool is_past(const struct life *life, const struct sampled *sampled, uint64_t start)
{
	return life->until <= start && sampled[life->process].first > sampled[life->process].last;
}

/* lives: of all processes, of which those that are past have no id. */
static size_t fill(const struct oc_machine *m, const struct life *lives, const uint32_t *life_of_id,
		   struct change *changes)
{
	size_t nr = 0;

	for (uint32_t i = 0; i < oc_machine_nr_processes(m); i++) {
		if (!lives[i].process)
			continue;
		changes[nr++] =
			(struct change){ lives[i].from, lives[i].process, CHANGE_CREATE, 0 };
		if (lives[i].until != UINT64_MAX)
			changes[nr++] =
				(struct change){ lives[i].until, lives[i].process, CHANGE_EXIT, 0 };
	}
	for (oc_mapping_id id = 1; id <= oc_machine_nr_mappings(m); id++) {
		const struct oc_mapping *mapping = oc_machine_mapping(m, id);
		const struct life *life;

		if (!stays(m, mapping))
			continue;
		life = &lives[life_of_id[mapping->process]];
		if (!life->process)
			continue;
		changes[nr++] = (struct change){
			MIN(MAX(mapping->since_ns, life->from), life->until),
			mapping->process,
			CHANGE_MAPPING,
			id,
		};
	}
	return nr;
}

int changes_list(const struct oc_machine *m, const struct sampled *sampled, uint64_t start,
		 struct change **ret_changes, size_t *ret_nr)
{
	uint32_t nr = oc_machine_nr_processes(m);
	struct life *lives = calloc((size_t)nr + 1, sizeof(*lives));
	uint32_t *life_of_id = calloc((size_t)nr + 1, sizeof(*life_of_id));
	struct change *changes =
		calloc((size_t)nr * 2 + oc_machine_nr_mappings(m) + 1, sizeof(*changes));

	if (!lives || !life_of_id || !changes) {
		free(lives);
		free(life_of_id);
		free(changes);
		return -ENOMEM;
	}
	for (oc_process_id id = 1; id <= nr; id++)
		lives[id - 1] = life_of(m, id, &sampled[id], start);
	qsort(lives, nr, sizeof(*lives), compare_lives);
	end_replaced(lives, nr);
	for (uint32_t i = 0; i < nr; i++) {
		life_of_id[lives[i].process] = i;
		if (is_past(&lives[i], sampled, start))
			lives[i].process = 0;
	}
	*ret_nr = fill(m, lives, life_of_id, changes);
	qsort(changes, *ret_nr, sizeof(*changes), compare_changes);
	*ret_changes = changes;
	free(lives);
	free(life_of_id);
	return 0;
}
