/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What samples weigh.
 * Called by format writers and by whoever adds up samples.
 * Must not know any format.
 */
#include "export/amount.h"

#include <onecollect/graph.h>

#include "base/macros.h"

uint64_t sample_value(const struct oc_machine *m, const struct oc_sample *sample)
{
	const struct oc_span *span;

	if (oc_machine_kind(m, sample->kind)->unit != OC_UNIT_SPAN)
		return sample->value;
	span = oc_machine_span(m, (oc_span_id)sample->value);
	return span ? span->end_ns - span->start_ns : 0;
}

/* Samples that are only counted but stand for a time each: the amount that people want to see is the time. */
static bool is_counted_time(const struct oc_kind *kind)
{
	return kind->unit == OC_UNIT_COUNT && kind->period_ns;
}

uint64_t amount_of(const struct oc_kind *kind, uint64_t count, uint64_t value)
{
	uint64_t ns;

	if (!is_counted_time(kind))
		return value;
	return __builtin_mul_overflow(count, kind->period_ns, &ns) ? UINT64_MAX : ns;
}

enum oc_unit amount_unit(const struct oc_kind *kind)
{
	if (is_counted_time(kind) || kind->unit == OC_UNIT_SPAN)
		return OC_UNIT_NANOSECONDS;
	return kind->unit;
}

const char *amount_unit_name(const struct oc_kind *kind)
{
	static const char *const names[] = {
		[OC_UNIT_COUNT] = "count",
		[OC_UNIT_NANOSECONDS] = "nanoseconds",
		[OC_UNIT_BYTES] = "bytes",
		[OC_UNIT_CYCLES] = "cycles",
	};
	enum oc_unit unit = amount_unit(kind);

	return (size_t)unit < ARRAY_SIZE(names) ? names[unit] : names[OC_UNIT_COUNT];
}

enum oc_unit oc_kind_weight_unit(const struct oc_kind *kind)
{
	return kind->period_ns ? OC_UNIT_COUNT : amount_unit(kind);
}

uint64_t weight_of(const struct oc_kind *kind, uint64_t count, uint64_t value)
{
	return oc_kind_weight_unit(kind) == OC_UNIT_COUNT ? count : amount_of(kind, count, value);
}

const char *oc_weight_unit_name(enum oc_unit unit)
{
	switch (unit) {
	case OC_UNIT_NANOSECONDS:
		return "nanoseconds";
	case OC_UNIT_BYTES:
		return "bytes";
	case OC_UNIT_CYCLES:
		return "cycles";
	default:
		return "samples";
	}
}
