/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading pprof profiles: the rows of a parsed profile become those of a machine.
 * Called through the table of input formats.
 * Must not know how messages are packed (pprof_parse.c).
 *
 * A profile has columns of values; a kind has samples with a count and an amount. A column that counts samples or
 * events and the column behind it, as pprof.c and most CPU profilers write them, are one kind. Any other column is one
 * of its own, whose counts are the values, so that trees and shares are of what was measured.
 */
#include "export/formats/pprof_read_private.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/text.h"
#include "export/formats/gunzip.h"
#include "export/formats/readers_private.h"
#include "export/ledger_line.h"

/* Comments that are no facts of ours are kept as part of the recorder's name, so much of them. */
#define COMMENTS_BYTES_MAX 4096

bool pprof_read_text_is(const struct pprof_reader *r, uint32_t index, const char *word)
{
	const struct pprof_text *text = &r->profile.texts[index];

	return text->len == strlen(word) && !memcmp(text->text, word, text->len);
}

int64_t pprof_read_string(struct pprof_reader *r, uint32_t index)
{
	int64_t id;

	if (!index || r->texts[index])
		return r->texts[index];
	id = oc_machine_intern(r->m, r->profile.texts[index].text, r->profile.texts[index].len);
	if (id > 0)
		r->texts[index] = (oc_string_id)id;
	return id;
}

/* ---- kinds ---- */

static const struct {
	const char *name;
	enum oc_unit unit;
	uint64_t scale;
} units[] = {
	{ "nanoseconds", OC_UNIT_NANOSECONDS, 1 },
	{ "microseconds", OC_UNIT_NANOSECONDS, 1000 },
	{ "milliseconds", OC_UNIT_NANOSECONDS, 1000000 },
	{ "seconds", OC_UNIT_NANOSECONDS, 1000000000 },
	{ "bytes", OC_UNIT_BYTES, 1 },
	{ "kilobytes", OC_UNIT_BYTES, 1 << 10 },
	{ "megabytes", OC_UNIT_BYTES, 1 << 20 },
	{ "cycles", OC_UNIT_CYCLES, 1 },
};

static void set_unit(const struct pprof_reader *r, struct pprof_column_kind *kind, uint32_t unit)
{
	kind->unit = OC_UNIT_COUNT;
	kind->scale = 1;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (!pprof_read_text_is(r, unit, units[i].name))
			continue;
		kind->unit = units[i].unit;
		kind->scale = units[i].scale;
	}
}

/* Whether column i counts what column i + 1 measures: "samples" of "cpu", "off_cpu_events" of "off_cpu". */
static bool is_pair(const struct pprof_reader *r, size_t i)
{
	static const char *const words[] = { "samples", "events", "contentions" };
	const struct pprof_profile *p = &r->profile;
	const struct pprof_text *count, *value;

	if (i + 1 >= p->nr_types || !pprof_read_text_is(r, p->types[i].unit, "count"))
		return false;
	count = &p->texts[p->types[i].type];
	value = &p->texts[p->types[i + 1].type];
	for (size_t w = 0; w < ARRAY_SIZE(words); w++) {
		size_t len = strlen(words[w]);

		if (pprof_read_text_is(r, p->types[i].type, words[w]))
			return true;
		if (count->len == value->len + 1 + len &&
		    !memcmp(count->text, value->text, value->len) &&
		    count->text[value->len] == '_' &&
		    !memcmp(count->text + value->len + 1, words[w], len))
			return true;
	}
	return false;
}

/* Names of kinds are short and distinct. */
static void name_kind(struct pprof_reader *r, struct pprof_column_kind *kind, const char *text)
{
	size_t len = text_whole_characters(text, strlen(text), sizeof(kind->name) - 1);

	snprintf(kind->name, sizeof(kind->name), "%.*s", (int)len, len ? text : "");
	if (!len)
		snprintf(kind->name, sizeof(kind->name), "samples");
	for (size_t i = 0, nr = 2; i < r->nr_kinds; i++) {
		char number[16];

		if (strcmp(r->kinds[i].name, kind->name))
			continue;
		snprintf(number, sizeof(number), "#%zu", nr++);
		len = text_whole_characters(kind->name, strlen(kind->name),
					    sizeof(kind->name) - 1 - strlen(number));
		snprintf(kind->name + len, sizeof(kind->name) - len, "%s", number);
		i = SIZE_MAX; /* from the start */
	}
}

