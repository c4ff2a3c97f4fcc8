/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking pprof profiles apart. Tables may stand in any order, so rows are collected first and references checked last.
 * Called by pprof_read.c. The message is hostile: counts, ids and indexes are bounded and looked up before use.
 * Must not know what a machine is.
 */
#include "export/formats/pprof_parse.h"

#include <errno.h>
#include <inttypes.h>

#include "base/array.h"
#include "base/macros.h"

/* Fields of Profile. */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING = 6,
	PROFILE_DROP_FRAMES = 7,
	PROFILE_KEEP_FRAMES = 8,
	PROFILE_TIME = 9,
	PROFILE_DURATION = 10,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD = 12,
	PROFILE_COMMENT = 13,
	PROFILE_DEFAULT_TYPE = 14,
	PROFILE_DOC_URL = 15,
	PROFILE_FIELDS
};

struct parser {
	struct pprof_profile *p;
	const char *name;
	struct oc_error *err;
	bool has_time;
};

static uint32_t saturate_u32(uint64_t value)
{
	return (uint32_t)MIN(value, (uint64_t)UINT32_MAX);
}

/* A line number or start line; what is negative or absurd is not known. */
static uint32_t line_number(uint64_t value)
{
	return value > INT32_MAX ? 0 : (uint32_t)value;
}

/* ---- rows ---- */

/* Makes room for one more row of a table. */
#define RESERVE_ROW(table, nr, cap)      \
	((nr) >= PPROF_ROWS_MAX ? -EFBIG \
				: array_reserve(&(table), &(cap), (nr) + 1, sizeof(*(table))))

/* Adds the numbers of a repeated field, packed or not, to (*list)[*nr]. */
static int add_numbers(uint64_t **list, size_t *nr, size_t *cap, const struct proto_item *item)
{
	struct proto_rest rest = item->part;
	uint64_t value = item->value;

	if (item->wire == PROTO_VARINT) {
		if (array_reserve(list, cap, *nr + 1, sizeof(**list)))
			return -ENOMEM;
		(*list)[(*nr)++] = value;
		return 0;
	}
	if (item->wire != PROTO_BYTES)
		return -EBADMSG;
	while (rest.at < rest.end) {
		if (!proto_take_varint(&rest, &value))
			return -EBADMSG;
		if (array_reserve(list, cap, *nr + 1, sizeof(**list)))
			return -ENOMEM;
		(*list)[(*nr)++] = value;
	}
	return 0;
}

static int parse_type(struct proto_rest rest, struct pprof_type *ret_type)
{
	struct proto_item item;
	int rc;

	*ret_type = (struct pprof_type){ 0 };
	while ((rc = proto_take(&rest, &item)) > 0) {
		if (item.field == 1)
			ret_type->type = saturate_u32(item.value);
		else if (item.field == 2)
			ret_type->unit = saturate_u32(item.value);
	}
	return rc;
}

static int add_type(struct pprof_profile *p, struct proto_rest rest)
{
	if (p->nr_types == PPROF_TYPES_MAX)
		return -EFBIG;
	return parse_type(rest, &p->types[p->nr_types++]);
}

static int add_sample(struct pprof_profile *p, struct proto_rest rest)
{
	int rc;

	/* Not bounded as tables are: a row costs no more than the message's bytes do, some times over. */
	rc = array_reserve(&p->samples, &p->samples_cap, p->nr_samples + 1, sizeof(*p->samples));
	if (!rc)
		p->samples[p->nr_samples++] = rest;
	return rc;
}

static int add_text(struct pprof_profile *p, struct proto_rest rest)
{
	int rc = RESERVE_ROW(p->texts, p->nr_texts, p->texts_cap);

	if (!rc)
		p->texts[p->nr_texts++] =
			(struct pprof_text){ (const char *)rest.at, proto_left(&rest) };
	return rc;
}

