/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filters: patterns turned into sets of ids, each text looked at once.
 * Called by commands on finished machines.
 * Must not look at single samples: selection.c does.
 */
#include <onecollect/filter.h>

#include <errno.h>
#include <fnmatch.h>
#include <regex.h>

#include "base/macros.h"
#include "base/text.h"
#include "export/machine_private.h"
#include "export/sample_groups.h"
#include "export/selection.h"

/* Larger than any number that a kernel gives to a CPU; a set of so many is made for the part. */
#define CPU_MAX 1048575u

struct texts {
	const char *const *items;
	uint32_t nr;
};

/* ---- checking ----------------------------------------------------------------------------------------------- */

static int compile_regex(regex_t *regex, const char *pattern, struct oc_error *err)
{
	char why[128];
	int code = regcomp(regex, pattern, REG_EXTENDED | REG_NOSUB);

	if (!code)
		return 0;
	if (code == REG_ESPACE)
		return oc_error_set(err, -ENOMEM, "out of memory");
	regerror(code, regex, why, sizeof(why));
	return oc_error_set(err, -EINVAL,
			    "'%.128s' is not a regular expression (POSIX extended): %s", pattern,
			    why);
}

static int check_regexes(const struct texts *patterns, struct oc_error *err)
{
	int rc = 0;

	for (uint32_t i = 0; i < patterns->nr && !rc; i++) {
		regex_t regex;

		rc = compile_regex(&regex, patterns->items[i], err);
		if (!rc)
			regfree(&regex);
	}
	return rc;
}

static int check_range(const struct oc_filter *f, struct oc_error *err)
{
	if (f->from.base != f->until.base || f->from.base == OC_TIME_UNBOUNDED ||
	    f->from.ns < f->until.ns)
		return 0;
	return oc_error_set(err, -EINVAL, "the time range ends before it begins");
}

int oc_filter_check(const struct oc_filter *given, struct oc_error *err)
{
	struct oc_filter f = { 0 };
	int rc;

	if (!given)
		return 0;
	memcpy(&f, given, MIN(given->size, sizeof(f)));
	rc = check_range(&f, err);
	if (!rc)
		rc = check_regexes(&(struct texts){ f.functions, f.nr_functions }, err);
	if (!rc)
		rc = check_regexes(&(struct texts){ f.ignored, f.nr_ignored }, err);
	for (uint32_t i = 0; i < f.nr_attrs && !rc; i++) {
		if (!strchr(f.attrs[i], '='))
			rc = oc_error_set(err, -EINVAL, "'%.128s' is not KEY=VALUE", f.attrs[i]);
	}
	for (uint32_t i = 0; i < f.nr_cpus && !rc; i++) {
		if (f.cpus[i] > CPU_MAX)
			rc = oc_error_set(err, -EINVAL, "%u is no CPU", f.cpus[i]);
	}
	return rc;
}

/* ---- texts -------------------------------------------------------------------------------------------------- */

static const char *string_of(const struct oc_machine *m, oc_string_id id)
{
	return oc_machine_string(m, id, NULL);
}

/* A pattern of digits is a number, as long as there is a number that it could mean. */
static bool number_matches(const char *pattern, uint32_t number)
{
	uint64_t wanted;

	return !text_parse_u64(pattern, 10, UINT32_MAX, &wanted) && wanted == number;
}

static bool any_glob(const struct texts *globs, const char *text)
{
	for (uint32_t i = 0; i < globs->nr; i++) {
		if (!fnmatch(globs->items[i], text, 0))
			return true;
	}
	return false;
}

static bool any_glob_of_path(const struct texts *globs, const char *path)
{
	return any_glob(globs, path) || any_glob(globs, text_base_name(path));
}

static bool any_number(const struct texts *patterns, uint32_t number)
{
	for (uint32_t i = 0; i < patterns->nr; i++) {
		if (number_matches(patterns->items[i], number))
			return true;
	}
	return false;
}

/* ---- sets of ids -------------------------------------------------------------------------------------------- */

/* A filter being turned into a selection. */
struct making {
	const struct oc_machine *m;
	const struct oc_filter *f;
	struct selection *s;
	struct oc_error *err;
};

/* The set of a part that is asked for, with nothing in it; NULL = no memory. */
static bool *begin_part(struct making *g, enum oc_filter_part part, size_t nr_ids)
{
	bool *set = calloc(nr_ids + 1, sizeof(*set));

	g->s->sets[part] = set;
	g->s->parts[g->s->nr_parts++] = part;
	return set;
}