static int plan_kind(struct pprof_reader *r, size_t column, bool is_paired)
{
	const struct pprof_profile *p = &r->profile;
	const struct pprof_type *type = &p->types[column + is_paired];
	struct pprof_column_kind kind = { .count_column = is_paired ? (int)column : -1,
					  .value_column = (int)(column + is_paired),
					  .is_exact = is_paired };
	int64_t name = pprof_read_string(r, type->type);

	if (name < 0)
		return (int)name;
	set_unit(r, &kind, type->unit);
	name_kind(r, &kind, oc_machine_string(r->m, (oc_string_id)name, NULL));
	if (kind.unit == OC_UNIT_NANOSECONDS && p->period_type.type == type->type &&
	    p->period_type.unit == type->unit && p->period <= INT64_MAX / kind.scale)
		kind.period_ns = p->period * kind.scale;
	kind.is_exact &= kind.period_ns != 0;
	r->kinds[r->nr_kinds++] = kind;
	return 0;
}

static int plan_kinds(struct pprof_reader *r)
{
	const struct pprof_profile *p = &r->profile;
	int rc = 0;

	for (size_t i = 0; i < p->nr_types && !rc; i++) {
		bool is_paired = is_pair(r, i);

		rc = plan_kind(r, i, is_paired);
		i += is_paired;
	}
	if (!rc && r->nr_kinds > OC_KINDS_MAX)
		rc = oc_error_set(r->err, -EFBIG, "'%s' has %zu types of samples; %d can be read",
				  oc_input_name(r->in), r->nr_kinds, OC_KINDS_MAX);
	return rc;
}

/* The kind that viewers show first: the one that is said to be, else, as pprof has it, that of the last column. */
static size_t default_kind(const struct pprof_reader *r)
{
	const struct pprof_profile *p = &r->profile;

	for (size_t i = 0; p->default_type && i < r->nr_kinds; i++) {
		const struct pprof_column_kind *kind = &r->kinds[i];

		if (p->types[kind->value_column].type == p->default_type ||
		    (kind->count_column >= 0 &&
		     p->types[kind->count_column].type == p->default_type))
			return i;
	}
	return r->nr_kinds - 1;
}

static int add_kinds(struct pprof_reader *r)
{
	size_t first = default_kind(r);

	for (size_t i = 0; i < r->nr_kinds; i++) {
		size_t at = !i ? first : i <= first ? i - 1 : i;
		struct pprof_column_kind *from = &r->kinds[at];
		struct oc_kind kind = { .unit = from->unit, .period_ns = from->period_ns };
		int64_t id;

		/* As recordings have it: time that is counted in periods needs no amount of its own. */
		if (from->is_exact)
			kind.unit = OC_UNIT_COUNT;
		memcpy(kind.name, from->name, sizeof(kind.name));
		id = oc_machine_add_kind(r->m, &kind);
		if (id < 0)
			return oc_error_set(r->err, (int)id, "the machine takes no more kinds");
		from->kind = (oc_kind_id)id;
	}
	return 0;
}

/* Finds out which kinds count time in periods. */
static void check_exact(struct pprof_reader *r)
{
	for (size_t i = 0; i < r->nr_kinds; i++) {
		struct pprof_column_kind *kind = &r->kinds[i];
		int64_t count = kind->is_exact ? r->sample.values[kind->count_column] : 0;
		int64_t value = kind->is_exact ? r->sample.values[kind->value_column] : 0;
		int64_t ns, expected;

		kind->is_exact &=
			!__builtin_mul_overflow(value, (int64_t)kind->scale, &ns) &&
			!__builtin_mul_overflow(count, (int64_t)kind->period_ns, &expected) &&
			ns == expected;
	}
}

/* ---- samples ---- */

static int bad_sample(struct pprof_reader *r, size_t i, int rc)
{
	const char *name = oc_input_name(r->in);

	if (rc == -ENOMEM || rc == -ENOSPC || rc == -EIO)
		return oc_error_set(r->err, rc, "cannot read '%s': %s", name, strerror(-rc));
	if (rc == -ERANGE)
		return oc_error_set(r->err, -EOPNOTSUPP,
				    "sample %zu of '%s' has a negative value, as the difference "
				    "of two profiles has; give the two profiles themselves",
				    i, name);
	if (rc == -EFBIG)
		return oc_error_set(r->err, rc,
				    "the values of '%s' add up to more than any recording", name);
	return oc_error_set(r->err, -EBADMSG, "sample %zu of '%s' is damaged", i, name);
}

