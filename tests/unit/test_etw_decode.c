/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * windows-etw/etw_decode.h: each layout by version and pointer size, whole and cut at every byte.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "etl_writer.h"
#include "windows-etw/etw_decode.h"

/* An event made of a hook and a payload, as the reader would give it. */
static int decode(uint16_t hook, uint8_t version, const struct payload *p, struct etw_record *ret)
{
	const struct etl_event e = { .id = hook,
				     .opcode = (uint8_t)hook,
				     .version = version,
				     .pid = 77,
				     .pointer_size = p->pointer_size,
				     .payload = (const uint8_t *)p->bytes.data,
				     .size = (uint32_t)p->bytes.len };

	return etw_decode(&e, ret);
}

/* Every shorter payload but those in `allowed` (none, or from there on) is refused, without reading beyond it. */
static void refuse_cut(uint16_t hook, uint8_t version, const struct payload *p, size_t allowed_from)
{
	struct etw_record r;

	for (size_t size = 0; size < p->bytes.len && size < allowed_from; size++) {
		uint8_t *exact = malloc(size ? size : 1);
		struct payload cut = { .pointer_size = p->pointer_size };

		memcpy(exact, p->bytes.data, size);
		cut.bytes.data = (char *)exact;
		cut.bytes.len = size;
		cr_assert_eq(decode(hook, version, &cut, &r), -EBADMSG, "hook %x of %zu bytes",
			     hook, size);
		free(exact);
	}
}

static bool is_text(struct etw_text text, const char *want)
{
	return text.size == strlen(want) && !memcmp(text.data, want, text.size);
}

static bool is_wide(struct etw_text text, const char *want)
{
	size_t len = strlen(want);

	for (size_t i = 0; i < len && 2 * i + 1 < text.size; i++) {
		if (text.data[2 * i] != (uint8_t)want[i] || text.data[2 * i + 1])
			return false;
	}
	/* What stands behind a NUL does not count. */
	return text.size == 2 * len ||
	       (len && text.size > 2 * len && !text.data[2 * len] && !text.data[2 * len + 1]);
}

/* ---- processes ----------------------------------------------------------------------------------------------- */

enum sid { SID_USER, SID_NULL_4, SID_NULL_POINTER };

static void put_process(struct payload *p, uint8_t version, enum sid sid)
{
	if (version == 0) {
		payload_pointer(p, 4242);
		payload_pointer(p, 41);
	} else {
		payload_pointer(p, 0xfffffa8002222222);
		payload_u32(p, 4242);
		payload_u32(p, 41);
		payload_u32(p, 1);
		payload_u32(p, 259);
	}
	if (version >= 3)
		payload_pointer(p, 0x187000);
	if (version >= 4)
		payload_u32(p, 0);
	if (sid == SID_USER) {
		payload_pointer(p, 0xfffff8a000123456);
		payload_pointer(p, 0);
		payload_u8(p, 1);
		payload_u8(p, 2);
		for (int i = 0; i < 6; i++)
			payload_u8(p, 0);
		payload_u32(p, 18);
		payload_u32(p, 544);
	} else if (sid == SID_NULL_4) {
		payload_u32(p, 0);
	} else {
		payload_pointer(p, 0);
	}
	payload_text(p, "notepad.exe");
	if (version >= 2)
		payload_utf16(p, "notepad.exe a.txt");
	if (version >= 4) {
		payload_utf16(p, "");
		payload_utf16(p, "app");
	}
	if (version >= 5)
		payload_u64(p, 1);
	if (version > 5)
		payload_u32(p, 1); /* what is to come */
}

