/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ETW's control calls, imitated: one session of ours at most, checked as strictly as Windows checks. For unit tests, and
 * inside the DLL that stands in for advapi32.dll under wine.
 */
#ifndef TESTS_FAKE_ETW_H
#define TESTS_FAKE_ETW_H

#include <stdbool.h>

#include "base/buffer.h"
#include "windows-etw/etw_api.h"

#define FAKE_ETW_HANDLE    0x7001u
#define FAKE_ETW_PROVIDERS 8u
#define FAKE_ETW_TICKS     10000u /* the interval that the machine has */
#define FAKE_ETW_CLASSES   3u

/* What of Windows is there. */
enum fake_etw_kind {
	FAKE_ETW_WORKS,
	FAKE_ETW_PRETENDS, /* says success and does nothing, as wine 8 */
};

struct fake_etw {
	struct etw_api api;
	enum fake_etw_kind kind;
	const void *trace; /* [trace_size], what is in the file once the session stops; borrowed */
	size_t trace_size;

	unsigned int nr_calls;  /* so far */
	unsigned int fail_call; /* this call, counted from 1, fails; 0 = none */
	uint32_t fail_code;
	unsigned int rundown_writes; /* so many more flushes find something of the runtimes */
	uint32_t slept_ms;

	bool runs;
	bool started; /* ever */
	bool stale;   /* a session of the name that is there from before */
	uint16_t name[ETW_NAME_CHARS];
	struct buffer path;
	uint32_t kernel_flags;
	uint32_t written;
	uint32_t ticks;
	struct etw_event_class classes[FAKE_ETW_CLASSES];
	unsigned int nr_classes;
	struct etw_enable enabled[FAKE_ETW_PROVIDERS]; /* [nr_enabled] that are on, in order */
	unsigned int nr_enabled;
	uint16_t filter_id; /* of the last that was enabled with one */
	uint32_t property;  /* of the last that was enabled */
	uint32_t flush_s;
	bool rundown_asked;
};

void fake_etw_init(struct fake_etw *f);
void fake_etw_done(struct fake_etw *f);

#endif