static int add_sample(struct pprof_reader *r, struct pprof_column_kind *kind,
		      struct oc_sample *sample)
{
	int64_t value = r->sample.values[kind->value_column];
	int64_t count = kind->count_column >= 0 ? r->sample.values[kind->count_column] : 0;
	int rc;

	if (value < 0 || count < 0)
		return -ERANGE;
	if (!value && !count)
		return 0;
	if (__builtin_mul_overflow((uint64_t)value, kind->scale, &sample->value))
		return -EFBIG;
	if (kind->count_column < 0)
		count = kind->period_ns ? (int64_t)(sample->value / kind->period_ns)
					: (int64_t)MIN(sample->value, (uint64_t)INT64_MAX);
	/* There is no amount without anything that had it. */
	sample->count = MAX((uint64_t)count, 1);
	sample->kind = kind->kind;
	if (__builtin_add_overflow(kind->total, MAX(sample->count, sample->value), &kind->total) ||
	    kind->total > INT64_MAX)
		return -EFBIG;
	if (r->sample.nr_locations > OC_STACK_FRAMES_MAX)
		r->nr_truncated[kind - r->kinds] += sample->count;
	rc = oc_machine_add_sample(r->m, sample);
	return MIN(rc, 0);
}

static int take_sample(struct pprof_reader *r)
{
	struct oc_sample sample = { .cpu = UINT32_MAX };
	int64_t stack = pprof_read_stack(r);
	int rc = stack < 0 ? (int)stack : pprof_read_labels(r, &sample);

	if (rc)
		return rc;
	sample.stack = (oc_stack_id)stack;
	for (size_t i = 0; i < r->nr_kinds && !rc; i++)
		rc = add_sample(r, &r->kinds[i], &sample);
	return rc;
}

/* Once to see what the columns hold, once to make samples of them. */
static int take_samples(struct pprof_reader *r)
{
	size_t nr = r->profile.nr_samples;
	int rc = 0;

	for (size_t i = 0; i < nr; i++) {
		rc = pprof_parse_sample(&r->profile, i, &r->sample);
		if (rc)
			return bad_sample(r, i, rc);
		check_exact(r);
	}
	rc = add_kinds(r);
	if (rc)
		return rc;
	for (size_t i = 0; i < nr; i++) {
		rc = pprof_parse_sample(&r->profile, i, &r->sample);
		if (!rc)
			rc = take_sample(r);
		if (rc)
			return bad_sample(r, i, rc);
	}
	return 0;
}

/* ---- about the recording ---- */

/* Takes a comment that pprof.c writes for a fact. False for any other. */
static bool take_own_comment(struct pprof_reader *r, const struct pprof_text *text,
			     struct oc_recording_info *info)
{
	const struct {
		const char *word;
		oc_string_id *fact;
	} facts[] = {
		{ "recorded by: ", &info->tool },
		{ "host: ", &info->hostname },
		{ "os: ", &info->os },
		{ "command: ", &info->command },
	};

	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		size_t len = strlen(facts[i].word);
		int64_t id;

		if (!pprof_text_begins(text, facts[i].word) || *facts[i].fact)
			continue;
		id = oc_machine_intern(r->m, text->text + len, text->len - len);
		*facts[i].fact = id > 0 ? (oc_string_id)id : 0;
		return true;
	}
	return false;
}

static void put_comment(struct buffer *out, const struct pprof_text *text)
{
	if (out->len < COMMENTS_BYTES_MAX) {
		buffer_puts(out, out->len ? "; " : "");
		buffer_append(out, text->text, MIN(text->len, COMMENTS_BYTES_MAX - out->len));
	}
}

/* Comments of other writers, behind each other, stand where the recorder is named. Ours are facts and the summary. */
static int set_info(struct pprof_reader *r)
{
	const struct pprof_profile *p = &r->profile;
	struct oc_recording_info info = { .aggregated = true, .start_wall_ns = p->time_ns };
	struct buffer others = BUFFER_INIT;
	int64_t id = 0;

	for (size_t i = 0; i < p->nr_comments; i++) {
		const struct pprof_text *text = &p->texts[p->comments[i]];

		if (!take_own_comment(r, text, &info))
			put_comment(&others, text);
	}
	if (p->doc_url)
		put_comment(&others, &p->texts[p->doc_url]);
	if (!info.tool && others.len && !others.error)
		id = oc_machine_intern(r->m, others.data, others.len);
	if (id > 0)
		info.tool = (oc_string_id)id;
	info.end_mono_ns = p->duration_ns <= INT64_MAX ? p->duration_ns : 0;
	if (!others.error && id >= 0)
		oc_machine_set_info(r->m, &info);
	id = others.error ? others.error : MIN(id, 0);
	buffer_done(&others);
	return (int)id;
}

