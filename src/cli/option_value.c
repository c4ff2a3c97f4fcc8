/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checking and storing the values of options, one small function per type of value.
 * Called through option_store().
 * Must not know which option it works on, only its row.
 */
#include "cli/option_value.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/text.h"
#include "cli/suggest.h"

struct store {
	struct options *options;
	const struct option_row *row;
	const char *shown;
	const char *value;
	struct oc_error *err;
};

static void *field_of(const struct store *s)
{
	return (char *)s->options + s->row->field;
}

static int store_number(const struct store *s)
{
	const struct option_row *row = s->row;
	uint64_t number = 0;
	int rc = text_parse_u64(s->value, 10, row->max, &number);

	if (rc == -EINVAL)
		return oc_error_set(s->err, -EINVAL, "%s: '%s' is not a whole number", s->shown,
				    s->value);
	if (rc || number < row->min)
		return oc_error_set(s->err, -EINVAL,
				    "%s: %s is out of range, %llu to %llu is possible", s->shown,
				    s->value, (unsigned long long)row->min,
				    (unsigned long long)row->max);
	*(uint64_t *)field_of(s) = number;
	return 0;
}

static int store_percent(const struct store *s)
{
	double percent = 0;
	int rc = text_parse_decimal(s->value, 100, &percent);

	if (rc)
		return oc_error_set(s->err, -EINVAL,
				    "%s: '%s' is not a percentage from 0 to 100, as 0.5", s->shown,
				    s->value);
	*(double *)field_of(s) = percent;
	return 0;
}

static int store_size(const struct store *s)
{
	const struct option_row *row = s->row;
	uint64_t bytes = 0;
	int rc = text_parse_size(s->value, &bytes);

	if (rc == -EINVAL)
		return oc_error_set(s->err, -EINVAL,
				    "%s: '%s' is not a size; write it as 512K, 64M or 1G", s->shown,
				    s->value);
	if (rc || bytes < row->min || bytes > row->max)
		return oc_error_set(s->err, -EINVAL,
				    "%s: %s is out of range, %lluK to %lluM is possible", s->shown,
				    s->value, (unsigned long long)row->min >> 10,
				    (unsigned long long)row->max >> 20);
	*(uint64_t *)field_of(s) = bytes;
	return 0;
}

static int store_duration(const struct store *s)
{
	uint64_t ns = 0;
	int rc = text_parse_duration(s->value, &ns);

	if (rc == -EINVAL)
		return oc_error_set(s->err, -EINVAL,
				    "%s: '%s' is not a duration; write it as 30s, 500ms or 2m",
				    s->shown, s->value);
	if (rc)
		return oc_error_set(
			s->err, -EINVAL,
			"%s: %s is out of range, it must be more than nothing and at most 10 years",
			s->shown, s->value);
	*(uint64_t *)field_of(s) = ns;
	return 0;
}

static int store_choice(const struct store *s)
{
	struct suggestion near = { .wanted = s->value };
	char known[128] = "";
	size_t len = 0;

	for (size_t i = 0; i < OPTION_CHOICES_MAX && s->row->choices[i]; i++) {
		if (!strcmp(s->value, s->row->choices[i])) {
			*(int *)field_of(s) = (int)i;
			return 0;
		}
		suggest_consider(&near, s->row->choices[i]);
		len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", i ? ", " : "",
					s->row->choices[i]);
		len = MIN(len, sizeof(known) - 1);
	}
	if (near.best)
		return oc_error_set(s->err, -EINVAL, "%s: '%s' is not known; did you mean '%s'?",
				    s->shown, s->value, near.best);
	return oc_error_set(s->err, -EINVAL, "%s: '%s' is not known; possible: %s", s->shown,
			    s->value, known);
}

int text_list_add(struct text_list *list, const char *text)
{
	if (array_reserve(&list->items, &list->cap, list->nr + 1, sizeof(*list->items)))
		return -ENOMEM;
	list->items[list->nr++] = text;
	return 0;
}

static int refuse_number_list(const struct store *s, int code, const char *item)
{
	const struct option_row *row = s->row;

	if (code == -ERANGE)
		return oc_error_set(s->err, -EINVAL,
				    "%s: %.*s is out of range, %llu to %llu is possible", s->shown,
				    (int)MIN(strcspn(item, ","), 64), item,
				    (unsigned long long)row->min, (unsigned long long)row->max);
	return oc_error_set(s->err, -EINVAL, "%s: '%s' is not a list of numbers; write it as %s",
			    s->shown, s->value, row->type == OPTION_RANGES ? "0-3,6" : "12,34");
}

static int store_number_items(const struct store *s)
{
	const struct option_row *row = s->row;
	struct number_list *list = field_of(s);
	const char *rest = s->value;

	while (rest) {
		const char *item = rest;
		uint64_t first = 0, last = 0;
		int rc = text_parse_range(&rest, row->max, &first, &last);

		if (!rc && row->type == OPTION_NUMBERS && item[strcspn(item, "-,")] == '-')
			rc = -EINVAL;
		if (!rc && first < row->min)
			rc = -ERANGE;
		if (rc)
			return refuse_number_list(s, rc, item);
		if (array_reserve(&list->items, &list->cap, list->nr + (size_t)(last - first) + 1,
				  sizeof(*list->items)))
			return oc_error_set(s->err, -ENOMEM, "out of memory");
		for (uint64_t n = first; n <= last; n++)
			list->items[list->nr++] = (uint32_t)n;
	}
	return 0;
}

int option_store(struct options *o, const struct option_row *row, const char *shown,
		 const char *value, struct oc_error *err)
{
	const struct store s = { o, row, shown, value, err };

	if (row->type != OPTION_LATER && row->arg && !*value)
		return oc_error_set(err, -EINVAL, "%s needs a value (%s)", shown, row->arg);
	switch (row->type) {
	case OPTION_FLAG:
		*(bool *)field_of(&s) = true;
		return 0;
	case OPTION_SET:
		*(int *)field_of(&s) = row->value;
		return 0;
	case OPTION_CHOICE:
		return store_choice(&s);
	case OPTION_NUMBER:
		return store_number(&s);
	case OPTION_PERCENT:
		return store_percent(&s);
	case OPTION_SIZE:
		return store_size(&s);
	case OPTION_DURATION:
		return store_duration(&s);
	case OPTION_TEXT:
		*(const char **)field_of(&s) = value;
		return 0;
	case OPTION_TEXTS:
		return text_list_add(field_of(&s), s.value);
	case OPTION_NUMBERS:
	case OPTION_RANGES:
		return store_number_items(&s);
	case OPTION_LATER:
		break;
	}
	return oc_error_set(err, -EOPNOTSUPP,
			    "%s: %s is not possible in this version of record-trace", shown,
			    row->help);
}