/* Files a row under its id, which must be new and not 0. */
static int add_id(struct u64_map *ids, uint64_t id, size_t row)
{
	if (!id || u64_map_find(ids, id))
		return -EBADMSG;
	return u64_map_set(ids, id, row);
}

static int add_function(struct pprof_profile *p, struct proto_rest rest)
{
	struct pprof_function f = { 0 };
	struct proto_item item;
	int rc;

	while ((rc = proto_take(&rest, &item)) > 0) {
		if (item.field == 1)
			f.id = item.value;
		else if (item.field == 2)
			f.name = saturate_u32(item.value);
		else if (item.field == 3)
			f.system_name = saturate_u32(item.value);
		else if (item.field == 4)
			f.file = saturate_u32(item.value);
		else if (item.field == 5)
			f.start_line = line_number(item.value);
	}
	rc = rc ? rc : RESERVE_ROW(p->functions, p->nr_functions, p->functions_cap);
	if (rc)
		return rc;
	p->functions[p->nr_functions++] = f;
	return add_id(&p->function_ids, f.id, p->nr_functions);
}

static int add_mapping(struct pprof_profile *p, struct proto_rest rest)
{
	struct pprof_mapping m = { 0 };
	struct proto_item item;
	int rc;

	while ((rc = proto_take(&rest, &item)) > 0) {
		if (item.field == 1)
			m.id = item.value;
		else if (item.field == 2)
			m.start = item.value;
		else if (item.field == 3)
			m.limit = item.value;
		else if (item.field == 4)
			m.file_offset = item.value;
		else if (item.field == 5)
			m.file = saturate_u32(item.value);
		else if (item.field == 6)
			m.build_id = saturate_u32(item.value);
	}
	rc = rc ? rc : RESERVE_ROW(p->mappings, p->nr_mappings, p->mappings_cap);
	if (rc)
		return rc;
	p->mappings[p->nr_mappings++] = m;
	return add_id(&p->mapping_ids, m.id, p->nr_mappings);
}

static int add_line(struct pprof_profile *p, struct proto_rest rest)
{
	struct pprof_line line = { 0 };
	struct proto_item item;
	int rc;

	while ((rc = proto_take(&rest, &item)) > 0) {
		if (item.field == 1)
			line.function = item.value;
		else if (item.field == 2)
			line.line = line_number(item.value);
	}
	rc = rc ? rc : RESERVE_ROW(p->lines, p->nr_lines, p->lines_cap);
	if (!rc)
		p->lines[p->nr_lines++] = line;
	return rc;
}

static int add_location(struct pprof_profile *p, struct proto_rest rest)
{
	struct pprof_location l = { .first_line = (uint32_t)p->nr_lines };
	struct proto_item item;
	int rc;

	while ((rc = proto_take(&rest, &item)) > 0) {
		if (item.field == 1)
			l.id = item.value;
		else if (item.field == 2)
			l.mapping = item.value;
		else if (item.field == 3)
			l.address = item.value;
		else if (item.field == 4 && item.wire == PROTO_BYTES)
			rc = add_line(p, item.part);
		if (rc < 0)
			return rc;
	}
	l.nr_lines = (uint32_t)p->nr_lines - l.first_line;
	if (!rc && l.nr_lines > PPROF_LINES_MAX)
		rc = -EFBIG;
	rc = rc ? rc : RESERVE_ROW(p->locations, p->nr_locations, p->locations_cap);
	if (rc)
		return rc;
	p->locations[p->nr_locations++] = l;
	return add_id(&p->location_ids, l.id, p->nr_locations);
}

static int add_comments(struct pprof_profile *p, const struct proto_item *item)
{
	uint64_t *list = NULL;
	size_t nr = 0, cap = 0;
	int rc = add_numbers(&list, &nr, &cap, item);

	for (size_t i = 0; i < nr && !rc; i++) {
		rc = RESERVE_ROW(p->comments, p->nr_comments, p->comments_cap);
		if (!rc)
			p->comments[p->nr_comments++] = saturate_u32(list[i]);
	}
	free(list);
	return rc;
}