Test(etw_decode, processes_of_all_versions)
{
	for (unsigned int i = 0; i < 2 * 3 * 7; i++) {
		struct payload p = { .pointer_size = i & 1 ? 4 : 8 };
		uint8_t version = (uint8_t)(i / 2 % 7);
		enum sid sid = (enum sid)(i / 14);
		struct etw_record r;

		put_process(&p, version, sid);
		cr_assert_eq(decode(0x0301, version, &p, &r), 1, "v%u sid %d", version, sid);
		cr_assert(r.type == ETW_PROCESS && r.process.moment == ETW_START);
		cr_assert_eq(r.process.pid, 4242);
		cr_assert_eq(r.process.parent_pid, 41);
		cr_assert(is_text(r.process.image, "notepad.exe"), "v%u sid %d", version, sid);
		cr_assert(is_wide(r.process.command, version >= 2 ? "notepad.exe a.txt" : ""));
		if (sid == SID_USER)
			refuse_cut(0x0301, version, &p, version > 5 ? p.bytes.len - 12 : SIZE_MAX);
		payload_done(&p);
	}
}

Test(etw_decode, moments_of_processes)
{
	static const enum etw_moment moments[] = { ETW_START, ETW_END, ETW_RUNDOWN_START,
						   ETW_RUNDOWN_END };
	struct payload p = { .pointer_size = 8 };
	struct etw_record r;

	put_process(&p, 4, SID_USER);
	for (uint16_t i = 0; i < 4; i++) {
		cr_assert_eq(decode(0x0301 + i, 4, &p, &r), 1);
		cr_assert_eq(r.process.moment, moments[i]);
		cr_assert_eq(etw_happened(&r), i < 2);
	}
	cr_assert_eq(decode(0x0320, 2, &p, &r), 0, "counters are not for us");
	payload_done(&p);
}

/* ---- threads ------------------------------------------------------------------------------------------------- */

Test(etw_decode, threads_of_all_versions)
{
	for (unsigned int i = 0; i < 2 * 4; i++) {
		struct payload p = { .pointer_size = i & 1 ? 4 : 8 };
		uint8_t version = (uint8_t)(i / 2);
		struct etw_record r;

		payload_u32(&p, version ? 10 : 20);
		payload_u32(&p, version ? 20 : 10);
		for (int k = 0; version && k < 7; k++)
			payload_pointer(&p, 0x1000);
		payload_u32(&p, 0);
		if (version >= 3) {
			payload_u32(&p, 8);
			payload_utf16(&p, "worker");
		}
		cr_assert_eq(decode(0x0502, version, &p, &r), 1);
		cr_assert(r.type == ETW_THREAD && r.thread.moment == ETW_END);
		cr_assert(r.thread.pid == 10 && r.thread.tid == 20, "v%u", version);
		cr_assert(is_wide(r.thread.name, version >= 3 ? "worker" : ""));
		refuse_cut(0x0502, version, &p, version >= 3 ? p.bytes.len - 14 : 8);
		payload_done(&p);
	}
}

Test(etw_decode, thread_names)
{
	struct payload p = { .pointer_size = 8 };
	struct etw_record r;

	payload_u32(&p, 10);
	payload_u32(&p, 20);
	payload_utf16(&p, "ui");
	cr_assert_eq(decode(0x0548, 2, &p, &r), 1);
	cr_assert(r.type == ETW_THREAD_NAME && r.thread.tid == 20 && is_wide(r.thread.name, "ui"));
	payload_done(&p);
}

/* ---- images -------------------------------------------------------------------------------------------------- */

Test(etw_decode, images_of_all_versions)
{
	for (unsigned int i = 0; i < 2 * 4; i++) {
		struct payload p = { .pointer_size = i & 1 ? 4 : 8 };
		uint8_t version = (uint8_t)(i / 2);
		struct etw_record r;

		payload_pointer(&p, 0x77710000);
		if (version)
			payload_pointer(&p, 0x15000);
		else
			payload_u32(&p, 0x15000);
		if (version)
			payload_u32(&p, 4242);
		if (version >= 2) {
			payload_u32(&p, 1);
			payload_u32(&p, 2);
			payload_u32(&p, 3);
			payload_pointer(&p, 0x77710000);
			for (int k = 0; k < 4; k++)
				payload_u32(&p, 0);
		}
		payload_utf16(&p, "\\SystemRoot\\x.dll");
		cr_assert_eq(decode(0x1403, version, &p, &r), 1);
		cr_assert(r.type == ETW_IMAGE && r.image.moment == ETW_RUNDOWN_START);
		cr_assert(r.image.base == 0x77710000 && r.image.size == 0x15000);
		cr_assert_eq(r.image.pid, version ? 4242 : 77);
		cr_assert_eq(r.image.checksum, version >= 2 ? 1 : 0);
		cr_assert_eq(r.image.time_stamp, version >= 2 ? 2 : 0);
		cr_assert(is_wide(r.image.path, "\\SystemRoot\\x.dll"));
		refuse_cut(0x1403, version, &p, p.bytes.len - 36);
		cr_assert_eq(decode(0x030a, version, &p, &r), 1, "a load is in another group");
		cr_assert(r.type == ETW_IMAGE && r.image.moment == ETW_START);
		payload_done(&p);
	}
}

