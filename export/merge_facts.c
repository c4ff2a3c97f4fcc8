/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Merging what is told of a recording as a whole: kinds of samples, hosts, times and the ledger.
 * Called by export/merge.c.
 * Must not know where either machine came from.
 */
#include "export/merge_private.h"

#include <errno.h>

#include "base/buffer.h"
#include "base/macros.h"

/* ---- kinds ---- */

static const struct oc_kind *kind_named(const struct oc_machine *m, const char *name)
{
	for (uint32_t i = 0; i < m->nr_kinds; i++) {
		if (!strcmp(m->kinds[i].name, name))
			return &m->kinds[i];
	}
	return NULL;
}

/* Samples of one kind are added up, so they must weigh the same. */
static int check_kind(struct merge *g, const struct oc_kind *from, const struct oc_kind *to)
{
	if (from->unit == to->unit && from->period_ns == to->period_ns)
		return 0;
	if (from->unit != to->unit || !from->period_ns || !to->period_ns)
		return oc_error_set(
			g->err, -EINVAL,
			"samples of the kind %s are not of one unit or not taken in one "
			"way, so they cannot be added up",
			from->name);
	return oc_error_set(g->err, -EINVAL,
			    "samples of the kind %s were taken at %.6g Hz and at %.6g Hz, so they "
			    "cannot be added up",
			    from->name, 1e9 / (double)to->period_ns, 1e9 / (double)from->period_ns);
}

/* All or none, so that an error leaves dst as it was. */
int merge_kinds(struct merge *g)
{
	uint32_t nr_new = 0;

	for (uint32_t i = 0; i < g->src->nr_kinds; i++) {
		const struct oc_kind *have = kind_named(g->dst, g->src->kinds[i].name);
		int rc = have ? check_kind(g, &g->src->kinds[i], have) : 0;

		if (rc)
			return rc;
		nr_new += !have;
	}
	if (g->dst->nr_kinds + nr_new > OC_KINDS_MAX)
		return oc_error_set(g->err, -ENOSPC, "they have more than %d kinds together",
				    OC_KINDS_MAX);
	for (uint32_t i = 0; i < g->src->nr_kinds; i++) {
		int64_t to = oc_machine_add_kind(g->dst, &g->src->kinds[i]);

		if (to < 0)
			return (int)to;
		g->kinds[i + 1] = (uint32_t)to;
	}
	return 0;
}

/* ---- hosts and times ---- */

int merge_origin(struct merge *g)
{
	const struct oc_recording_info *to = &g->dst->info;
	int64_t origin;

	g->is_first = !to->start_mono_ns && !to->end_mono_ns && !oc_machine_nr_samples(g->dst);
	origin = origin_of(g->dst, g->src, g->strings[g->src->info.hostname], g->is_first);
	if (origin < 0)
		return (int)origin;
	g->origin = (uint32_t)origin;
	g->shift_ns = g->dst->origins->items[origin].shift_ns;
	return 0;
}

/* The names of both hosts, or of all. Returns 0 or -ENOMEM. */
static int merge_hostname(struct merge *g, oc_string_id hostname)
{
	struct oc_recording_info *to = &g->dst->info;
	const char *have = oc_machine_string(g->dst, to->hostname, NULL);
	const char *name = oc_machine_string(g->dst, hostname, NULL);
	struct buffer all = BUFFER_INIT;
	int64_t id;

	if (!*have || !*name) {
		to->hostname = to->hostname ? to->hostname : hostname;
		return 0;
	}
	for (const char *at = have; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, name, strlen(name)) &&
		    (!at[strlen(name)] || at[strlen(name)] == ','))
			return 0;
	}
	buffer_printf(&all, "%s,%s", have, name);
	id = all.error ? all.error : oc_machine_intern(g->dst, all.data, all.len);
	buffer_done(&all);
	if (id < 0)
		return (int)id;
	to->hostname = (oc_string_id)id;
	return 0;
}

