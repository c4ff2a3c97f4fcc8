/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * windows-etw/etw_trace.h: what a sink is told of traces written for single rules.
 * The log header is at raw time 1000, 100 s after boot; a tick is 100 ns. So raw 1000 + x is 100 s + 100 x ns.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/text.h"
#include "etl_writer.h"
#include "fake_sink.h"
#include "windows-etw/etw_trace.h"

#define KERNEL 0xfffff80000001000

static const uint8_t image_id[16] =
	"\xd7\x75\xe6\xb3\x54\x25\x18\x4f\x83\x0b\x27\x62\x73\x25\x60\xde";
static const uint8_t sys_config[16] =
	"\x91\xee\x79\x9b\xfd\xb5\xc0\x41\xa2\x43\x42\x48\xe2\x66\xe9\xd0";
static const uint8_t clr[16] = "\x23\x0d\x3c\xe1\xbc\xcc\x12\x4e\x93\x1b\xd9\xcc\x2e\xee\x27\xe4";
static const uint8_t clr_rundown[16] =
	"\x1c\x02\x69\xa6\x50\xc4\x09\x46\xa0\x35\x5a\xf5\x9a\xf4\xdf\x18";

/* ---- writing ------------------------------------------------------------------------------------------------- */

static void put(struct etl_writer *w, uint64_t time, uint16_t hook, uint8_t version,
		struct payload *p)
{
	etl_writer_perfinfo(
		w, &(struct etl_writer_event){ .time = time, .id = hook, .version = version }, p);
	payload_done(p);
}

static void process(struct etl_writer *w, uint64_t time, uint16_t hook, uint32_t pid,
		    const char *image)
{
	struct payload p = payload_for(w);

	payload_pointer(&p, 1);
	payload_u32(&p, pid);
	payload_u32(&p, 4);
	payload_u64(&p, 0);
	payload_u32(&p, 0); /* null SID */
	payload_text(&p, image);
	payload_utf16(&p, "");
	put(w, time, hook, 2, &p);
}

static void thread(struct etl_writer *w, uint64_t time, uint16_t hook, uint32_t pid, uint32_t tid,
		   const char *name)
{
	struct payload p = payload_for(w);

	payload_u32(&p, pid);
	payload_u32(&p, tid);
	for (int i = 0; i < 7; i++)
		payload_pointer(&p, 0);
	payload_u64(&p, 0);
	if (name)
		payload_utf16(&p, name);
	put(w, time, hook, 3, &p);
}

static void image(struct etl_writer *w, uint64_t time, uint16_t hook, uint32_t pid, uint64_t base,
		  const char *path)
{
	struct payload p = payload_for(w);

	payload_pointer(&p, base);
	payload_pointer(&p, 0x10000);
	payload_u32(&p, pid);
	payload_utf16(&p, path);
	put(w, time, hook, 1, &p);
}

/* As Windows writes it since version 2. */
static void image_version(struct etl_writer *w, uint64_t time, uint64_t base, uint32_t checksum,
			  uint32_t time_stamp, const char *path)
{
	struct payload p = payload_for(w);

	payload_pointer(&p, base);
	payload_pointer(&p, 0x10000);
	payload_u32(&p, 8);
	payload_u32(&p, checksum);
	payload_u32(&p, time_stamp);
	payload_u32(&p, 0);
	payload_pointer(&p, base);
	payload_u64(&p, 0);
	payload_u64(&p, 0);
	payload_utf16(&p, path);
	put(w, time, 0x030a, 3, &p);
}

static void sample(struct etl_writer *w, uint64_t time, uint32_t tid, uint64_t ip, uint8_t flags)
{
	struct payload p = payload_for(w);

	payload_pointer(&p, ip);
	payload_u32(&p, tid);
	payload_u16(&p, 1);
	payload_u8(&p, flags);
	payload_u8(&p, 0);
	put(w, time, 0x0f2e, 2, &p);
}

#define REASON_USER_REQUEST 6
#define REASON_PREEMPTED    32
#define STATE_READY         1
#define STATE_STANDBY       3
#define STATE_TERMINATED    4
#define STATE_WAITING       5
#define STATE_DEFERRED      7
#define READY_IN_DPC        1
#define READY_STACK_IS_OUT  2

/* The processor goes from one thread to another. */
static void context_switch(struct etl_writer *w, uint64_t time, uint32_t from, uint32_t to,
			   uint8_t reason, uint8_t state)
{
	struct payload p = payload_for(w);

	payload_u32(&p, to);
	payload_u32(&p, from);
	payload_u32(&p, 0);
	payload_u8(&p, reason);
	payload_u8(&p, 0);
	payload_u8(&p, state);
	payload_u8(&p, 0);
	payload_u32(&p, 0);
	put(w, time, 0x0524, 2, &p);
}

static void ready_how(struct etl_writer *w, uint64_t time, uint32_t tid, uint8_t flags)
{
	struct payload p = payload_for(w);

	payload_u32(&p, tid);
	payload_u8(&p, 1); /* why its priority changes */
	payload_u8(&p, 1); /* by how much */
	payload_u8(&p, flags);
	payload_u8(&p, 0);
	put(w, time, 0x0532, 2, &p);
}

/* The thread on the processor wakes another. */
static void ready(struct etl_writer *w, uint64_t time, uint32_t tid)
{
	ready_how(w, time, tid, 0);
}