Test(etw_decode, images_that_cannot_be)
{
	struct payload p = { .pointer_size = 8 };
	struct etw_record r;

	payload_u64(&p, UINT64_MAX - 10);
	payload_u64(&p, 11);
	payload_u32(&p, 4);
	payload_utf16(&p, "x");
	cr_assert_eq(decode(0x1402, 1, &p, &r), -EBADMSG, "wraps");
	p.bytes.data[8] = 0;
	cr_assert_eq(decode(0x1402, 1, &p, &r), -EBADMSG, "empty");
	payload_done(&p);
}

/* ---- samples and stacks -------------------------------------------------------------------------------------- */

Test(etw_decode, samples)
{
	for (uint8_t pointer_size = 4; pointer_size <= 8; pointer_size += 4) {
		struct payload p = { .pointer_size = pointer_size };
		struct etw_record r;

		payload_pointer(&p, 0x80001234);
		payload_u32(&p, 20);
		payload_u16(&p, 0);
		payload_u8(&p, 0xfe);
		payload_u8(&p, 9);
		cr_assert_eq(decode(0x0f2e, 2, &p, &r), 1);
		cr_assert(r.type == ETW_SAMPLE && r.sample.ip == 0x80001234 && r.sample.tid == 20);
		cr_assert_eq(r.sample.count, 1);
		cr_assert_eq(r.sample.flags, ETW_SAMPLE_IN_ISR);
		cr_assert_eq(etw_is_kernel(r.sample.ip, pointer_size), pointer_size == 4);
		refuse_cut(0x0f2e, 2, &p, SIZE_MAX);
		cr_assert_eq(decode(0x0f2e, 1, &p, &r), 1);
		cr_assert_eq(r.sample.flags, 0, "older ones have none");
		p.bytes.data[pointer_size + 4] = 3;
		cr_assert_eq(decode(0x0f2e, 2, &p, &r), 1);
		cr_assert_eq(r.sample.count, 3);
		payload_done(&p);
	}
}

Test(etw_decode, stacks_keys_and_references)
{
	for (uint8_t pointer_size = 4; pointer_size <= 8; pointer_size += 4) {
		struct payload p = { .pointer_size = pointer_size };
		struct etw_record r;

		payload_u64(&p, 5000);
		payload_u32(&p, 10);
		payload_u32(&p, 20);
		payload_pointer(&p, 0xabc);
		cr_assert_eq(decode(0x1826, 2, &p, &r), 1);
		cr_assert_eq(r.type, ETW_STACK_REFERENCE);
		cr_assert(r.reference.time == 5000 && r.reference.pid == 10 &&
			  r.reference.key == 0xabc);
		refuse_cut(0x1825, 2, &p, SIZE_MAX);
		payload_pointer(&p, 0xdef);
		cr_assert_eq(decode(0x1820, 2, &p, &r), 1);
		cr_assert(r.type == ETW_STACK && r.stack.tid == 20 && r.stack.frames.nr == 2);
		cr_assert_eq(etw_address(&r.stack.frames, 1), 0xdef);
		payload_u8(&p, 1);
		cr_assert_eq(decode(0x1820, 2, &p, &r), -EBADMSG, "half an address");
		p.bytes.len--;
		cr_assert_eq(decode(0x1822, 2, &p, &r), 0, "before any reference");
		cr_assert_eq(decode(0x1824, 2, &p, &r), 1);
		cr_assert_eq(r.type, ETW_STACK_KEY);
		cr_assert_eq(decode(0x1823, 2, &p, &r), 1);
		cr_assert_eq(r.type, ETW_STACK_KEY);
		cr_assert_eq(r.key.frames.nr, (16 + 2 * pointer_size) / pointer_size - 1);
		payload_done(&p);
	}
}

