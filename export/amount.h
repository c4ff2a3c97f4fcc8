/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much samples weigh, in the unit that people want to see: the same number in every format that shows one.
 * Used by format writers; knows no format.
 */
#ifndef EXPORT_AMOUNT_H
#define EXPORT_AMOUNT_H

#include <onecollect/machine.h>

/* The value of a sample in its kind's unit; for a kind with OC_UNIT_SPAN the duration of the span. */
uint64_t sample_value(const struct oc_machine *m, const struct oc_sample *sample);
/* What `count` samples of a kind with values that add up to `value` weigh, in amount_unit(). Saturates. */
uint64_t amount_of(const struct oc_kind *kind, uint64_t count, uint64_t value);
/* The unit of amount_of(): OC_UNIT_NANOSECONDS, _BYTES, _CYCLES or _COUNT. */
enum oc_unit amount_unit(const struct oc_kind *kind);
/* Its name: "nanoseconds", "bytes", "cycles" or "count". */
const char *amount_unit_name(const struct oc_kind *kind);

/* What call trees and their pictures count by: samples where these are all alike, else amounts, in
 * oc_kind_weight_unit(). Saturates. */
uint64_t weight_of(const struct oc_kind *kind, uint64_t count, uint64_t value);

#endif