/* A stack of two frames, for the event at `of`. */
static void stack(struct etl_writer *w, uint64_t time, uint64_t of, uint32_t pid, uint32_t tid,
		  uint64_t leaf)
{
	struct payload p = payload_for(w);

	payload_u64(&p, of);
	payload_u32(&p, pid);
	payload_u32(&p, tid);
	payload_pointer(&p, leaf);
	payload_pointer(&p, leaf + 0x10);
	put(w, time, 0x1820, 2, &p);
}

static void key(struct etl_writer *w, uint64_t time, uint64_t name, uint64_t leaf)
{
	struct payload p = payload_for(w);

	payload_pointer(&p, name);
	payload_pointer(&p, leaf);
	put(w, time, 0x1823, 2, &p);
}

/* A reference to a key by the event at `of`; part: 0x1825 kernel's, 0x1826 user's. */
static void reference(struct etl_writer *w, uint64_t time, uint64_t of, uint16_t part,
		      uint64_t name)
{
	struct payload p = payload_for(w);

	payload_u64(&p, of);
	payload_u32(&p, 8);
	payload_u32(&p, 9);
	payload_pointer(&p, name);
	put(w, time, part, 2, &p);
}

/* An event of the runtime in process 8. 143: compiled now; 144: listed at the end, or gone. */
static struct etl_writer_event clr_event(uint64_t time, uint16_t id, const uint8_t *provider)
{
	return (struct etl_writer_event){
		.time = time, .pid = 8, .tid = 9, .id = id, .version = 1, .provider = provider
	};
}

static void method_event(struct etl_writer *w, struct etl_writer_event e, uint64_t start,
			 uint32_t flags, const char *name)
{
	struct payload p = payload_for(w);

	payload_u64(&p, 1);
	payload_u64(&p, 2);
	payload_u64(&p, start);
	payload_u32(&p, 0x40);
	payload_u32(&p, 0);
	payload_u32(&p, flags);
	payload_utf16(&p, "A.B");
	payload_utf16(&p, name);
	payload_utf16(&p, "void ()");
	etl_writer_manifest(w, &e, &p);
	payload_done(&p);
}

static void method(struct etl_writer *w, uint64_t time, uint16_t id, uint64_t start, uint32_t flags)
{
	const uint8_t *provider = id == 143 ? clr : clr_rundown;

	method_event(w, clr_event(time, id, provider), start, flags, id == 143 ? "New" : "Old");
}

static void volume(struct etl_writer *w, uint64_t time, const char *nt, const char *dos)
{
	struct etl_writer_event e = {
		.time = time, .opcode = 35, .version = 2, .provider = sys_config
	};
	struct payload p = payload_for(w);

	payload_utf16(&p, nt);
	payload_utf16(&p, dos);
	etl_writer_classic(w, &e, &p);
	payload_done(&p);
}

/* Which build a PDB file is of, by its last byte. */
static void pdb_build(struct etl_writer *w, uint64_t time, uint32_t pid, uint64_t base,
		      uint8_t last)
{
	struct etl_writer_event e = { .time = time, .opcode = 36, .provider = image_id };
	struct payload p = payload_for(w);

	payload_pointer(&p, base);
	payload_u32(&p, pid);
	payload_u64(&p, 0x6677445500112233);
	payload_u64(&p, 0xeeddccbbaa9988 | (uint64_t)last << 56);
	payload_u32(&p, 2);
	payload_text(&p, "d:\\made\\x.pdb");
	etl_writer_classic(w, &e, &p);
	payload_done(&p);
}