Test(etw_decode, scheduling)
{
	struct payload p = { .pointer_size = 8 };
	struct etw_record r;

	payload_u32(&p, 20);
	payload_u32(&p, 21);
	payload_u32(&p, 0);
	payload_u8(&p, 6);
	payload_u8(&p, 1);
	payload_u8(&p, 5);
	payload_u8(&p, 0);
	payload_u32(&p, 9);
	cr_assert_eq(decode(0x0524, 4, &p, &r), 1);
	cr_assert_eq(r.type, ETW_SWITCH);
	cr_assert(r.context_switch.new_tid == 20 && r.context_switch.old_tid == 21);
	cr_assert(r.context_switch.old_wait_reason == 6 && r.context_switch.old_state == 5);
	refuse_cut(0x0524, 4, &p, 16);
	cr_assert_eq(decode(0x0532, 2, &p, &r), 1);
	cr_assert(r.type == ETW_READY && r.ready.tid == 20 && !r.ready.in_dpc);
	p.bytes.data[6] = 1;
	cr_assert_eq(decode(0x0532, 2, &p, &r), 1);
	cr_assert(r.ready.in_dpc);
	p.bytes.len = 4;
	cr_assert_eq(decode(0x0532, 1, &p, &r), 1, "of a Windows that tells no more");
	cr_assert(r.ready.tid == 20 && !r.ready.in_dpc);
	p.bytes.len = 20;
	payload_done(&p);
}

/* ---- providers by GUID --------------------------------------------------------------------------------------- */

static const uint8_t perf_info[16] =
	"\xb4\xbf\x1d\xce\x7e\x13\xa6\x4d\x87\xb0\x3f\x59\xaa\x10\x2c\xbc";
static const uint8_t image_class[16] =
	"\x1d\x5d\xb1\x2c\xc1\x5f\xd2\x11\xab\xe1\x00\xa0\xc9\x11\xf5\x18";
static const uint8_t image_id[16] =
	"\xd7\x75\xe6\xb3\x54\x25\x18\x4f\x83\x0b\x27\x62\x73\x25\x60\xde";
static const uint8_t sys_config[16] =
	"\x91\xee\x79\x9b\xfd\xb5\xc0\x41\xa2\x43\x42\x48\xe2\x66\xe9\xd0";
static const uint8_t clr[16] = "\x23\x0d\x3c\xe1\xbc\xcc\x12\x4e\x93\x1b\xd9\xcc\x2e\xee\x27\xe4";
static const uint8_t clr_rundown[16] =
	"\x1c\x02\x69\xa6\x50\xc4\x09\x46\xa0\x35\x5a\xf5\x9a\xf4\xdf\x18";

/* Classic events that a relogger writes have the new header, with what was their type for an opcode. */
static int decode_event(const uint8_t *provider, enum etl_header header, bool is_relogged,
			uint16_t id, const struct payload *p, struct etw_record *ret)
{
	const struct etl_event e = { .header = header,
				     .provider = provider,
				     .id = header == ETL_EVENT && !is_relogged ? id : 0,
				     .opcode = (uint8_t)id,
				     .version = 2,
				     .pointer_size = p->pointer_size,
				     .payload = (const uint8_t *)p->bytes.data,
				     .size = (uint32_t)p->bytes.len };

	return etw_decode(&e, ret);
}

static int decode_of(const uint8_t *provider, enum etl_header header, uint16_t id,
		     const struct payload *p, struct etw_record *ret)
{
	return decode_event(provider, header, false, id, p, ret);
}

static int decode_relogged(const uint8_t *provider, uint16_t type, const struct payload *p,
			   struct etw_record *ret)
{
	return decode_event(provider, ETL_EVENT, true, type, p, ret);
}