static void finish(struct pprof_reader *r)
{
	const struct pprof_profile *p = &r->profile;
	struct oc_ledger *ledger = oc_machine_ledger(r->m);

	ledger->duration_ns = oc_machine_info(r->m)->end_mono_ns;
	for (size_t i = 0; i < r->nr_kinds; i++) {
		struct oc_ledger_kind *row = &ledger->kinds[r->kinds[i].kind - 1];

		row->taken = row->kept + oc_ledger_lost(row);
		row->stacks = r->nr_truncated[i];
		row->incomplete[OC_STACK_TRUNCATED] = r->nr_truncated[i];
	}
	for (size_t i = 0; i < p->nr_comments; i++)
		ledger_line_take(ledger, p->texts[p->comments[i]].text,
				 p->texts[p->comments[i]].len);
	ledger->notes[OC_NOTE_FRAME_FILTERS_IGNORED] +=
		(uint64_t)(p->drop_frames != 0) + (p->keep_frames != 0);
}

/* ---- life ---- */

static int reader_init(struct pprof_reader *r)
{
	const struct pprof_profile *p = &r->profile;

	r->texts = calloc(p->nr_texts + 1, sizeof(*r->texts));
	r->locations = calloc(p->nr_locations + 1, sizeof(*r->locations));
	r->modules = calloc(p->nr_mappings + 1, sizeof(*r->modules));
	r->mappings = calloc(p->nr_mappings + 1, sizeof(*r->mappings));
	if (!r->texts || !r->locations || !r->modules || !r->mappings)
		return oc_error_set(r->err, -ENOMEM, "out of memory");
	return 0;
}

static void reader_done(struct pprof_reader *r)
{
	pprof_profile_done(&r->profile);
	pprof_sample_done(&r->sample);
	buffer_done(&r->data);
	free(r->texts);
	free(r->locations);
	free(r->modules);
	free(r->mappings);
	free(r->process_keys);
	free(r->processes);
	id_table_done(&r->process_ids);
	free(r->attrs);
	free(r->stack);
	free(r);
}

static int read_profile(struct pprof_reader *r)
{
	int rc = gunzip_input(r->in, &r->data, &r->is_cut, r->err);

	if (!rc && r->is_cut)
		rc = oc_error_set(r->err, -EBADMSG,
				  "'%s' ends early; names stand at the end of a profile, so that "
				  "nothing of it can be read",
				  oc_input_name(r->in));
	if (!rc)
		rc = pprof_parse(&r->profile, r->data.data, r->data.len, oc_input_name(r->in),
				 r->err);
	rc = rc ? rc : reader_init(r);
	rc = rc ? rc : plan_kinds(r);
	rc = rc ? rc : take_samples(r);
	if (rc)
		return rc;
	rc = set_info(r);
	if (rc)
		return oc_error_set(r->err, rc, "out of memory");
	finish(r);
	return 0;
}

static int read_pprof(const struct oc_input *in, struct oc_machine *m, struct oc_error *err)
{
	struct pprof_reader *r;
	int rc;

	if (m->nr_kinds || m->samples.nr_samples)
		return oc_error_set(err, -EINVAL, "the machine to read '%s' into is not empty",
				    oc_input_name(in));
	r = calloc(1, sizeof(*r));
	if (!r)
		return oc_error_set(err, -ENOMEM, "out of memory");
	r->in = in;
	r->m = m;
	r->err = err;
	rc = read_profile(r);
	reader_done(r);
	return rc;
}

static bool sniff(const void *head, size_t size)
{
	uint8_t message[4 * OC_SNIFF_BYTES];
	size_t len;

	if (!gunzip_sniff(head, size))
		return pprof_sniff(head, size);
	len = gunzip_head(head, size, message, sizeof(message));
	return pprof_sniff(message, len);
}

const struct oc_reader oc_reader_pprof = {
	.name = "pprof",
	.description = "pprof profiles",
	.sniff = sniff,
	.read = read_pprof,
};
