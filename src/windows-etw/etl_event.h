/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One event of a trace: the headers of all kinds made into one form.
 * Used by everything in this folder; what a payload means is etw_decode.h's business.
 */
#ifndef ETL_EVENT_H
#define ETL_EVENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum etl_header {
	ETL_SYSTEM,   /* kernel, with process and thread */
	ETL_COMPACT,  /* the same without CPU times */
	ETL_PERFINFO, /* kernel, only a time */
	ETL_FULL,     /* classic provider: GUID and type */
	ETL_INSTANCE, /* the same, with instance ids */
	ETL_EVENT,    /* manifest, TraceLogging: GUID and descriptor */
	ETL_UNTIMED,  /* software trace messages and the like: skipped by size, never delivered */
	ETL_NR_HEADERS,
};

#define ETL_NO_ID UINT32_MAX

/* Pointers are into the buffer that holds the event, valid until the next one is read. */
struct etl_event {
	uint64_t time; /* raw, in ticks of the trace's clock */
	const uint8_t *
		provider; /* [16] GUID as stored; NULL for kernel hooks (SYSTEM, COMPACT, PERFINFO) */
	const uint8_t *payload;  /* [size] */
	const uint8_t *extended; /* [extended_size] items, see etl_event_item(); NULL = none */
	uint64_t keyword;
	uint32_t size;
	uint32_t extended_size;
	uint32_t pid; /* of the writer, not the subject; ETL_NO_ID = the header has none */
	uint32_t tid;
	uint16_t cpu;
	uint16_t id; /* hook, or 0 with FULL and INSTANCE, or the descriptor's id */
	uint16_t task;
	uint8_t opcode; /* low byte of the hook, type of FULL and INSTANCE, or the descriptor's */
	uint8_t version;
	uint8_t level;
	uint8_t pointer_size; /* 4 or 8, of the payload */
	enum etl_header header;
};

/* Types of extended items. Source: evntcons.h of the Windows SDK, EVENT_HEADER_EXT_TYPE_*. */
enum etl_item_type {
	ETL_ITEM_STACK32 = 5,
	ETL_ITEM_STACK64 = 6,
	ETL_ITEM_SCHEMA = 11, /* TraceLogging: the names and types of the payload */
	ETL_ITEM_TRAITS = 12, /* the provider's name */
	ETL_ITEM_STACK_KEY32 = 17,
	ETL_ITEM_STACK_KEY64 = 18,
};

struct etl_item {
	uint16_t type;
	uint16_t size;
	const uint8_t *data; /* [size] */
};

/*
 * Parses the event that data[size] begins with, cpu left 0.
 * Returns the bytes it takes, padding to the next one not counted; 0 when the data ends here; or -EBADMSG (header
 * unknown, cut, or with a size that cannot be), *ret_event then undefined.
 */
ssize_t etl_event_parse(const uint8_t *data, size_t size, struct etl_event *ret_event);

/*
 * The extended item at *pos (start with 0) of an event; moves *pos behind it.
 * Returns 1, 0 when there is none left, or -EBADMSG when the items do not fit their area.
 */
int etl_event_item(const struct etl_event *event, uint32_t *pos, struct etl_item *ret_item);

#endif
