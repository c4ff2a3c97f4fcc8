/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Payloads by class, version and pointer size.
 * Called by etw_facts.c, etw_tell.c and etw_trace.c.
 * Must not know of any event but the one at hand.
 */
#include "windows-etw/etw_decode.h"

#include <errno.h>
#include <string.h>

#include "base/le.h"
#include "base/macros.h"
#include "base/utf16.h"

/* ---- reading ------------------------------------------------------------------------------------------------- */

/* What is left of a payload. Reading beyond its end gives zeros and sets `bad`. */
struct input {
	const uint8_t *data;
	uint32_t size;
	uint8_t pointer_size;
	bool bad;
};

static inline const uint8_t *take(struct input *in, uint64_t size)
{
	static const uint8_t nothing[16];
	const uint8_t *data = in->data;

	if (size > in->size) {
		in->bad = true;
		return nothing;
	}
	in->data += size;
	in->size -= (uint32_t)size;
	return data;
}

static inline void skip(struct input *in, uint64_t size)
{
	take(in, size);
}

static inline uint32_t take_u32(struct input *in)
{
	return le32(take(in, 4));
}

static inline uint64_t take_u64(struct input *in)
{
	return le64(take(in, 8));
}

static inline uint64_t take_pointer(struct input *in)
{
	return in->pointer_size == 8 ? take_u64(in) : take_u32(in);
}

/* A text that must end with NUL. */
static struct etw_text take_utf16(struct input *in)
{
	struct etw_text text = { .data = in->data,
				 .size = (uint32_t)utf16_len(in->data, in->size) };

	skip(in, (uint64_t)text.size + 2);
	return text;
}

/*
 * A text that ends with NUL or with the payload, of which nothing behind it is wanted. Most are never looked at, and where
 * one ends is found when it is.
 */
static struct etw_text take_last_utf16(struct input *in)
{
	struct etw_text text = { .data = in->data, .size = in->size };

	if (in->size < 2 || !le16(in->data))
		text.size = 0;
	skip(in, in->size);
	return text;
}

static struct etw_text take_ansi(struct input *in)
{
	struct etw_text text = { .data = in->data };

	text.size = in->size ? (uint32_t)strnlen((const char *)in->data, in->size) : 0;
	skip(in, (uint64_t)text.size + 1);
	return text;
}

static struct etw_addresses take_addresses(struct input *in)
{
	struct etw_addresses addresses = { .data = in->data,
					   .nr = in->size / in->pointer_size,
					   .pointer_size = in->pointer_size };

	in->bad |= in->size % in->pointer_size != 0;
	skip(in, in->size);
	return addresses;
}

uint64_t etw_address(const struct etw_addresses *addresses, uint32_t i)
{
	const uint8_t *at = addresses->data + (size_t)i * addresses->pointer_size;

	return addresses->pointer_size == 8 ? le64(at) : le32(at);
}

/* ---- processes and threads ----------------------------------------------------------------------------------- */

/* A security id behind two pointers; one that is null is a word of zeros. */
static void skip_sid(struct input *in, uint32_t null_size)
{
	const uint8_t *sid;

	if (in->size >= 4 && !le32(in->data)) {
		skip(in, null_size);
		return;
	}
	skip(in, 2u * in->pointer_size);
	sid = take(in, 8);
	skip(in, 4u * sid[1]);
}

/* What follows the fixed fields. Returns false when it does not fit. */
static bool decode_process_tail(struct input in, uint8_t version, uint32_t null_sid,
				struct etw_process *out)
{
	skip_sid(&in, null_sid);
	out->image = take_ansi(&in);
	out->command = (struct etw_text){ .data = in.data };
	if (version >= 2)
		out->command = take_utf16(&in);
	if (version >= 4) {
		take_utf16(&in); /* package */
		take_utf16(&in); /* application id */
	}
	/* Version 5 adds a time; what later ones add, nobody knows. */
	return !in.bad && (version > 5 || in.size == (version == 5 ? 8 : 0));
}