static void pdb(struct etl_writer *w, uint64_t time, uint32_t pid, uint64_t base)
{
	pdb_build(w, time, pid, base, 0xff);
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

/* Begins a trace with one buffer that all events of a test go to. */
static void begin(struct etl_writer *w, uint8_t pointer_size)
{
	etl_writer_init(w, pointer_size, ETL_PLAIN);
	etl_writer_begin(w, 3);
}

/* Ends the trace; tells it, and frees it. Returns its counts. */
static struct etw_trace_counts expect(struct etl_writer *w, int want_rc, const char *want)
{
	struct etw_trace_counts counts;
	struct oc_input *in;
	struct oc_error err = { 0 };
	struct fake_sink fs;
	struct etw_trace *t;

	if (w->data.len)
		etl_writer_end(w);
	fake_sink_init(&fs);
	cr_assert_eq(oc_input_open_memory(w->file.data, w->file.len, &in), 0);
	cr_assert_eq(etw_trace_open(in, &t, &err), 0, "%s", err.message);
	cr_assert_eq(etw_trace_tell(t, &fs.sink, &err), want_rc, "%s", err.message);
	cr_assert(!want_rc || !strncmp(err.message, "memory: ", 8));
	counts = *etw_trace_counts(t);
	etw_trace_free(t);
	oc_input_close(in);
	cr_assert_str_eq(fake_sink_take(&fs), want);
	fake_sink_done(&fs);
	etl_writer_done(w);
	return counts;
}

/* Each trace says that three events were lost. */
#define END "note trace_events_lost 3\n"

/* ---- samples ------------------------------------------------------------------------------------------------- */

Test(etw_trace, both_parts_of_a_stack)
{
	struct etw_trace_counts counts;
	struct etl_writer w;

	begin(&w, 8);
	process(&w, 1001, 0x0303, 8, "a.exe");
	thread(&w, 1001, 0x0503, 8, 9, "ui");
	sample(&w, 1010, 9, KERNEL, 0);
	stack(&w, 1011, 1010, 8, 9, KERNEL);
	sample(&w, 1020, 9, 0x1000, 0);
	stack(&w, 1021, 1020, 8, 9, 0x1000);
	stack(&w, 1030, 1010, 8, 9, 0x2000); /* back from the kernel */
	counts = expect(&w, 0,
			"start 8 comm=a.exe\n"
			"thread 8/9 name=ui\n"
			"stack 1 kernel fffff80000001000 fffff80000001010\n"
			"stack 3 user 2000 2010\n"
			"sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=1 user=3\n"
			"stack 2 user 1000 1010\n"
			"sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=2\n" END);
	cr_assert_eq(counts.samples, 2);
	cr_assert_eq(counts.told, 2);
	cr_assert_eq(counts.with_stack, 2);
	cr_assert_eq(counts.stacks_of_others, 0);
}

Test(etw_trace, samples_without_their_stack_keep_their_place)
{
	struct etw_trace_counts counts;
	struct etl_writer w;

	begin(&w, 8);
	thread(&w, 1001, 0x0501, 8, 9, NULL);
	sample(&w, 1010, 9, 0x1000, 0);
	sample(&w, 1020, 9, KERNEL, 0);
	sample(&w, 1030, 99, 0x1000, 0); /* of a thread that nothing else speaks of */
	stack(&w, 1031, 1029, 8, 9, 0x1000);
	stack(&w, 1031, 1030, 8, 9, 0x1000);
	counts = expect(
		&w, 0,
		"unknown 8\n"
		"sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=0 ip=1000\n"
		"sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=0 ip=fffff80000001000\n"
		"unknown 4294967294\n"
		"sample 4294967294/99 kind=0 cpu=3 count=1 value=1 kernel=0 user=0 ip=1000\n" END);
	cr_assert_eq(counts.stacks_of_others, 2);
	cr_assert_eq(counts.without_pid, 1);
}

/* ---- waits --------------------------------------------------------------------------------------------------- */

Test(etw_trace, a_wait_with_its_waker_and_the_part_that_was_ready)
{
	struct etw_trace_counts counts;
	struct etl_writer w;

	begin(&w, 8);
	thread(&w, 1001, 0x0503, 8, 9, NULL);
	thread(&w, 1001, 0x0503, 12, 13, NULL);
	context_switch(&w, 1010, 9, 13, REASON_USER_REQUEST, STATE_WAITING);
	ready(&w, 1050, 9);
	ready(&w, 1055, 9); /* it is already */
	context_switch(&w, 1070, 13, 9, REASON_PREEMPTED, STATE_READY);
	stack(&w, 1071, 1070, 8, 9, 0x1000);
	counts = expect(&w, 0,
			"unknown 8\n"
			"stack 1 user 1000 1010\n"
			"unknown 12\n"
			"sample 8/9 kind=1 cpu=3 count=1 value=6000 kernel=0 user=1 "
			"wait=UserRequest waker=13\n"
			"sample 8/9 kind=2 cpu=3 count=1 value=2000 kernel=0 user=1 "
			"wait=UserRequest waker=13\n" END "note waits_cut 2\n");
	cr_assert(counts.switches == 2 && counts.waits == 1 && counts.waits_cut == 2);
}

/* The processor is idle in between; the one that waits was not woken by it but by an interrupt. */
Test(etw_trace, waits_while_the_processor_is_idle)
{
	struct etl_writer w;

	begin(&w, 4);
	thread(&w, 1001, 0x0503, 8, 9, NULL);
	context_switch(&w, 1010, 9, 0, REASON_USER_REQUEST, STATE_WAITING);
	ready(&w, 1018, 9);
	context_switch(&w, 1020, 0, 9, 0, STATE_READY);
	expect(&w, 0,
	       "unknown 8\n"
	       "unknown 0\n"
	       "facts 0 comm=Idle\n"
	       "sample 8/9 kind=1 cpu=3 count=1 value=1000 kernel=0 user=0 wait=UserRequest "
	       "waker=0\n"
	       "sample 8/9 kind=2 cpu=3 count=1 value=200 kernel=0 user=0 wait=UserRequest "
	       "waker=0\n" END);
}

Test(etw_trace, preempted_threads_are_ready_all_the_time)
{
	struct etl_writer w;

	begin(&w, 8);
	thread(&w, 1001, 0x0501, 8, 9, NULL);
	thread(&w, 1001, 0x0501, 8, 10, NULL);
	context_switch(&w, 1010, 9, 10, REASON_PREEMPTED, STATE_READY);
	context_switch(&w, 1015, 10, 9, REASON_USER_REQUEST, STATE_TERMINATED);
	expect(&w, 0,
	       "unknown 8\n"
	       "sample 8/9 kind=1 cpu=3 count=1 value=500 kernel=0 user=0 wait=WrPreempted "
	       "waker=0\n"
	       "sample 8/9 kind=2 cpu=3 count=1 value=500 kernel=0 user=0 wait=WrPreempted "
	       "waker=0\n" END);
}

/* A thread may be on its way to another processor already when its own says that it has left. */
Test(etw_trace, preempted_threads_that_have_a_processor_again)
{
	static const uint8_t states[] = { STATE_STANDBY, STATE_DEFERRED };

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct etl_writer w;

		begin(&w, 8);
		thread(&w, 1001, 0x0501, 8, 9, NULL);
		thread(&w, 1001, 0x0501, 8, 10, NULL);
		context_switch(&w, 1010, 9, 10, REASON_PREEMPTED, states[i]);
		ready(&w, 1012, 9);
		context_switch(&w, 1015, 10, 9, REASON_USER_REQUEST, STATE_TERMINATED);
		expect(&w, 0,
		       "unknown 8\n"
		       "sample 8/9 kind=1 cpu=3 count=1 value=500 kernel=0 user=0 "
		       "wait=WrPreempted waker=0\n"
		       "sample 8/9 kind=2 cpu=3 count=1 value=500 kernel=0 user=0 "
		       "wait=WrPreempted waker=0\n" END);
	}
}

