/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What events say: payloads of the kernel's and the .NET runtime's events, of every version and pointer size.
 * Used by etw_facts.c, etw_tell.c and etw_trace.c. Knows single events, not how they belong together.
 *
 * Source of the layouts: the MOF classes of the "NT Kernel Logger" in the Windows SDK documentation, ntwmi.h of phnt,
 * and the manifest of Microsoft-Windows-DotNETRuntime.
 */
#ifndef ETW_DECODE_H
#define ETW_DECODE_H

#include <stdbool.h>

#include "windows-etw/etl_event.h"

/* Of things that last: processes, threads, images. Rundown events list what is there when a session starts or ends. */
enum etw_moment { ETW_START, ETW_END, ETW_RUNDOWN_START, ETW_RUNDOWN_END };

enum etw_type {
	ETW_PROCESS,
	ETW_THREAD,
	ETW_THREAD_NAME,
	ETW_IMAGE,
	ETW_IMAGE_PDB,
	ETW_VOLUME,
	ETW_SAMPLE,
	ETW_SAMPLE_INTERVAL,
	ETW_STACK,
	ETW_STACK_REFERENCE, /* a stack that is defined elsewhere by its key */
	ETW_STACK_KEY,
	ETW_SWITCH,
	ETW_READY,
	ETW_METHOD,
};

/* A text in the payload. A NUL ends it, if there is one in it; one that begins with NUL has size 0. */
struct etw_text {
	const uint8_t *data;
	uint32_t size; /* in bytes */
};

/* Addresses in the payload, see etw_address(). */
struct etw_addresses {
	const uint8_t *data;
	uint32_t nr;
	uint8_t pointer_size;
};

struct etw_process {
	enum etw_moment moment;
	uint32_t pid;
	uint32_t parent_pid;
	struct etw_text image;   /* ANSI */
	struct etw_text command; /* UTF-16; empty in versions 0 and 1 */
};

struct etw_thread {
	enum etw_moment moment;
	uint32_t pid;
	uint32_t tid;
	struct etw_text name; /* UTF-16; empty = unknown */
};

struct etw_image {
	enum etw_moment moment;
	uint32_t pid; /* 0: of the kernel, if base is an address of it */
	uint64_t base;
	uint64_t size;
	uint32_t checksum;    /* 0 = the image has none, or the event does not tell it */
	uint32_t time_stamp;  /* the same */
	struct etw_text path; /* UTF-16, as the kernel names files: \Device\HarddiskVolume2\... */
};

/* Which PDB belongs to the image at base in pid. */
struct etw_image_pdb {
	uint32_t pid;
	uint64_t base;
	const uint8_t *guid; /* [16] as stored */
	uint32_t age;
	struct etw_text name; /* UTF-8 */
};

/* What a drive is called by the kernel. Both UTF-16. */
struct etw_volume {
	struct etw_text nt_prefix;
	struct etw_text dos_prefix;
};

#define ETW_SAMPLE_IN_DPC 1
#define ETW_SAMPLE_IN_ISR 2

struct etw_sample {
	uint64_t ip;
	uint32_t tid; /* 0 = an idle processor */
	uint32_t count;
	uint8_t flags; /* ETW_SAMPLE_IN_* */
};

struct etw_sample_interval {
	uint32_t source; /* 0 = the timer */
	uint32_t ticks;  /* of 100 ns */
	bool at_start;   /* told because sampling began; false: it was changed */
};

/* One part (kernel or user) of the stack of the event at `time` in thread tid. */
struct etw_stack {
	uint64_t time; /* raw */
	uint32_t pid;
	uint32_t tid;
	struct etw_addresses frames; /* leaf first */
};

struct etw_stack_reference {
	uint64_t time;
	uint32_t pid;
	uint32_t tid;
	uint64_t key;
};

/*
 * The frames of a key. A key is used again and again: this definition is for references logged no later than itself,
 * and behind the definition before it.
 */
struct etw_stack_key {
	uint64_t key;
	struct etw_addresses frames;
};

struct etw_switch {
	uint32_t new_tid;
	uint32_t old_tid;
	int8_t old_wait_reason;
	int8_t old_state;
};

struct etw_ready {
	uint32_t tid;
	bool in_dpc; /* by a deferred procedure call, which the running thread has nothing to do with */
};

/* Flags of a method. Source: the runtime's manifest, MethodFlags. */
#define ETW_METHOD_DYNAMIC 0x1
#define ETW_METHOD_JITTED  0x8

struct etw_method {
	enum etw_moment moment;
	uint64_t start;
	uint32_t size;
	uint32_t flags;
	struct etw_text space; /* UTF-16: namespace and class */
	struct etw_text name;
	struct etw_text signature;
};

struct etw_record {
	enum etw_type type;
	union {
		struct etw_process process;
		struct etw_thread thread; /* also of ETW_THREAD_NAME */
		struct etw_image image;
		struct etw_image_pdb pdb;
		struct etw_volume volume;
		struct etw_sample sample;
		struct etw_sample_interval interval;
		struct etw_stack stack;
		struct etw_stack_reference reference;
		struct etw_stack_key key;
		struct etw_switch context_switch;
		struct etw_ready ready;
		struct etw_method method;
	};
};

/*
 * Decodes an event. Texts and addresses point into it.
 * Returns 1, 0 when it is none of those above, or -EBADMSG when its payload does not fit its layout.
 */
int etw_decode(const struct etl_event *event, struct etw_record *ret_record);

/*
 * True for what happened at the time of its event and changes what is told from then on. False for what an event lists,
 * says of the whole trace, or whose end changes nothing: samples may wait behind the end of their thread.
 */
bool etw_happened(const struct etw_record *record);

/* The address at index i, below nr. */
uint64_t etw_address(const struct etw_addresses *addresses, uint32_t i);

/* True for an address of the kernel's half. */
static inline bool etw_is_kernel(uint64_t address, uint8_t pointer_size)
{
	return address >> (pointer_size * 8 - 1) & 1;
}

#endif