Test(etw_decode, kernel_events_under_their_class)
{
	struct payload p = { .pointer_size = 8 };
	struct etw_record r;

	payload_u64(&p, 0x1234);
	payload_u32(&p, 20);
	payload_u32(&p, 1);
	cr_assert_eq(decode_of(perf_info, ETL_FULL, 46, &p, &r), 1);
	cr_assert(r.type == ETW_SAMPLE && r.sample.tid == 20);
	cr_assert_eq(decode_of(image_class, ETL_FULL, 10, &p, &r), -EBADMSG, "an image, if longer");
	cr_assert_eq(decode_relogged(perf_info, 46, &p, &r), 1);
	cr_assert(r.type == ETW_SAMPLE && r.sample.tid == 20);
	cr_assert_eq(decode_of(perf_info, ETL_EVENT, 46, &p, &r), 0);
	cr_assert_eq(decode_of(clr, ETL_FULL, 46, &p, &r), 0);
	payload_done(&p);
}

Test(etw_decode, pdbs_and_volumes)
{
	struct payload p = { .pointer_size = 8 };
	struct etw_record r;

	payload_u64(&p, 0x7ff000000000);
	payload_u32(&p, 10);
	payload_u64(&p, 1);
	payload_u64(&p, 2);
	payload_u32(&p, 3);
	payload_text(&p, "x.pdb");
	cr_assert_eq(decode_of(image_id, ETL_FULL, 36, &p, &r), 1);
	cr_assert(r.type == ETW_IMAGE_PDB && r.pdb.base == 0x7ff000000000 && r.pdb.pid == 10);
	cr_assert(r.pdb.guid[0] == 1 && r.pdb.age == 3 && is_text(r.pdb.name, "x.pdb"));
	cr_assert_eq(decode_relogged(image_id, 36, &p, &r), 1);
	cr_assert(r.type == ETW_IMAGE_PDB && r.pdb.age == 3);
	cr_assert_eq(decode_of(image_id, ETL_FULL, 64, &p, &r), 0);
	payload_done(&p);
	p = (struct payload){ .pointer_size = 8 };
	payload_utf16(&p, "\\Device\\HarddiskVolume2\\");
	payload_utf16(&p, "C:\\");
	cr_assert_eq(decode_relogged(sys_config, 35, &p, &r), 1);
	cr_assert_eq(decode_of(sys_config, ETL_FULL, 35, &p, &r), 1);
	cr_assert(r.type == ETW_VOLUME && is_wide(r.volume.dos_prefix, "C:\\"));
	payload_done(&p);
}

Test(etw_decode, methods)
{
	for (uint8_t pointer_size = 4; pointer_size <= 8; pointer_size += 4) {
		struct payload p = { .pointer_size = pointer_size };
		struct etw_record r;

		payload_u64(&p, 1);
		payload_u64(&p, 2);
		payload_u64(&p, 0x7f0000001000);
		payload_u32(&p, 0x40);
		payload_u32(&p, 0);
		payload_u32(&p, ETW_METHOD_JITTED);
		payload_utf16(&p, "A.B");
		payload_utf16(&p, "Run");
		payload_utf16(&p, "void ()");
		cr_assert_eq(decode_of(clr, ETL_EVENT, 143, &p, &r), 1);
		cr_assert(r.type == ETW_METHOD && r.method.moment == ETW_START);
		cr_assert(r.method.start == 0x7f0000001000 && r.method.size == 0x40);
		cr_assert(is_wide(r.method.space, "A.B") && is_wide(r.method.name, "Run"));
		cr_assert_eq(decode_of(clr_rundown, ETL_EVENT, 144, &p, &r), 1);
		cr_assert_eq(r.method.moment, ETW_RUNDOWN_END);
		cr_assert_eq(decode_of(clr, ETL_EVENT, 145, &p, &r), 0);
		p.bytes.len -= 1;
		cr_assert_eq(decode_of(clr, ETL_EVENT, 143, &p, &r), -EBADMSG);
		payload_done(&p);
	}
}