static int decode_process(struct input *in, uint8_t version, struct etw_process *out)
{
	if (version == 0) {
		out->pid = (uint32_t)take_pointer(in);
		out->parent_pid = (uint32_t)take_pointer(in);
	} else {
		take_pointer(in); /* page directory, or a unique key */
		out->pid = take_u32(in);
		out->parent_pid = take_u32(in);
		skip(in, 8); /* session, exit status */
		if (version >= 3)
			take_pointer(in); /* page directory */
		if (version >= 4)
			skip(in, 4); /* flags */
	}
	if (in->bad)
		return -EBADMSG;
	/*
	 * Whether a null SID takes 4 bytes or a pointer, sources disagree: the one that fits to the end is right, and
	 * is not when half a pointer would be read as an empty name.
	 */
	if ((decode_process_tail(*in, version, 4, out) && out->image.size) ||
	    decode_process_tail(*in, version, in->pointer_size, out))
		return 1;
	return -EBADMSG;
}

static void decode_thread(struct input *in, uint8_t version, struct etw_thread *out)
{
	out->pid = take_u32(in);
	out->tid = take_u32(in);
	if (version == 0)
		SWAP(out->pid, out->tid);
	out->name = (struct etw_text){ .data = in->data };
	if (version < 3)
		return;
	/* Stack bases and limits, affinity, start, TEB; service tag; three priorities and flags. */
	skip(in, 7u * in->pointer_size + 4 + 4);
	out->name = take_last_utf16(in);
}

static void decode_thread_name(struct input *in, struct etw_thread *out)
{
	out->pid = take_u32(in);
	out->tid = take_u32(in);
	out->name = take_last_utf16(in);
}

/* ---- images -------------------------------------------------------------------------------------------------- */

static void decode_image(struct input *in, const struct etl_event *event, struct etw_image *out)
{
	out->base = take_pointer(in);
	out->size = event->version ? take_pointer(in) : take_u32(in);
	out->pid = event->version ? take_u32(in) : event->pid;
	out->checksum = 0;
	out->time_stamp = 0;
	if (event->version >= 2) {
		out->checksum = take_u32(in);
		out->time_stamp = take_u32(in);
		skip(in, 4); /* signature */
		take_pointer(in);
		skip(in, 16);
	}
	out->path = take_last_utf16(in);
	in->bad |= !out->size || out->base > UINT64_MAX - out->size;
}

static void decode_image_pdb(struct input *in, struct etw_image_pdb *out)
{
	out->base = take_pointer(in);
	out->pid = take_u32(in);
	out->guid = take(in, 16);
	out->age = take_u32(in);
	out->name = take_ansi(in);
}

/* ---- samples, stacks, scheduling ----------------------------------------------------------------------------- */

static void decode_sample(struct input *in, uint8_t version, struct etw_sample *out)
{
	const uint8_t *tail;

	out->ip = take_pointer(in);
	out->tid = take_u32(in);
	tail = take(in, 4);
	out->count = MAX(le16(tail), 1);
	out->flags = version >= 2 ? tail[2] & (ETW_SAMPLE_IN_DPC | ETW_SAMPLE_IN_ISR) : 0;
}

static void decode_stack(struct input *in, struct etw_stack *out)
{
	out->time = take_u64(in);
	out->pid = take_u32(in);
	out->tid = take_u32(in);
	out->frames = take_addresses(in);
}

static void decode_reference(struct input *in, struct etw_stack_reference *out)
{
	out->time = take_u64(in);
	out->pid = take_u32(in);
	out->tid = take_u32(in);
	out->key = take_pointer(in);
}