/* The three clocks of the start stay those of one instant, on dst's axis. */
static void begin_earlier(struct oc_recording_info *to, const struct oc_recording_info *from,
			  uint64_t start_mono_ns)
{
	uint64_t earlier_ns = to->start_mono_ns - start_mono_ns;

	to->start_boot_ns -= MIN(to->start_boot_ns, earlier_ns);
	to->start_mono_ns = start_mono_ns;
	to->start_wall_ns = from->start_wall_ns;
}

int merge_info(struct merge *g)
{
	struct oc_recording_info *to = &g->dst->info;
	struct oc_recording_info from = g->src->info;
	uint64_t start = merge_time(g, from.start_mono_ns);

	from.hostname = g->strings[from.hostname];
	from.os = g->strings[from.os];
	from.command = g->strings[from.command];
	from.tool = g->strings[from.tool];
	if (g->is_first) {
		*to = from;
		return 0;
	}
	if (start && !to->start_mono_ns) {
		to->start_mono_ns = start;
		to->start_wall_ns = from.start_wall_ns;
		to->start_boot_ns = from.start_boot_ns;
	} else if (start && start < to->start_mono_ns) {
		begin_earlier(to, &from, start);
	}
	to->end_mono_ns = MAX(to->end_mono_ns, merge_time(g, from.end_mono_ns));
	to->nr_cpus = MAX(to->nr_cpus, from.nr_cpus);
	to->aggregated = to->aggregated || from.aggregated;
	to->page_size = to->page_size ? to->page_size : from.page_size;
	to->os = to->os ? to->os : from.os;
	to->command = to->command ? to->command : from.command;
	to->tool = to->tool ? to->tool : from.tool;
	return merge_hostname(g, from.hostname);
}

/* ---- ledger ---- */

static void merge_ledger_kind(struct oc_ledger_kind *to, const struct oc_ledger_kind *from)
{
	to->due += from->due;
	to->idle += from->idle;
	to->filtered += from->filtered;
	to->taken += from->taken;
	to->kept += from->kept;
	to->stacks += from->stacks;
	to->complete += from->complete;
	for (size_t i = 0; i < OC_LOSS_COUNT; i++)
		to->lost[i] += from->lost[i];
	for (size_t i = 0; i < OC_STACK_COUNT; i++)
		to->incomplete[i] += from->incomplete[i];
}

static void merge_ledger_self(struct oc_ledger_self *to, const struct oc_ledger_self *from)
{
	to->user_s += from->user_s;
	to->system_s += from->system_s;
	to->has_bpf_time |= from->has_bpf_time;
	to->bpf_ns += from->bpf_ns;
	to->bpf_runs += from->bpf_runs;
	to->kernel_to_user_bytes += from->kernel_to_user_bytes;
	/* Levels and waits are not sums: the worst of both is what was. */
	to->peak_rss_bytes = MAX(to->peak_rss_bytes, from->peak_rss_bytes);
	to->map_bytes = MAX(to->map_bytes, from->map_bytes);
	to->start_ms = MAX(to->start_ms, from->start_ms);
	to->stop_ms = MAX(to->stop_ms, from->stop_ms);
}

void merge_ledger(struct merge *g)
{
	struct oc_ledger *to = &g->dst->ledger;
	const struct oc_ledger *from = &g->src->ledger;

	to->duration_ns += from->duration_ns;
	for (uint32_t id = 1; id <= g->src->nr_kinds; id++)
		merge_ledger_kind(&to->kinds[g->kinds[id] - 1], &from->kinds[id - 1]);
	/* dst counted what it spilled itself; what src spilled is of no interest here. */
	for (size_t i = 0; i < OC_NOTE_COUNT; i++)
		to->notes[i] += i == OC_NOTE_SPILLED_SAMPLES ? 0 : from->notes[i];
	merge_ledger_self(&to->self, &from->self);
	to->exit_code = MAX(to->exit_code, from->exit_code);
}