static int make_processes(struct making *g)
{
	const struct texts wanted = { g->f->processes, g->f->nr_processes };
	uint32_t nr = oc_machine_nr_processes(g->m);
	bool *set = begin_part(g, OC_FILTER_PROCESS, nr);

	for (oc_process_id id = 1; set && id <= nr; id++) {
		const struct oc_process *process = oc_machine_process(g->m, id);

		set[id] = any_number(&wanted, process->pid) ||
			  any_glob(&wanted, string_of(g->m, process->comm)) ||
			  any_glob_of_path(&wanted, string_of(g->m, process->exe));
	}
	return set ? 0 : -ENOMEM;
}

static int make_threads(struct making *g)
{
	const struct texts wanted = { g->f->threads, g->f->nr_threads };
	uint32_t nr = oc_machine_nr_threads(g->m);
	bool *set = begin_part(g, OC_FILTER_THREAD, nr);

	for (oc_thread_id id = 1; set && id <= nr; id++) {
		const struct oc_thread *thread = oc_machine_thread(g->m, id);
		const struct oc_process *process = oc_machine_process(g->m, thread->process);
		oc_string_id name = thread->name || !process ? thread->name : process->comm;

		set[id] = any_number(&wanted, thread->tid) ||
			  any_glob(&wanted, string_of(g->m, name));
	}
	return set ? 0 : -ENOMEM;
}

static int make_kinds(struct making *g)
{
	const struct texts wanted = { g->f->kinds, g->f->nr_kinds };
	uint32_t nr = oc_machine_nr_kinds(g->m);
	bool *set = begin_part(g, OC_FILTER_KIND, nr);

	for (oc_kind_id id = 1; set && id <= nr; id++)
		set[id] = any_glob(&wanted, oc_machine_kind(g->m, id)->name);
	return set ? 0 : -ENOMEM;
}

static int make_cpus(struct making *g)
{
	uint32_t max = 0;
	bool *set;

	for (uint32_t i = 0; i < g->f->nr_cpus; i++)
		max = MAX(max, g->f->cpus[i]);
	set = begin_part(g, OC_FILTER_CPU, max);
	g->s->nr_cpus = max + 1;
	for (uint32_t i = 0; set && i < g->f->nr_cpus; i++)
		set[g->f->cpus[i]] = true;
	return set ? 0 : -ENOMEM;
}

/* ---- attributes ---- */

struct attr_match {
	const struct oc_machine *m;
	const struct texts *wanted;
	bool *hits; /* by text of `wanted` */
};

static size_t key_size(const char *pattern)
{
	return (size_t)(strchr(pattern, '=') - pattern);
}

static int match_attr(void *arg, const struct oc_attr *attr)
{
	struct attr_match *match = arg;
	const char *key = string_of(match->m, attr->key);
	const char *value;
	char number[24];

	snprintf(number, sizeof(number), "%llu", (unsigned long long)attr->value);
	value = attr->type == OC_ATTR_STRING ? string_of(match->m, (oc_string_id)attr->value)
					     : number;
	for (uint32_t i = 0; i < match->wanted->nr; i++) {
		const char *pattern = match->wanted->items[i];
		size_t size = key_size(pattern);

		if (strlen(key) == size && !memcmp(key, pattern, size) &&
		    !fnmatch(pattern + size + 1, value, 0))
			match->hits[i] = true;
	}
	return 0;
}

/* Whether each key that is asked for has a hit. */
static bool all_keys_hit(const struct attr_match *match)
{
	const struct texts *wanted = match->wanted;

	for (uint32_t i = 0; i < wanted->nr; i++) {
		size_t size = key_size(wanted->items[i]) + 1;
		bool hit = false;

		for (uint32_t j = 0; j < wanted->nr && !hit; j++)
			hit = match->hits[j] && !strncmp(wanted->items[i], wanted->items[j], size);
		if (!hit)
			return false;
	}
	return true;
}

static int make_attrs(struct making *g)
{
	const struct texts wanted = { g->f->attrs, g->f->nr_attrs };
	struct attr_match match = { .m = g->m, .wanted = &wanted };
	uint32_t nr = g->m->attrs.count;
	bool *set = begin_part(g, OC_FILTER_ATTR, nr);
	int rc = set ? 0 : -ENOMEM;

	match.hits = calloc(wanted.nr, sizeof(*match.hits));
	if (!match.hits)
		rc = -ENOMEM;
	for (oc_attrs_id id = 1; !rc && id <= nr; id++) {
		memset(match.hits, 0, wanted.nr * sizeof(*match.hits));
		rc = oc_machine_walk_attrs(g->m, id, match_attr, &match);
		set[id] = all_keys_hit(&match);
	}
	free(match.hits);
	return rc;
}