static void decode_switch(struct input *in, struct etw_switch *out)
{
	const uint8_t *reasons;

	out->new_tid = take_u32(in);
	out->old_tid = take_u32(in);
	skip(in, 4); /* priorities, C-state */
	reasons = take(in, 4);
	out->old_wait_reason = (int8_t)reasons[0];
	out->old_state = (int8_t)reasons[2];
}

/* Of a thread that was made ready. Source: the MOF class ReadyThread. */
#define READY_IN_DPC 0x1

/* ---- which event it is --------------------------------------------------------------------------------------- */

/* Numbers of the GUIDs of those whose events are known here. */
#define GUID_PROCESS     0x3d6fa8d0, 0xfe05, 0x11d0, 0x9d, 0xda, 0x00, 0xc0, 0x4f, 0xd7, 0xba, 0x7c
#define GUID_THREAD      0x3d6fa8d1, 0xfe05, 0x11d0, 0x9d, 0xda, 0x00, 0xc0, 0x4f, 0xd7, 0xba, 0x7c
#define GUID_PERFINFO    0xce1dbfb4, 0x137e, 0x4da6, 0x87, 0xb0, 0x3f, 0x59, 0xaa, 0x10, 0x2c, 0xbc
#define GUID_IMAGE       0x2cb15d1d, 0x5fc1, 0x11d2, 0xab, 0xe1, 0x00, 0xa0, 0xc9, 0x11, 0xf5, 0x18
#define GUID_STACK_WALK  0xdef2fe46, 0x7bd6, 0x4b80, 0xbd, 0x94, 0xf5, 0x7f, 0xe2, 0x0d, 0x0c, 0xe3
#define GUID_IMAGE_ID    0xb3e675d7, 0x2554, 0x4f18, 0x83, 0x0b, 0x27, 0x62, 0x73, 0x25, 0x60, 0xde
#define GUID_SYS_CONFIG  0x9b79ee91, 0xb5fd, 0x41c0, 0xa2, 0x43, 0x42, 0x48, 0xe2, 0x66, 0xe9, 0xd0
#define GUID_CLR         0xe13c0d23, 0xccbc, 0x4e12, 0x93, 0x1b, 0xd9, 0xcc, 0x2e, 0xee, 0x27, 0xe4
#define GUID_CLR_RUNDOWN 0xa669021c, 0xc450, 0x4609, 0xa0, 0x35, 0x5a, 0xf5, 0x9a, 0xf4, 0xdf, 0x18

/* A GUID as it is stored: three little-endian numbers and eight bytes. */
#define GUID(numbers) GUID_BYTES(numbers)
#define GUID_BYTES(a, b, c, ...)                                                              \
	{                                                                                     \
		(a) & 0xff, (a) >> 8 & 0xff, (a) >> 16 & 0xff, (a) >> 24, (b)&0xff, (b) >> 8, \
			(c)&0xff, (c) >> 8, __VA_ARGS__                                       \
	}
#define GUID_START(numbers) FIRST_OF(numbers)
#define FIRST_OF(a, ...)    a

enum provider {
	PROVIDER_OTHER,
	PROVIDER_PROCESS,
	PROVIDER_THREAD,
	PROVIDER_PERFINFO,
	PROVIDER_IMAGE,
	PROVIDER_STACK_WALK,
	PROVIDER_IMAGE_ID,
	PROVIDER_SYS_CONFIG,
	PROVIDER_CLR,
	PROVIDER_CLR_RUNDOWN,
};

static const struct {
	uint8_t guid[16];
	uint8_t group; /* of kernel events, the upper byte of their hooks; 0 = they have none */
} providers[] = {
	[PROVIDER_PROCESS] = { GUID(GUID_PROCESS), 0x03 },
	[PROVIDER_THREAD] = { GUID(GUID_THREAD), 0x05 },
	[PROVIDER_PERFINFO] = { GUID(GUID_PERFINFO), 0x0f },
	[PROVIDER_IMAGE] = { GUID(GUID_IMAGE), 0x14 },
	[PROVIDER_STACK_WALK] = { GUID(GUID_STACK_WALK), 0x18 },
	[PROVIDER_IMAGE_ID] = { GUID(GUID_IMAGE_ID), 0 },
	[PROVIDER_SYS_CONFIG] = { GUID(GUID_SYS_CONFIG), 0 },
	[PROVIDER_CLR] = { GUID(GUID_CLR), 0 },
	[PROVIDER_CLR_RUNDOWN] = { GUID(GUID_CLR_RUNDOWN), 0 },
};