/* What a timer or a device wakes, no thread has woken, though one runs there. */
Test(etw_trace, wakeups_by_deferred_procedure_calls)
{
	struct etl_writer w;

	begin(&w, 8);
	thread(&w, 1001, 0x0501, 8, 9, NULL);
	thread(&w, 1001, 0x0501, 8, 10, NULL);
	context_switch(&w, 1010, 9, 10, REASON_USER_REQUEST, STATE_WAITING);
	ready_how(&w, 1012, 9, READY_IN_DPC | READY_STACK_IS_OUT);
	context_switch(&w, 1015, 10, 9, REASON_USER_REQUEST, STATE_WAITING);
	ready_how(&w, 1016, 10, READY_STACK_IS_OUT);
	context_switch(&w, 1017, 9, 10, REASON_USER_REQUEST, STATE_TERMINATED);
	expect(&w, 0,
	       "unknown 8\n"
	       "sample 8/9 kind=1 cpu=3 count=1 value=500 kernel=0 user=0 wait=UserRequest "
	       "waker=0\n"
	       "sample 8/9 kind=2 cpu=3 count=1 value=300 kernel=0 user=0 wait=UserRequest "
	       "waker=0\n"
	       "sample 8/10 kind=1 cpu=3 count=1 value=200 kernel=0 user=0 wait=UserRequest "
	       "waker=9\n"
	       "sample 8/10 kind=2 cpu=3 count=1 value=100 kernel=0 user=0 wait=UserRequest "
	       "waker=9\n" END);
}

/* Neither a thread that ended and whose id was given away, nor one whose switch away was not seen, waited. */
Test(etw_trace, what_is_no_wait)
{
	struct etw_trace_counts counts;
	struct etl_writer w;

	begin(&w, 8);
	thread(&w, 1001, 0x0501, 8, 9, NULL);
	thread(&w, 1001, 0x0503, 8, 10, NULL);
	context_switch(&w, 1010, 9, 0, REASON_USER_REQUEST, STATE_WAITING);
	thread(&w, 1012, 0x0502, 8, 9, NULL);
	thread(&w, 1013, 0x0501, 12, 9, NULL);
	context_switch(&w, 1020, 0, 9, 0, STATE_READY);
	context_switch(&w, 1030, 9, 10, REASON_USER_REQUEST, STATE_TERMINATED);
	counts = expect(&w, 0, END "note waits_cut 2\n");
	cr_assert(counts.waits == 0 && counts.switches == 3);
}

Test(etw_trace, idle_processors_are_not_told)
{
	struct etw_trace_counts counts;
	struct etl_writer w;

	begin(&w, 8);
	sample(&w, 1010, 0, KERNEL, 0);
	sample(&w, 1020, 0, KERNEL, 8 << 3); /* a priority says nothing */
	sample(&w, 1030, 0, KERNEL, 1);
	sample(&w, 1040, 0, KERNEL, 2);
	counts = expect(&w, 0,
			"unknown 0\n"
			"facts 0 comm=Idle\n"
			"sample 0/0 kind=0 cpu=3 count=1 value=1 kernel=0 user=0 no-user "
			"ip=fffff80000001000\n"
			"sample 0/0 kind=0 cpu=3 count=1 value=1 kernel=0 user=0 no-user "
			"ip=fffff80000001000\n" END);
	cr_assert(counts.samples == 4 && counts.idle == 2 && counts.told_idle == 2);
}

/* A key is defined when it is given up, and may have stood for another stack until just before the reference. */
Test(etw_trace, keys_that_are_used_again)
{
	struct etw_trace_counts counts;
	struct etl_writer w;

	begin(&w, 8);
	thread(&w, 1001, 0x0503, 8, 9, NULL);
	sample(&w, 1010, 9, KERNEL, 0);
	reference(&w, 1012, 1010, 0x1825, 0x77);
	sample(&w, 1020, 9, 0x1000, 0);
	key(&w, 1021, 0x77, KERNEL);
	reference(&w, 1022, 1020, 0x1826, 0x77);
	reference(&w, 1023, 1010, 0x1826, 0x78);
	key(&w, 1030, 0x78, 0x3000);
	key(&w, 1031, 0x77, 0x1000);
	key(&w, 1032, 0x77, 0x9000);
	reference(&w, 1040, 1020, 0x1825, 0x79); /* never defined */
	counts = expect(&w, 0,
			"unknown 8\n"
			"stack 1 kernel fffff80000001000\n"
			"stack 2 user 3000\n"
			"sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=1 user=2\n"
			"stack 3 user 1000\n"
			"sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=3\n" END);
	cr_assert_eq(counts.keys_unknown, 1);
}