/* ---- the profile ---- */

static bool is_message(uint32_t field)
{
	return field <= PROFILE_STRING || field == PROFILE_PERIOD_TYPE;
}

static int take_row(struct pprof_profile *p, const struct proto_item *item)
{
	switch (item->field) {
	case PROFILE_SAMPLE_TYPE:
		return add_type(p, item->part);
	case PROFILE_SAMPLE:
		return add_sample(p, item->part);
	case PROFILE_MAPPING:
		return add_mapping(p, item->part);
	case PROFILE_LOCATION:
		return add_location(p, item->part);
	case PROFILE_FUNCTION:
		return add_function(p, item->part);
	case PROFILE_STRING:
		return add_text(p, item->part);
	default:
		return parse_type(item->part, &p->period_type);
	}
}

static int take_number(struct parser *s, const struct proto_item *item)
{
	struct pprof_profile *p = s->p;

	switch (item->field) {
	case PROFILE_DROP_FRAMES:
		p->drop_frames = saturate_u32(item->value);
		break;
	case PROFILE_KEEP_FRAMES:
		p->keep_frames = saturate_u32(item->value);
		break;
	case PROFILE_TIME:
		/* Two profiles one behind the other: the ids of the second mean other rows. */
		if (s->has_time)
			return -EBADMSG;
		s->has_time = true;
		p->time_ns = item->value;
		break;
	case PROFILE_DURATION:
		p->duration_ns = item->value;
		break;
	case PROFILE_PERIOD:
		p->period = item->value;
		break;
	case PROFILE_DEFAULT_TYPE:
		p->default_type = saturate_u32(item->value);
		break;
	case PROFILE_DOC_URL:
		p->doc_url = saturate_u32(item->value);
		break;
	default:
		break;
	}
	return 0;
}

static int take_field(struct parser *s, const struct proto_item *item)
{
	if (item->field >= PROFILE_FIELDS)
		return 0;
	if (item->field == PROFILE_COMMENT)
		return add_comments(s->p, item);
	if (is_message(item->field))
		return item->wire == PROTO_BYTES ? take_row(s->p, item) : -EBADMSG;
	return item->wire == PROTO_VARINT ? take_number(s, item) : -EBADMSG;
}

static int bad(struct parser *s, int rc, uint64_t offset)
{
	if (rc == -ENOMEM)
		return oc_error_set(s->err, rc, "out of memory while reading '%s'", s->name);
	if (rc == -EFBIG)
		return oc_error_set(s->err, rc,
				    "a table of the profile '%s' is larger than any could be, at "
				    "byte %" PRIu64 " of its message",
				    s->name, offset);
	return oc_error_set(s->err, -EBADMSG,
			    "'%s' is no pprof profile, or damaged, at byte %" PRIu64
			    " of its message",
			    s->name, offset);
}

/* ---- references ---- */

static bool texts_exist(const struct pprof_profile *p, const uint32_t *indexes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (indexes[i] && indexes[i] >= p->nr_texts)
			return false;
	}
	return true;
}

static bool check_texts(const struct pprof_profile *p)
{
	const uint32_t own[] = { p->drop_frames, p->keep_frames,      p->default_type,
				 p->doc_url,     p->period_type.type, p->period_type.unit };

	if (!texts_exist(p, own, ARRAY_SIZE(own)) || !texts_exist(p, p->comments, p->nr_comments))
		return false;
	for (size_t i = 0; i < p->nr_types; i++) {
		const uint32_t texts[] = { p->types[i].type, p->types[i].unit };

		if (!texts_exist(p, texts, ARRAY_SIZE(texts)))
			return false;
	}
	for (size_t i = 0; i < p->nr_functions; i++) {
		const struct pprof_function *f = &p->functions[i];
		const uint32_t texts[] = { f->name, f->system_name, f->file };

		if (!texts_exist(p, texts, ARRAY_SIZE(texts)))
			return false;
	}
	for (size_t i = 0; i < p->nr_mappings; i++) {
		const uint32_t texts[] = { p->mappings[i].file, p->mappings[i].build_id };

		if (!texts_exist(p, texts, ARRAY_SIZE(texts)))
			return false;
	}
	return true;
}