/* The first number tells them apart; most events are of others and end here. */
static enum provider guess_provider(const uint8_t *guid)
{
	switch (le32(guid)) {
	case GUID_START(GUID_PROCESS):
		return PROVIDER_PROCESS;
	case GUID_START(GUID_THREAD):
		return PROVIDER_THREAD;
	case GUID_START(GUID_PERFINFO):
		return PROVIDER_PERFINFO;
	case GUID_START(GUID_IMAGE):
		return PROVIDER_IMAGE;
	case GUID_START(GUID_STACK_WALK):
		return PROVIDER_STACK_WALK;
	case GUID_START(GUID_IMAGE_ID):
		return PROVIDER_IMAGE_ID;
	case GUID_START(GUID_SYS_CONFIG):
		return PROVIDER_SYS_CONFIG;
	case GUID_START(GUID_CLR):
		return PROVIDER_CLR;
	case GUID_START(GUID_CLR_RUNDOWN):
		return PROVIDER_CLR_RUNDOWN;
	default:
		return PROVIDER_OTHER;
	}
}

static enum provider find_provider(const uint8_t *guid)
{
	enum provider guess = guess_provider(guid);

	return guess && memcmp(guid, providers[guess].guid, 16) ? PROVIDER_OTHER : guess;
}

/* The hook of a kernel event whichever way it came, 0 = none of ours. */
static uint32_t find_hook(const struct etl_event *event, enum provider provider)
{
	if (!event->provider)
		return event->id;
	if (!providers[provider].group || (event->header == ETL_EVENT && event->id))
		return 0;
	return (uint32_t)providers[provider].group << 8 | event->opcode;
}

/* Hooks of the classes above. Source: ntwmi.h, WMI_LOG_TYPE_* and PERFINFO_LOG_TYPE_*. */
static int decode_kernel(struct input *in, const struct etl_event *event, uint32_t hook,
			 struct etw_record *out)
{
	switch (hook) {
	case 0x0301 ... 0x0304:
		out->type = ETW_PROCESS;
		out->process.moment = (enum etw_moment)(ETW_START + hook - 0x0301);
		return decode_process(in, event->version, &out->process);
	case 0x0501 ... 0x0504:
		out->type = ETW_THREAD;
		out->thread.moment = (enum etw_moment)(ETW_START + hook - 0x0501);
		decode_thread(in, event->version, &out->thread);
		return 1;
	case 0x0548:
		out->type = ETW_THREAD_NAME;
		decode_thread_name(in, &out->thread);
		return 1;
	case 0x030a: /* a load is logged in the group of processes */
	case 0x140a:
	case 0x1402 ... 0x1404:
		out->type = ETW_IMAGE;
		out->image.moment = (hook & 0xff) == 0x0a
					    ? ETW_START
					    : (enum etw_moment)(ETW_END + hook - 0x1402);
		decode_image(in, event, &out->image);
		return 1;
	case 0x0524:
		out->type = ETW_SWITCH;
		decode_switch(in, &out->context_switch);
		return 1;
	case 0x0532:
		out->type = ETW_READY;
		out->ready.tid = take_u32(in);
		out->ready.in_dpc = in->size >= 3 && in->data[2] & READY_IN_DPC;
		return 1;
	case 0x0f2e:
		out->type = ETW_SAMPLE;
		decode_sample(in, event->version, &out->sample);
		return 1;
	case 0x0f48 ... 0x0f49:
		out->type = ETW_SAMPLE_INTERVAL;
		out->interval.at_start = hook == 0x0f49;
		out->interval.source = take_u32(in);
		out->interval.ticks = take_u32(in);
		return 1;
	case 0x1820:
		out->type = ETW_STACK;
		decode_stack(in, &out->stack);
		return 1;
	/* Where a key is given up, and where those in use are listed; 0x1822, where it is taken, comes too early for us. */
	case 0x1823 ... 0x1824:
		out->type = ETW_STACK_KEY;
		out->key.key = take_pointer(in);
		out->key.frames = take_addresses(in);
		return 1;
	case 0x1825 ... 0x1826:
		out->type = ETW_STACK_REFERENCE;
		decode_reference(in, &out->reference);
		return 1;
	default:
		return 0;
	}
}