Test(etw_trace, the_stack_tells_the_process_where_nothing_else_does)
{
	struct etl_writer w;

	begin(&w, 8);
	sample(&w, 1010, 9, 0x1000, 0);
	stack(&w, 1011, 1010, 8, 9, 0x1000);
	/* The thread of process 8 is at work in the memory of 12. */
	thread(&w, 1015, 0x0501, 8, 10, NULL);
	sample(&w, 1020, 10, KERNEL, 0);
	stack(&w, 1021, 1020, 12, 10, KERNEL);
	expect(&w, 0,
	       "unknown 8\n"
	       "stack 1 user 1000 1010\n"
	       "sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=1\n"
	       "stack 2 kernel fffff80000001000 fffff80000001010\n"
	       "sample 8/10 kind=0 cpu=3 count=1 value=1 kernel=2 user=0\n" END);
}

Test(etw_trace, kernel_addresses_of_32_bit_machines)
{
	struct etl_writer w;

	begin(&w, 4);
	thread(&w, 1001, 0x0501, 8, 9, NULL);
	sample(&w, 1010, 9, 0x80001000, 0);
	stack(&w, 1011, 1010, 8, 9, 0x80001000);
	expect(&w, 0,
	       "unknown 8\n"
	       "stack 1 kernel 80001000 80001010\n"
	       "sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=1 user=0\n" END);
}

/* ---- processes and images ------------------------------------------------------------------------------------ */

Test(etw_trace, what_the_end_lists_was_there_from_the_beginning)
{
	struct etl_writer w;

	begin(&w, 8);
	sample(&w, 1010, 9, 0x1000, 0);
	volume(&w, 1090, "\\Device\\HarddiskVolume2\\", "C:\\");
	pdb(&w, 1091, 8, 0x400000);
	image(&w, 1091, 0x1404, 8, 0x400000, "\\Device\\HarddiskVolume2\\x\\a.exe");
	process(&w, 1092, 0x0304, 8, "a.exe");
	thread(&w, 1093, 0x0504, 8, 9, "late");
	method(&w, 1094, 144, 0x7fff0000ffe0, 8);
	expect(&w, 0,
	       "start 8 comm=a.exe\n"
	       "map 8 400000-410000 +0 build-id=0011223344556677"
	       "8899aabbccddeeff00000002 symbol-file=x.pdb file C:\\x\\a.exe\n"
	       "facts 8 exe=C:\\x\\a.exe\n"
	       "map 8 7fff00000000-7fff00010000 +0 dev=1 ino=1 anon \n"
	       "map 8 7fff00010000-7fff00020000 +0 dev=1 ino=1 anon \n"
	       "code 8 7fff0000ffe0-7fff00010020 A.B.Old\n"
	       "thread 8/9 name=late\n"
	       "sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=0 ip=1000\n" END);
}

Test(etw_trace, an_image_is_known_by_its_headers_when_its_symbol_file_is_not)
{
	struct etl_writer w;

	begin(&w, 8);
	process(&w, 1010, 0x0301, 8, "a.exe");
	image_version(&w, 1011, 0x400000, 0x11223344, 0x55667788, "\\Device\\x\\A.dll");
	image_version(&w, 1012, 0x500000, 0x11223344, 0, "a.dll");
	image_version(&w, 1013, 0x600000, 0, 0x55667788, "a.dll");
	image_version(&w, 1014, 0x700000, 0, 0, "a.dll");
	image_version(&w, 1015, 0x800000, 1, 2, "a.dll");
	pdb(&w, 1016, 8, 0x800000);
	expect(&w, 0,
	       "start 8 comm=a.exe\n"
	       "map 8 400000-410000 +0 build-id=000000101122334400000000e00f1bc9"
	       " file \\Device\\x\\A.dll\n"
	       "map 8 500000-510000 +0 build-id=000000101122334400000000e00f1bc9 file a.dll\n"
	       "map 8 600000-610000 +0 build-id=000000100000000055667788e00f1bc9 file a.dll\n"
	       "map 8 700000-710000 +0 file a.dll\n"
	       "map 8 800000-810000 +0 build-id=00112233445566778899aabbccddeeff00000002"
	       " symbol-file=x.pdb file a.dll\n" END);
}

Test(etw_trace, files_in_the_folder_of_windows_are_on_its_drive)
{
	struct etl_writer w;

	begin(&w, 8);
	volume(&w, 1005, "\\??\\", "");
	volume(&w, 1006, "\\SystemRoot\\", "D:\\WINNT\\");
	process(&w, 1010, 0x0301, 8, "a.exe");
	image(&w, 1011, 0x030a, 8, 0x400000, "\\winnt\\System32\\x.dll");
	image(&w, 1012, 0x030a, 8, 0x500000, "\\Windows\\x.dll");
	image(&w, 1013, 0x030a, 8, 0x600000, "\\??\\E:\\x.dll");
	image(&w, 1014, 0x030a, 0, KERNEL & ~0xffffULL, "\\SystemRoot\\d.sys");
	expect(&w, 0,
	       "start 8 comm=a.exe\n"
	       "map 8 400000-410000 +0 file D:\\WINNT\\System32\\x.dll\n"
	       "map 8 500000-510000 +0 file \\Windows\\x.dll\n"
	       "map 8 600000-610000 +0 file E:\\x.dll\n"
	       "map 0 fffff80000000000-fffff80000010000 +0 kernel D:\\WINNT\\d.sys\n" END);
}