/* Replaces an id by its row; 0 stays. */
static bool to_row(const struct u64_map *ids, uint64_t *id)
{
	const uint64_t *row = *id ? u64_map_find(ids, *id) : NULL;

	if (*id && !row)
		return false;
	*id = row ? *row : 0;
	return true;
}

static int check(struct parser *s)
{
	struct pprof_profile *p = s->p;

	if (!p->nr_types)
		return oc_error_set(s->err, -EBADMSG, "the profile '%s' has no sample types",
				    s->name);
	if (!p->nr_texts || p->texts[0].len || !check_texts(p))
		return oc_error_set(s->err, -EBADMSG,
				    "the profile '%s' refers to texts that it does not hold",
				    s->name);
	for (size_t i = 0; i < p->nr_lines; i++) {
		if (!p->lines[i].function || !to_row(&p->function_ids, &p->lines[i].function))
			return oc_error_set(s->err, -EBADMSG,
					    "the profile '%s' refers to a function that it does "
					    "not hold",
					    s->name);
	}
	for (size_t i = 0; i < p->nr_locations; i++) {
		if (!to_row(&p->mapping_ids, &p->locations[i].mapping))
			return oc_error_set(s->err, -EBADMSG,
					    "the profile '%s' refers to a mapping that it does "
					    "not hold",
					    s->name);
	}
	return 0;
}

int pprof_parse(struct pprof_profile *p, const void *data, size_t size, const char *name,
		struct oc_error *err)
{
	struct parser s = { .p = p, .name = name, .err = err };
	const uint8_t *start = data;
	struct proto_rest rest = { start, start + size };
	struct proto_item item;
	uint64_t offset = 0;
	int rc;

	while ((rc = proto_take(&rest, &item)) > 0) {
		rc = take_field(&s, &item);
		if (rc)
			break;
		offset = (uint64_t)(rest.at - start);
	}
	return rc ? bad(&s, rc, offset) : check(&s);
}

void pprof_profile_done(struct pprof_profile *p)
{
	free(p->texts);
	free(p->functions);
	free(p->mappings);
	free(p->locations);
	free(p->lines);
	free(p->samples);
	free(p->comments);
	u64_map_done(&p->function_ids);
	u64_map_done(&p->mapping_ids);
	u64_map_done(&p->location_ids);
}

bool pprof_text_begins(const struct pprof_text *text, const char *word)
{
	return text->len >= strlen(word) && !memcmp(text->text, word, strlen(word));
}

/* ---- samples ---- */

static int add_label(const struct pprof_profile *p, struct proto_rest rest,
		     struct pprof_sample *sample)
{
	struct pprof_label label = { 0 };
	struct proto_item item;
	uint32_t texts[3];
	int rc;

	while ((rc = proto_take(&rest, &item)) > 0) {
		if (item.field == 1)
			label.key = saturate_u32(item.value);
		else if (item.field == 2)
			label.text = saturate_u32(item.value);
		else if (item.field == 3)
			label.number = (int64_t)item.value;
		else if (item.field == 4)
			label.unit = saturate_u32(item.value);
	}
	memcpy(texts, (uint32_t[]){ label.key, label.text, label.unit }, sizeof(texts));
	if (!rc && !texts_exist(p, texts, ARRAY_SIZE(texts)))
		rc = -EBADMSG;
	if (!rc)
		rc = array_reserve(&sample->labels, &sample->labels_cap, sample->nr_labels + 1,
				   sizeof(*sample->labels));
	if (!rc)
		sample->labels[sample->nr_labels++] = label;
	return rc;
}