/* ---- stacks ---- */

/* A set of stacks from a set of locations: those with such a frame. */
static void spread_to_stacks(const struct oc_machine *m, const bool *locations, bool *stacks)
{
	for (oc_stack_id id = 1; id <= oc_machine_nr_stacks(m); id++) {
		uint32_t nr;
		const oc_location_id *frames = oc_machine_stack(m, id, &nr);

		for (uint32_t i = 0; i < nr && !stacks[id]; i++)
			stacks[id] = locations[frames[i]];
	}
}

static int make_modules(struct making *g)
{
	const struct texts wanted = { g->f->modules, g->f->nr_modules };
	uint32_t nr_modules = oc_machine_nr_modules(g->m);
	uint32_t nr_locations = oc_machine_nr_locations(g->m);
	bool *set = begin_part(g, OC_FILTER_MODULE, oc_machine_nr_stacks(g->m));
	bool *modules = calloc((size_t)nr_modules + 1, sizeof(*modules));
	bool *locations = calloc((size_t)nr_locations + 1, sizeof(*locations));
	int rc = set && modules && locations ? 0 : -ENOMEM;

	for (oc_module_id id = 1; !rc && id <= nr_modules; id++)
		modules[id] = any_glob_of_path(&wanted,
					       string_of(g->m, oc_machine_module(g->m, id)->path));
	for (oc_location_id id = 1; !rc && id <= nr_locations; id++)
		locations[id] = modules[oc_machine_location(g->m, id)->module];
	if (!rc)
		spread_to_stacks(g->m, locations, set);
	free(modules);
	free(locations);
	return rc;
}

/* The patterns of one part, and what is known already of names. */
struct name_match {
	const struct oc_machine *m;
	regex_t *regexes; /* [nr] */
	uint32_t nr;
	uint8_t *known; /* by string id */
};
enum { NAME_NEW, NAME_NO, NAME_YES };

static bool any_regex(const struct name_match *match, const char *name)
{
	for (uint32_t i = 0; i < match->nr; i++) {
		if (!regexec(&match->regexes[i], name, 0, NULL, 0))
			return true;
	}
	return false;
}

static bool location_matches(struct name_match *match, oc_location_id id)
{
	uint32_t nr = MAX(oc_machine_location(match->m, id)->nr_lines, 1U);
	bool found = false;

	for (uint32_t line = 0; line < nr && !found; line++) {
		oc_string_id name = oc_machine_location_name(match->m, id, line);
		uint8_t *known = &match->known[name];

		if (*known == NAME_NEW)
			*known = any_regex(match, string_of(match->m, name)) ? NAME_YES : NAME_NO;
		found = *known == NAME_YES;
	}
	return found;
}

static int match_names(struct making *g, struct name_match *match, bool *stacks)
{
	uint32_t nr = oc_machine_nr_locations(g->m);
	bool *locations = calloc((size_t)nr + 1, sizeof(*locations));

	match->m = g->m;
	match->known = calloc((size_t)g->m->strings.count + 1, sizeof(*match->known));
	if (!locations || !match->known) {
		free(locations);
		return -ENOMEM;
	}
	for (oc_location_id id = 1; id <= nr; id++)
		locations[id] = location_matches(match, id);
	spread_to_stacks(g->m, locations, stacks);
	stacks[0] = any_regex(match, NO_STACK_NAME);
	free(locations);
	return 0;
}

static int make_functions(struct making *g, enum oc_filter_part part, const struct texts *patterns)
{
	uint32_t nr_stacks = oc_machine_nr_stacks(g->m);
	bool *set = begin_part(g, part, nr_stacks);
	struct name_match match = { .regexes = calloc(patterns->nr, sizeof(*match.regexes)) };
	int rc = set && match.regexes ? 0 : -ENOMEM;

	while (!rc && match.nr < patterns->nr) {
		rc = compile_regex(&match.regexes[match.nr], patterns->items[match.nr], g->err);
		match.nr += !rc;
	}
	if (!rc)
		rc = match_names(g, &match, set);
	for (uint32_t id = 0; !rc && part == OC_FILTER_IGNORE && id <= nr_stacks; id++)
		set[id] = !set[id];
	while (match.nr)
		regfree(&match.regexes[--match.nr]);
	free(match.regexes);
	free(match.known);
	return rc;
}

/* ---- time --------------------------------------------------------------------------------------------------- */

/* What samples can be chosen by. */
struct extent {
	uint64_t first_ns; /* of all times, 0 = there is none */
	bool has_cpu;
	bool has_samples;
};