Test(etw_trace, lives_of_a_pid)
{
	struct etl_writer w;

	begin(&w, 8);
	process(&w, 1010, 0x0301, 8, "a.exe");
	image(&w, 1011, 0x030a, 8, 0x400000, "\\Device\\A.EXE");
	image(&w, 1012, 0x030a, 0, KERNEL & ~0xffffULL, "\\SystemRoot\\d.sys");
	image(&w, 1013, 0x1402, 8, 0x400000, "\\Device\\A.EXE");
	process(&w, 1014, 0x0302, 8, "a.exe");
	thread(&w, 1015, 0x0501, 8, 9, NULL);
	sample(&w, 1016, 9, KERNEL, 0); /* the last of a thread may come behind its process's end */
	process(&w, 1020, 0x0301, 8, "b.exe");
	process(&w, 1030, 0x0301, 8, "c.exe");
	expect(&w, 0,
	       "start 8 comm=a.exe\n"
	       "map 8 400000-410000 +0 file \\Device\\A.EXE\n"
	       "facts 8 exe=\\Device\\A.EXE\n"
	       "map 0 fffff80000000000-fffff80000010000 +0 kernel \\SystemRoot\\d.sys\n"
	       "unmap 8 400000-410000\n"
	       "exit 8\n"
	       "sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=0 ip=fffff80000001000\n"
	       "start 8 comm=b.exe\n"
	       "exit 8\n"
	       "start 8 comm=c.exe\n" END);
}

/* The kernel tells of images and threads of a process, or samples it, a moment before it tells of the process. */
Test(etw_trace, what_comes_before_its_process)
{
	struct etl_writer w;

	begin(&w, 8);
	thread(&w, 1010, 0x0501, 8, 9, NULL);
	image(&w, 1011, 0x030a, 8, 0x400000, "a.exe");
	process(&w, 1012, 0x0301, 8, "a.exe");
	image(&w, 1013, 0x030a, 8, 0x500000, "A.EXE");
	process(&w, 1020, 0x0301, 8, "b.exe"); /* this one is another */
	expect(&w, 0,
	       "unknown 8\n"
	       "map 8 400000-410000 +0 file a.exe\n"
	       "facts 8 comm=a.exe\n"
	       "map 8 500000-510000 +0 file A.EXE\n"
	       "facts 8 exe=A.EXE\n"
	       "exit 8\n"
	       "start 8 comm=b.exe\n" END);
}

