/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers written for people: grouped digits, sizes, durations, shares.
 * Used by summaries and reports; output for programs never goes through here.
 */
#ifndef BASE_HUMAN_H
#define BASE_HUMAN_H

#include <stdint.h>

#include <onecollect/machine.h>

#include "base/buffer.h"

/* Appends 1234567 as "1,234,567". */
void human_count(struct buffer *out, uint64_t value);
/* Appends bytes as "512 B", "1.5 KiB", "31.2 MiB", ... (powers of 1024, one decimal). */
void human_bytes(struct buffer *out, uint64_t bytes);
/* Appends a duration as "850 ns", "1.2 us", "3.5 ms", "30.0 s" or, from 120 s on, "2m05s" and "1h02m". */
void human_duration(struct buffer *out, uint64_t ns);
/* Appends what samples weigh, in oc_graph_unit(): "1,234 samples", "3.5 ms", "1.5 KiB" or "1,234 cycles". */
void human_weight(struct buffer *out, enum oc_unit unit, uint64_t weight);
/* Appends part / whole in percent, "12.34 %"; a part too small to show is "<0.01 %". whole 0 counts as "0.00 %". */
void human_share(struct buffer *out, uint64_t part, uint64_t whole);

#endif
