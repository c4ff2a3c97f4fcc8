/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers written for people.
 * Called through base/human.h.
 * Must not know what is counted.
 */
#include "base/human.h"

#include <inttypes.h>

void human_count(struct buffer *out, uint64_t value)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, value);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buffer_putc(out, ',');
		buffer_putc(out, digits[i]);
	}
}

void human_bytes(struct buffer *out, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		buffer_printf(out, "%u B", (unsigned int)bytes);
		return;
	}
	/* 1023.95 would print as 1024.0 of the smaller unit. */
	while (value >= 1023.95 && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1024;
		unit++;
	}
	buffer_printf(out, "%.1f %s", value, units[unit]);
}

void human_duration(struct buffer *out, uint64_t ns)
{
	uint64_t seconds = ns / 1000000000;

	if (ns < 1000)
		buffer_printf(out, "%u ns", (unsigned int)ns);
	else if (ns < 999950)
		buffer_printf(out, "%.1f us", (double)ns / 1e3);
	else if (ns < 999950000)
		buffer_printf(out, "%.1f ms", (double)ns / 1e6);
	else if (seconds < 120)
		buffer_printf(out, "%.1f s", (double)ns / 1e9);
	else if (seconds < 7200)
		buffer_printf(out, "%" PRIu64 "m%02us", seconds / 60, (unsigned int)(seconds % 60));
	else
		buffer_printf(out, "%" PRIu64 "h%02um", seconds / 3600,
			      (unsigned int)(seconds / 60 % 60));
}

void human_share(struct buffer *out, uint64_t part, uint64_t whole)
{
	double percent = whole ? 100.0 * (double)part / (double)whole : 0;

	if (part && percent < 0.005)
		buffer_puts(out, "<0.01 %");
	else
		buffer_printf(out, "%.2f %%", percent);
}

void human_weight(struct buffer *out, enum oc_unit unit, uint64_t weight)
{
	switch (unit) {
	case OC_UNIT_NANOSECONDS:
		human_duration(out, weight);
		return;
	case OC_UNIT_BYTES:
		human_bytes(out, weight);
		return;
	case OC_UNIT_CYCLES:
		human_count(out, weight);
		buffer_puts(out, " cycles");
		return;
	default:
		human_count(out, weight);
		buffer_puts(out, weight == 1 ? " sample" : " samples");
	}
}