/* Names of processes are told in a code page, of files in UTF-16; here U+00e4 as one byte, and what one lacks as '?'. */
Test(etw_trace, names_that_the_code_page_lacks)
{
	static const struct {
		const char *image;
		const char *path;
		const char *facts;
	} cases[] = {
		{ "b\xe4r.exe", "C:\\b\xe4r.exe",
		  "facts 8 comm=b\u00e4r.exe exe=C:\\b\u00e4r.exe\n" },
		{ "b? x.EXE", "C:\\b\xe4\xe4 x.exe",
		  "facts 8 comm=b\u00e4\u00e4 x.exe exe=C:\\b\u00e4\u00e4 x.exe\n" },
		{ "an-example-na?", "C:\\an-example-na\xe4.exe",
		  "facts 8 comm=an-example-na\u00e4.exe exe=C:\\an-example-na\u00e4.exe\n" },
		{ "b?r.exe", "C:\\b\xe4t.exe", "" },
		{ "bar.exe", "C:\\b\xe4r.exe", "" },
		{ "?.exe", "C:\\b\xe4.exe", "" },
		{ "b?", "C:\\b\xe4.exe", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buffer want = BUFFER_INIT, path = BUFFER_INIT;
		struct payload p;
		struct etl_writer w;

		begin(&w, 8);
		process(&w, 1010, 0x0301, 8, cases[i].image);
		p = payload_for(&w);
		payload_pointer(&p, 0x400000);
		payload_pointer(&p, 0x10000);
		payload_u32(&p, 8);
		/* The path has one byte a character. */
		for (const char *at = cases[i].path; *at; at++) {
			payload_u16(&p, (uint8_t)*at);
			if ((uint8_t)*at == 0xe4)
				buffer_puts(&path, "\u00e4");
			else
				buffer_putc(&path, *at);
		}
		payload_u16(&p, 0);
		put(&w, 1011, 0x030a, 1, &p);
		buffer_puts(&want, "start 8 comm=");
		text_clean(&want, cases[i].image, strlen(cases[i].image));
		buffer_printf(&want, "\nmap 8 400000-410000 +0 file %s\n%s" END, path.data,
			      cases[i].facts);
		expect(&w, 0, want.data);
		buffer_done(&want);
		buffer_done(&path);
	}
}

/* What merging says of an image may stand behind its event, in another buffer. */
Test(etw_trace, images_that_follow_each_other_in_one_place)
{
	struct etl_writer w;

	begin(&w, 8);
	process(&w, 1010, 0x0301, 8, "a.exe");
	image(&w, 1011, 0x030a, 8, 0x400000, "one.dll");
	image(&w, 1012, 0x1402, 8, 0x400000, "one.dll");
	image(&w, 1013, 0x030a, 8, 0x400000, "two.dll");
	image(&w, 1014, 0x1402, 8, 0x400000, "two.dll");
	image(&w, 1015, 0x030a, 8, 0x400000, "one.dll");
	etl_writer_end(&w);
	etl_writer_begin(&w, 3);
	pdb_build(&w, 1011, 8, 0x400000, 0xff);
	pdb_build(&w, 1012, 8, 0x400000, 0xff);
	pdb_build(&w, 1013, 8, 0x400000, 0xee);
	pdb_build(&w, 1014, 8, 0x400000, 0xee);
	pdb_build(&w, 1015, 8, 0x400000, 0xff);
	expect(&w, 0,
	       "start 8 comm=a.exe\n"
	       "map 8 400000-410000 +0 build-id=00112233445566778899aabbccddeeff00000002"
	       " symbol-file=x.pdb file one.dll\n"
	       "unmap 8 400000-410000\n"
	       "map 8 400000-410000 +0 build-id=00112233445566778899aabbccddeeee00000002"
	       " symbol-file=x.pdb file two.dll\n"
	       "unmap 8 400000-410000\n"
	       "map 8 400000-410000 +0 build-id=00112233445566778899aabbccddeeff00000002"
	       " symbol-file=x.pdb file one.dll\n" END);
}

Test(etw_trace, methods_in_memory_that_was_used_before)
{
	struct etl_writer w;

	begin(&w, 8);
	process(&w, 1010, 0x0301, 8, "a.exe");
	method_event(&w, clr_event(1011, 143, clr), 0x500000, 8, "F");
	method_event(&w, clr_event(1012, 143, clr), 0x500100, 8, "G");
	method_event(&w, clr_event(1013, 144, clr), 0x500000, 8, "F");
	method_event(&w, clr_event(1014, 143, clr), 0x500020, 8, "H");
	method_event(&w, clr_event(1015, 143, clr), 0x500200, 8, "I");
	expect(&w, 0,
	       "start 8 comm=a.exe\n"
	       "map 8 500000-510000 +0 dev=1 ino=1 anon \n"
	       "code 8 500000-500040 A.B.F\n"
	       "code 8 500100-500140 A.B.G\n"
	       "map 8 500000-510000 +0 dev=1 ino=2 anon \n"
	       "code 8 500020-500060 A.B.H\n"
	       "code 8 500200-500240 A.B.I\n" END);
}

/* Programs of one file have their libraries' code copied to where no file is mapped. */
Test(etw_trace, methods_compiled_beforehand_outside_of_images)
{
	struct etl_writer w;

	begin(&w, 8);
	process(&w, 1010, 0x0301, 8, "a.exe");
	image(&w, 1011, 0x030a, 8, 0x400000, "x.dll");
	method_event(&w, clr_event(1012, 143, clr), 0x40ffff, 0, "Inside");
	method_event(&w, clr_event(1012, 143, clr), 0x410000, 0, "Behind");
	method_event(&w, clr_event(1012, 143, clr), 0x3f0000, 0, "Before");
	expect(&w, 0,
	       "start 8 comm=a.exe\n"
	       "map 8 400000-410000 +0 file x.dll\n"
	       "code 8 40ffff-41003f A.B.Inside\n"
	       "map 8 410000-420000 +0 dev=1 ino=1 anon \n"
	       "code 8 410000-410040 A.B.Behind\n"
	       "map 8 3f0000-400000 +0 dev=1 ino=1 anon \n"
	       "code 8 3f0000-3f0040 A.B.Before\n" END);
}

Test(etw_trace, what_is_listed_at_both_ends_is_told_once)
{
	struct etl_writer w;

	begin(&w, 8);
	process(&w, 1010, 0x0303, 8, "a.exe");
	thread(&w, 1011, 0x0503, 8, 9, "x");
	image(&w, 1012, 0x1403, 8, 0x400000, "x.dll");
	sample(&w, 1020, 9, 0x1000, 0);
	process(&w, 1090, 0x0304, 8, "a.exe");
	thread(&w, 1091, 0x0504, 8, 9, "x");
	image(&w, 1092, 0x1404, 8, 0x400000, "x.dll");
	process(&w, 1093, 0x0304, UINT32_MAX, "none.exe"); /* no process has this number */
	expect(&w, 0,
	       "start 8 comm=a.exe\n"
	       "map 8 400000-410000 +0 file x.dll\n"
	       "thread 8/9 name=x\n"
	       "sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=0 ip=1000\n" END);
}

/* A process that begins within the trace gets what only the end lists when it begins, not before. */
Test(etw_trace, rundown_of_a_new_process)
{
	struct etl_writer w;

	begin(&w, 8);
	process(&w, 1010, 0x0301, 8, "a.exe");
	method(&w, 1020, 143, 0x500000, 8);
	method(&w, 1020, 143, 0x408000, 0); /* compiled beforehand: in a file */
	process(&w, 1030, 0x0302, 8, "a.exe");
	process(&w, 1040, 0x0301, 8, "b.exe");
	image(&w, 1050, 0x1404, 8, 0x400000, "x.dll");
	expect(&w, 0,
	       "start 8 comm=a.exe\n"
	       "map 8 400000-410000 +0 file x.dll\n"
	       "map 8 500000-510000 +0 dev=1 ino=1 anon \n"
	       "code 8 500000-500040 A.B.New\n"
	       "code 8 408000-408040 A.B.New\n"
	       "exit 8\n"
	       "start 8 comm=b.exe\n" END);
}

/* ---- time, order, damage ------------------------------------------------------------------------------------- */

Test(etw_trace, times_since_boot)
{
	struct etw_trace_info info;
	struct oc_input *in;
	struct fake_sink fs;
	struct etl_writer w;
	struct etw_trace *t;
	struct payload p;

	begin(&w, 8);
	p = payload_for(&w);
	payload_u32(&p, 0);
	payload_u32(&p, 1221);
	payload_u32(&p, 1221);
	put(&w, 500, 0x0f49, 2, &p);
	process(&w, 2000, 0x0301, 8, "a.exe");
	etl_writer_end(&w);
	cr_assert_eq(oc_input_open_memory(w.file.data, w.file.len, &in), 0);
	cr_assert_eq(etw_trace_open(in, &t, NULL), 0);
	etw_trace_info(t, &info);
	cr_assert_eq(info.start_ns, 100000000000 - 50000, "%" PRIu64, info.start_ns);
	cr_assert_eq(info.end_ns, 100000000000 + 100000);
	cr_assert_eq(info.start_wall_ns, (133000000000000000 - 116444736000000000) * 100 - 50000);
	cr_assert_eq(info.kinds[0].period_ns, 122100);
	cr_assert_str_eq(info.kinds[0].name, "cpu");
	fake_sink_init(&fs);
	fs.with_times = true;
	cr_assert_eq(etw_trace_tell(t, &fs.sink, NULL), 0);
	cr_assert_str_eq(fake_sink_take(&fs), "100000100000 start 8 comm=a.exe\n"
					      "0 " END);
	fake_sink_done(&fs);
	etw_trace_free(t);
	oc_input_close(in);
	etl_writer_done(&w);
}

static uint64_t period_of(struct etl_writer *w)
{
	struct etw_trace_info info;
	struct oc_input *in;
	struct etw_trace *t;

	etl_writer_end(w);
	cr_assert_eq(oc_input_open_memory(w->file.data, w->file.len, &in), 0);
	cr_assert_eq(etw_trace_open(in, &t, NULL), 0);
	etw_trace_info(t, &info);
	etw_trace_free(t);
	oc_input_close(in);
	etl_writer_done(w);
	return info.kinds[0].period_ns;
}

static void interval(struct etl_writer *w, uint64_t time, uint16_t hook, uint32_t source,
		     uint32_t ticks)
{
	struct payload p = payload_for(w);

	payload_u32(&p, source);
	payload_u32(&p, ticks);
	payload_u32(&p, 5000);
	put(w, time, hook, 3, &p);
}

/* The one at the beginning counts: recorders set it back at the end. */
Test(etw_trace, interval_between_samples)
{
	struct etl_writer w;

	begin(&w, 8);
	interval(&w, 1001, 0x0f48, 0, 20000);
	interval(&w, 1002, 0x0f49, 2, 65536);
	interval(&w, 1003, 0x0f49, 0, 1221);
	interval(&w, 1020, 0x0f48, 0, 10000);
	interval(&w, 1021, 0x0f49, 0, 10001);
	cr_assert_eq(period_of(&w), 122100);
	begin(&w, 8);
	interval(&w, 1001, 0x0f48, 0, 20000);
	interval(&w, 1020, 0x0f48, 0, 10000);
	cr_assert_eq(period_of(&w), 2000000);
	begin(&w, 8);
	interval(&w, 1002, 0x0f49, 2, 65536);
	cr_assert_eq(period_of(&w), 1000000, "of another source; Windows' own");
}

/* An interrupt comes between the moment at which an event gets its time and the one at which it gets its place. */
Test(etw_trace, events_that_lie_behind_later_ones)
{
	struct etw_trace_counts counts;
	struct etl_writer w;

	begin(&w, 8);
	thread(&w, 1001, 0x0501, 8, 9, NULL);
	sample(&w, 1030, 9, 0x1000, 0);
	sample(&w, 1010, 9, 0x2000, 0);
	sample(&w, 1020, 9, 0x3000, 0);
	stack(&w, 1040, 1010, 8, 9, 0x2000);
	stack(&w, 1041, 1020, 8, 9, 0x3000);
	stack(&w, 1042, 1030, 8, 9, 0x1000);
	counts = expect(&w, 0,
			"unknown 8\n"
			"stack 1 user 2000 2010\n"
			"sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=1\n"
			"stack 2 user 3000 3010\n"
			"sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=2\n"
			"stack 3 user 1000 1010\n"
			"sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=3\n" END);
	cr_assert_eq(counts.stacks_of_others, 0);
}

Test(etw_trace, nothing_overtakes_a_waiting_sample)
{
	struct etl_writer w;

	begin(&w, 8);
	thread(&w, 1001, 0x0501, 8, 9, NULL);
	sample(&w, 1010, 9, KERNEL, 0);
	image(&w, 1020, 0x030a, 8, 0x400000, "x.dll");
	stack(&w, 1030, 1010, 8, 9, 0x401000);
	image(&w, 1040, 0x1402, 8, 0x400000, "x.dll");
	expect(&w, 0,
	       "unknown 8\n"
	       "stack 1 user 401000 401010\n"
	       "sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=1 ip=fffff80000001000\n"
	       "map 8 400000-410000 +0 file x.dll\n"
	       "unmap 8 400000-410000\n" END);
}

Test(etw_trace, damage_is_told_and_the_rest_kept)
{
	struct etw_trace_counts counts;
	struct etl_writer w;
	struct payload p;

	begin(&w, 8);
	process(&w, 1010, 0x0301, 8, "a.exe");
	p = payload_for(&w);
	payload_u32(&p, 1);
	put(&w, 1011, 0x0302, 4, &p); /* too short to be an end */
	p = payload_for(&w);
	payload_u64(&p, 0);
	put(&w, 1012, 0x0524, 4, &p);
	etl_writer_end(&w);
	etl_writer_begin(&w, 1);
	process(&w, 1020, 0x0301, 12, "b.exe");
	etl_writer_end(&w);
	w.file.len -= 4096 - 0x48 - 10;
	w.data.len = 0;
	counts = expect(&w, -EBADMSG,
			"start 8 comm=a.exe\n" END "note trace_damages 2\n"
			"note trace_events_unreadable 2\n");
	cr_assert_eq(counts.unreadable, 2);
}