/* What merging adds to a trace: PDBs of images, names of volumes. Pointers are the merging machine's. */
static int decode_merged(struct input *in, const struct etl_event *event, enum provider provider,
			 struct etw_record *out)
{
	if (event->opcode == 36 && provider == PROVIDER_IMAGE_ID) {
		out->type = ETW_IMAGE_PDB;
		decode_image_pdb(in, &out->pdb);
		return 1;
	}
	if (event->opcode == 35 && provider == PROVIDER_SYS_CONFIG) {
		out->type = ETW_VOLUME;
		out->volume.nt_prefix = take_utf16(in);
		out->volume.dos_prefix = take_last_utf16(in);
		return 1;
	}
	return 0;
}

/* .NET methods. All fields are 64 bits wide in 32-bit processes too. */
static int decode_clr(struct input *in, const struct etl_event *event, enum provider provider,
		      struct etw_record *out)
{
	bool rundown = provider == PROVIDER_CLR_RUNDOWN;

	if ((event->id != 143 && event->id != 144) || (!rundown && provider != PROVIDER_CLR))
		return 0;
	out->type = ETW_METHOD;
	out->method.moment =
		(enum etw_moment)((rundown ? ETW_RUNDOWN_START : ETW_START) + (event->id - 143));
	skip(in, 16); /* method, module */
	out->method.start = take_u64(in);
	out->method.size = take_u32(in);
	skip(in, 4); /* token */
	out->method.flags = take_u32(in);
	out->method.space = take_utf16(in);
	out->method.name = take_utf16(in);
	out->method.signature = take_utf16(in);
	in->bad |= out->method.start > UINT64_MAX - out->method.size;
	return 1;
}

int etw_decode(const struct etl_event *event, struct etw_record *ret_record)
{
	struct input in = { .data = event->payload,
			    .size = event->size,
			    .pointer_size = event->pointer_size };
	enum provider provider = event->provider ? find_provider(event->provider) : PROVIDER_OTHER;
	uint32_t hook = find_hook(event, provider);
	int rc;

	if (hook)
		rc = decode_kernel(&in, event, hook, ret_record);
	else if (!provider)
		rc = 0;
	else if (event->header == ETL_EVENT && event->id)
		rc = decode_clr(&in, event, provider, ret_record);
	else
		rc = decode_merged(&in, event, provider, ret_record);
	return rc > 0 && in.bad ? -EBADMSG : rc;
}

bool etw_happened(const struct etw_record *record)
{
	switch (record->type) {
	case ETW_PROCESS:
		return record->process.moment <= ETW_END;
	case ETW_IMAGE:
		return record->image.moment <= ETW_END;
	case ETW_THREAD:
		return record->thread.moment == ETW_START;
	case ETW_METHOD:
		return record->method.moment <= ETW_END;
	case ETW_IMAGE_PDB:
	case ETW_VOLUME:
	case ETW_SAMPLE_INTERVAL:
	case ETW_STACK_KEY:
		return false;
	default:
		return true;
	}
}