static int measure(void *arg, const struct oc_sample *sample)
{
	struct extent *extent = arg;

	if (sample->time_ns && (!extent->first_ns || sample->time_ns < extent->first_ns))
		extent->first_ns = sample->time_ns;
	extent->has_cpu |= sample->cpu != UINT32_MAX;
	extent->has_samples = true;
	return 0;
}

static int find_extent(struct making *g, struct extent *ret)
{
	int rc = oc_machine_each_sample(g->m, measure, ret);

	if (rc)
		return rc;
	if (g->f->nr_cpus && ret->has_samples && !ret->has_cpu)
		return oc_error_set(g->err, -ENODATA,
				    "the recording holds counts without CPUs, so there is nothing "
				    "to choose CPUs by; record with --timeline");
	if ((g->f->from.base || g->f->until.base) && ret->has_samples && !ret->first_ns)
		return oc_error_set(g->err, -ENODATA,
				    "the recording holds counts without times, so no time range "
				    "can be cut out of it; record with --timeline");
	return 0;
}

/* Turns a bound into a time of samples. */
static int resolve_bound(struct making *g, const struct oc_time_bound *bound,
			 const struct extent *extent, uint64_t *ret_ns)
{
	const struct oc_recording_info *info = oc_machine_info(g->m);
	uint64_t start = info->start_mono_ns ? info->start_mono_ns : extent->first_ns;
	uint64_t offset = bound->ns;

	if (bound->base == OC_TIME_UNBOUNDED)
		return 0;
	if (bound->base == OC_TIME_WALL) {
		if (!info->start_wall_ns || !info->start_mono_ns)
			return oc_error_set(
				g->err, -ENODATA,
				"the recording does not tell the date and time at which it began; "
				"write the time range in seconds since its beginning, as 2s..5s");
		/* Before the recording is as good as its beginning: nothing lies between. */
		offset -= MIN(offset, info->start_wall_ns);
	}
	if (__builtin_add_overflow(start, offset, ret_ns))
		*ret_ns = UINT64_MAX;
	return 0;
}

static int make_time(struct making *g, const struct extent *extent)
{
	int rc;

	g->s->until_ns = UINT64_MAX;
	if (!g->f->from.base && !g->f->until.base)
		return 0;
	g->s->parts[g->s->nr_parts++] = OC_FILTER_TIME;
	rc = resolve_bound(g, &g->f->from, extent, &g->s->from_ns);
	return rc ? rc : resolve_bound(g, &g->f->until, extent, &g->s->until_ns);
}

/* ---- all ---------------------------------------------------------------------------------------------------- */

static int make_all(struct making *g)
{
	const struct oc_filter *f = g->f;
	const struct texts functions = { f->functions, f->nr_functions };
	const struct texts ignored = { f->ignored, f->nr_ignored };
	struct extent extent = { 0 };
	int rc = find_extent(g, &extent);

	if (!rc)
		rc = make_time(g, &extent);
	if (!rc && f->nr_processes)
		rc = make_processes(g);
	if (!rc && f->nr_threads)
		rc = make_threads(g);
	if (!rc && f->nr_kinds)
		rc = make_kinds(g);
	if (!rc && f->nr_attrs)
		rc = make_attrs(g);
	if (!rc && f->nr_cpus)
		rc = make_cpus(g);
	if (!rc && f->nr_modules)
		rc = make_modules(g);
	if (!rc && f->nr_functions)
		rc = make_functions(g, OC_FILTER_FUNCTION, &functions);
	if (!rc && f->nr_ignored)
		rc = make_functions(g, OC_FILTER_IGNORE, &ignored);
	return rc;
}

int oc_machine_select(struct oc_machine *m, const struct oc_filter *filter,
		      struct oc_selected *ret_selected, struct oc_error *err)
{
	struct oc_filter f = { 0 };
	struct making g = { .m = m, .f = &f, .err = err };
	struct selection *before = m->selection;
	int rc = oc_filter_check(filter, err);

	if (rc)
		return rc;
	if (filter) {
		memcpy(&f, filter, MIN(filter->size, sizeof(f)));
		g.s = calloc(1, sizeof(*g.s));
		if (!g.s)
			return oc_error_set(err, -ENOMEM, "out of memory");
		/* The new one is made from all samples, whatever is selected now. */
		m->selection = NULL;
		rc = make_all(&g);
		m->selection = before;
	}
	if (!rc)
		rc = selection_install(m, g.s, ret_selected);
	if (!rc)
		return 0;
	selection_free(g.s);
	return err && err->code ? rc : oc_error_set(err, rc, "%s", strerror(-rc));
}
