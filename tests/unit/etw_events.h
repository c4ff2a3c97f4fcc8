/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events of Windows by one call each, for tests that tell a small trace to a sink.
 * The log header is at raw time 1000, 100 s after boot; a tick is 100 ns. So raw 1000 + x is 100 s + 100 x ns.
 */
#ifndef TESTS_ETW_EVENTS_H
#define TESTS_ETW_EVENTS_H

#include "etl_writer.h"
#include "windows-etw/etw_trace.h"

#define KERNEL 0xfffff80000001000

#define REASON_USER_REQUEST 6
#define REASON_PREEMPTED    32
#define STATE_READY         1
#define STATE_RUNNING       2
#define STATE_STANDBY       3
#define STATE_TERMINATED    4
#define STATE_WAITING       5
#define STATE_DEFERRED      7
#define READY_IN_DPC        1
#define READY_STACK_IS_OUT  2

/* Begins a trace with one buffer, of processor 3, that all events go to. */
void ev_begin(struct etl_writer *w, uint8_t pointer_size);
/* Ends the trace, tells it to a sink that writes down what it is told, and frees it. Returns its counts. */
struct etw_trace_counts ev_expect(struct etl_writer *w, int want_rc, const char *want);
/* What ends each text that is expected: each trace says that three events were lost. */
#define END "note trace_events_lost 3\n"

/* Any event of the kernel; frees p. */
void ev_put(struct etl_writer *w, uint64_t time, uint16_t hook, uint8_t version, struct payload *p);
/* Hooks 0x0301 to 0x0304: start, end, listed at the beginning, listed at the end. */
void ev_process(struct etl_writer *w, uint64_t time, uint16_t hook, uint32_t pid,
		const char *image);
/* 0x0501 to 0x0504; name NULL = none. */
void ev_thread(struct etl_writer *w, uint64_t time, uint16_t hook, uint32_t pid, uint32_t tid,
	       const char *name);
/* 0x030a: loaded; 0x1402 to 0x1404 as above. Images have 64 KiB. */
void ev_image(struct etl_writer *w, uint64_t time, uint16_t hook, uint32_t pid, uint64_t base,
	      const char *path);
/* Loaded in process 8, as Windows tells it since version 2 of the event. */
void ev_image_version(struct etl_writer *w, uint64_t time, uint64_t base, uint32_t checksum,
		      uint32_t time_stamp, const char *path);
void ev_sample(struct etl_writer *w, uint64_t time, uint32_t tid, uint64_t ip, uint8_t flags);
/* The processor goes from one thread to another. */
void ev_context_switch(struct etl_writer *w, uint64_t time, uint32_t from, uint32_t to,
		       uint8_t reason, uint8_t state);
/* The thread on the processor wakes another. */
void ev_ready(struct etl_writer *w, uint64_t time, uint32_t tid);
void ev_ready_how(struct etl_writer *w, uint64_t time, uint32_t tid, uint8_t flags);
/* A stack of two frames, for the event at `of`. */
void ev_stack(struct etl_writer *w, uint64_t time, uint64_t of, uint32_t pid, uint32_t tid,
	      uint64_t leaf);
void ev_key(struct etl_writer *w, uint64_t time, uint64_t name, uint64_t leaf);
/* A reference to a key by the event at `of`; part: 0x1825 kernel's, 0x1826 user's. */
void ev_reference(struct etl_writer *w, uint64_t time, uint64_t of, uint16_t part, uint64_t name);

/* The .NET runtime, and an event of it in process 8. 143: compiled now; 144: gone. */
extern const uint8_t ev_clr[16];
struct etl_writer_event ev_of_runtime(uint64_t time, uint16_t id, const uint8_t *provider);
void ev_method_event(struct etl_writer *w, struct etl_writer_event e, uint64_t start,
		     uint32_t flags, const char *name);
/* "New", compiled now (143), or "Old", listed at the end (144). */
void ev_method(struct etl_writer *w, uint64_t time, uint16_t id, uint64_t start, uint32_t flags);
/* What merging adds. */
void ev_volume(struct etl_writer *w, uint64_t time, const char *nt, const char *dos);
void ev_pdb(struct etl_writer *w, uint64_t time, uint32_t pid, uint64_t base);
/* Which build a PDB file is of, by its last byte. */
void ev_pdb_build(struct etl_writer *w, uint64_t time, uint32_t pid, uint64_t base, uint8_t last);

#endif
