/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sink that writes down each call as one line of text, for tests of what collectors say.
 * Processes and threads are shown by pid and tid; names count up, a new one for each image.
 */
#ifndef TESTS_FAKE_SINK_H
#define TESTS_FAKE_SINK_H

#include "base/buffer.h"
#include "collector.h"

struct fake_process {
	uint32_t pid;
	bool ended;
};

struct fake_thread {
	sink_process process;
	uint32_t tid;
};

struct fake_mapping {
	sink_process process;
	uint64_t start;
	uint64_t end;
};

/* Embedded; set up by fake_sink_init(). */
struct fake_sink {
	struct sink sink;
	struct buffer log; /* lines; the test may clear it */
	bool with_times;   /* each line begins with the time of the call in nanoseconds */

	struct fake_process *processes; /* name - 1 */
	size_t nr_processes;
	size_t processes_cap;
	struct fake_thread *threads; /* name - 1 */
	size_t nr_threads;
	size_t threads_cap;
	struct fake_mapping *mappings; /* [nr_mappings]; what is removed stays */
	size_t nr_mappings;
	size_t mappings_cap;
};

void fake_sink_init(struct fake_sink *fs);
void fake_sink_done(struct fake_sink *fs);
/* The lines since the last call, NUL-terminated; forgets them with the next. */
const char *fake_sink_take(struct fake_sink *fs);

#endif
