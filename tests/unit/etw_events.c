/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events written as Windows writes them, and what a sink is told of a trace of them.
 * Called by tests of windows-etw/etw_trace.h.
 * Must not know what is tested.
 */
#include "etw_events.h"

#include <criterion/criterion.h>

#include <string.h>

#include "base/macros.h"
#include "fake_sink.h"

static const uint8_t image_id[16] =
	"\xd7\x75\xe6\xb3\x54\x25\x18\x4f\x83\x0b\x27\x62\x73\x25\x60\xde";
static const uint8_t sys_config[16] =
	"\x91\xee\x79\x9b\xfd\xb5\xc0\x41\xa2\x43\x42\x48\xe2\x66\xe9\xd0";
const uint8_t ev_clr[16] = "\x23\x0d\x3c\xe1\xbc\xcc\x12\x4e\x93\x1b\xd9\xcc\x2e\xee\x27\xe4";
static const uint8_t clr_rundown[16] =
	"\x1c\x02\x69\xa6\x50\xc4\x09\x46\xa0\x35\x5a\xf5\x9a\xf4\xdf\x18";

void ev_put(struct etl_writer *w, uint64_t time, uint16_t hook, uint8_t version, struct payload *p)
{
	etl_writer_perfinfo(
		w, &(struct etl_writer_event){ .time = time, .id = hook, .version = version }, p);
	payload_done(p);
}

void ev_process(struct etl_writer *w, uint64_t time, uint16_t hook, uint32_t pid, const char *image)
{
	struct payload p = payload_for(w);

	payload_pointer(&p, 1);
	payload_u32(&p, pid);
	payload_u32(&p, 4);
	payload_u64(&p, 0);
	payload_u32(&p, 0); /* null SID */
	payload_text(&p, image);
	payload_utf16(&p, "");
	ev_put(w, time, hook, 2, &p);
}

void ev_thread(struct etl_writer *w, uint64_t time, uint16_t hook, uint32_t pid, uint32_t tid,
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
	ev_put(w, time, hook, 3, &p);
}

void ev_image(struct etl_writer *w, uint64_t time, uint16_t hook, uint32_t pid, uint64_t base,
	      const char *path)
{
	struct payload p = payload_for(w);

	payload_pointer(&p, base);
	payload_pointer(&p, 0x10000);
	payload_u32(&p, pid);
	payload_utf16(&p, path);
	ev_put(w, time, hook, 1, &p);
}

/* As Windows writes it since version 2. */
void ev_image_version(struct etl_writer *w, uint64_t time, uint64_t base, uint32_t checksum,
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
	ev_put(w, time, 0x030a, 3, &p);
}

void ev_sample(struct etl_writer *w, uint64_t time, uint32_t tid, uint64_t ip, uint8_t flags)
{
	struct payload p = payload_for(w);

	payload_pointer(&p, ip);
	payload_u32(&p, tid);
	payload_u16(&p, 1);
	payload_u8(&p, flags);
	payload_u8(&p, 0);
	ev_put(w, time, 0x0f2e, 2, &p);
}

/* The processor goes from one thread to another. */
void ev_context_switch(struct etl_writer *w, uint64_t time, uint32_t from, uint32_t to,
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
	ev_put(w, time, 0x0524, 2, &p);
}

void ev_ready_how(struct etl_writer *w, uint64_t time, uint32_t tid, uint8_t flags)
{
	struct payload p = payload_for(w);

	payload_u32(&p, tid);
	payload_u8(&p, 1); /* why its priority changes */
	payload_u8(&p, 1); /* by how much */
	payload_u8(&p, flags);
	payload_u8(&p, 0);
	ev_put(w, time, 0x0532, 2, &p);
}

/* The thread on the processor wakes another. */
void ev_ready(struct etl_writer *w, uint64_t time, uint32_t tid)
{
	ev_ready_how(w, time, tid, 0);
}

/* A stack of two frames, for the event at `of`. */
void ev_stack(struct etl_writer *w, uint64_t time, uint64_t of, uint32_t pid, uint32_t tid,
	      uint64_t leaf)
{
	struct payload p = payload_for(w);

	payload_u64(&p, of);
	payload_u32(&p, pid);
	payload_u32(&p, tid);
	payload_pointer(&p, leaf);
	payload_pointer(&p, leaf + 0x10);
	ev_put(w, time, 0x1820, 2, &p);
}

void ev_key(struct etl_writer *w, uint64_t time, uint64_t name, uint64_t leaf)
{
	struct payload p = payload_for(w);

	payload_pointer(&p, name);
	payload_pointer(&p, leaf);
	ev_put(w, time, 0x1823, 2, &p);
}

/* A reference to a key by the event at `of`; part: 0x1825 kernel's, 0x1826 user's. */
void ev_reference(struct etl_writer *w, uint64_t time, uint64_t of, uint16_t part, uint64_t name)
{
	struct payload p = payload_for(w);

	payload_u64(&p, of);
	payload_u32(&p, 8);
	payload_u32(&p, 9);
	payload_pointer(&p, name);
	ev_put(w, time, part, 2, &p);
}

/* An event of the runtime in process 8. 143: compiled now; 144: listed at the end, or gone. */
struct etl_writer_event ev_of_runtime(uint64_t time, uint16_t id, const uint8_t *provider)
{
	return (struct etl_writer_event){
		.time = time, .pid = 8, .tid = 9, .id = id, .version = 1, .provider = provider
	};
}

void ev_method_event(struct etl_writer *w, struct etl_writer_event e, uint64_t start,
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

void ev_method(struct etl_writer *w, uint64_t time, uint16_t id, uint64_t start, uint32_t flags)
{
	const uint8_t *provider = id == 143 ? ev_clr : clr_rundown;

	ev_method_event(w, ev_of_runtime(time, id, provider), start, flags,
			id == 143 ? "New" : "Old");
}

void ev_volume(struct etl_writer *w, uint64_t time, const char *nt, const char *dos)
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
void ev_pdb_build(struct etl_writer *w, uint64_t time, uint32_t pid, uint64_t base, uint8_t last)
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

void ev_pdb(struct etl_writer *w, uint64_t time, uint32_t pid, uint64_t base)
{
	ev_pdb_build(w, time, pid, base, 0xff);
}

/* Begins a trace with one buffer that all events of a test go to. */
void ev_begin(struct etl_writer *w, uint8_t pointer_size)
{
	etl_writer_init(w, pointer_size, ETL_PLAIN);
	etl_writer_begin(w, 3);
}

/* Ends the trace; tells it, and frees it. Returns its counts. */
struct etw_trace_counts ev_expect(struct etl_writer *w, int want_rc, const char *want)
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