static int take_sample_field(const struct pprof_profile *p, const struct proto_item *item,
			     struct pprof_sample *sample)
{
	if (item->field == 1)
		return add_numbers(&sample->locations, &sample->nr_locations,
				   &sample->locations_cap, item);
	if (item->field == 2)
		return add_numbers((uint64_t **)&sample->values, &sample->nr_values,
				   &sample->values_cap, item);
	if (item->field == 3)
		return item->wire == PROTO_BYTES ? add_label(p, item->part, sample) : -EBADMSG;
	return 0;
}

int pprof_parse_sample(const struct pprof_profile *p, size_t i, struct pprof_sample *sample)
{
	struct proto_rest rest = p->samples[i];
	struct proto_item item;
	int rc;

	sample->nr_locations = 0;
	sample->nr_values = 0;
	sample->nr_labels = 0;
	while ((rc = proto_take(&rest, &item)) > 0) {
		rc = take_sample_field(p, &item, sample);
		if (rc)
			return rc;
	}
	if (rc || sample->nr_values != p->nr_types)
		return -EBADMSG;
	for (size_t k = 0; k < sample->nr_locations; k++) {
		if (!sample->locations[k] || !to_row(&p->location_ids, &sample->locations[k]))
			return -EBADMSG;
	}
	return 0;
}

void pprof_sample_done(struct pprof_sample *sample)
{
	free(sample->locations);
	free(sample->values);
	free(sample->labels);
}

/* ---- sniffing ---- */

/* Whether a message that may be cut has only numbers, in fields 1 to max. */
static bool has_only_numbers(struct proto_rest rest, uint32_t max)
{
	struct proto_item item;
	int rc;

	while ((rc = proto_take(&rest, &item)) > 0) {
		if (item.wire != PROTO_VARINT || item.field > max)
			return false;
	}
	return !rc;
}

/* Whether a row has the fields that those of its table have; samples and locations hold messages too. */
static bool row_fits(const struct proto_item *item)
{
	struct proto_rest rest = item->part;
	struct proto_item inner;
	int rc;

	switch (item->field) {
	case PROFILE_SAMPLE_TYPE:
	case PROFILE_PERIOD_TYPE:
		return has_only_numbers(rest, 2);
	case PROFILE_FUNCTION:
		return has_only_numbers(rest, 5);
	case PROFILE_MAPPING:
		return has_only_numbers(rest, 10);
	case PROFILE_SAMPLE:
	case PROFILE_LOCATION:
		while ((rc = proto_take(&rest, &inner)) > 0) {
			if (inner.field > 5 ||
			    (inner.wire != PROTO_VARINT && inner.wire != PROTO_BYTES))
				return false;
		}
		return !rc;
	default:
		return true;
	}
}

static bool field_fits(const struct proto_item *item)
{
	if (item->field >= PROFILE_FIELDS)
		return false;
	if (item->field == PROFILE_COMMENT)
		return item->wire == PROTO_VARINT || item->wire == PROTO_BYTES;
	if (is_message(item->field))
		return item->wire == PROTO_BYTES && row_fits(item);
	return item->wire == PROTO_VARINT;
}

/* Whether a row begins here whose end is not there: one of a deep stack is longer than what is looked at. */
static bool begins_row(const struct proto_rest *rest)
{
	return rest->at < rest->end && rest->at[0] >> 3 && is_message(rest->at[0] >> 3) &&
	       (rest->at[0] & 7) == PROTO_BYTES;
}

/* Several fields of the right form and nothing else, with a sample type among them: those stand near the beginning. */
bool pprof_sniff(const void *head, size_t size)
{
	const uint8_t *start = head;
	struct proto_rest rest = { start, start + size }, last = rest;
	struct proto_item item;
	size_t nr = 0;
	bool has_type = false;

	for (; proto_take(&rest, &item) > 0; last = rest) {
		if (!field_fits(&item))
			return false;
		nr++;
		has_type |= item.field == PROFILE_SAMPLE_TYPE && item.part.at < item.part.end;
	}
	return nr + begins_row(&last) >= 2 && has_type;
}
