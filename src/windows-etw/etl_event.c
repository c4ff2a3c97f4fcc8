/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event headers of .etl buffers, all kinds. Source: ntwmi.h of phnt (WMI_TRACE_PACKET, PERFINFO_TRACE_HEADER,
 * SYSTEM_TRACE_HEADER), evntrace.h and evntcons.h of the Windows SDK (EVENT_TRACE_HEADER, EVENT_HEADER).
 * Called by etl_reader.c.
 * Must not know what payloads mean.
 */
#include "windows-etw/etl_event.h"

#include <errno.h>
#include <stdbool.h>

#include "base/le.h"
#include "base/macros.h"

/* The upper byte of an event's first word. */
#define MARK_EVENT   0xc0
#define MARK_MESSAGE 0x90
#define MARK_U32     0xa0
#define MARK_U32TIME 0xb0

#define KIND_ERROR 13

/* Version words of kernel events carry flags above the version. */
#define VERSION_PEBS_INDEX 0x8000
#define VERSION_COUNTERS   0x0700
#define COUNTERS_SHIFT     8

#define FLAG_EXTENDED    0x0001 /* EVENT_HEADER_FLAG_EXTENDED_INFO */
#define ITEM_HEADER_SIZE 8
#define ITEM_MORE        1

struct layout {
	enum etl_header header;
	uint8_t pointer_size; /* 0 = no such kind */
	uint8_t header_size;
	uint8_t size_at; /* where the u16 with the event's size is */
};

/* By kind, the third byte of an event. */
static const struct layout layouts[] = {
	[1] = { ETL_SYSTEM, 4, 32, 4 },    [2] = { ETL_SYSTEM, 8, 32, 4 },
	[3] = { ETL_COMPACT, 4, 24, 4 },   [4] = { ETL_COMPACT, 8, 24, 4 },
	[10] = { ETL_FULL, 4, 48, 0 },     [11] = { ETL_INSTANCE, 4, 72, 0 },
	[13] = { ETL_UNTIMED, 8, 8, 0 },   [16] = { ETL_PERFINFO, 4, 16, 4 },
	[17] = { ETL_PERFINFO, 8, 16, 4 }, [18] = { ETL_EVENT, 4, 80, 0 },
	[19] = { ETL_EVENT, 8, 80, 0 },    [20] = { ETL_FULL, 8, 48, 0 },
	[21] = { ETL_INSTANCE, 8, 72, 0 },
};

static const struct layout untimed = { ETL_UNTIMED, 8, 4, 0 };

static const struct layout *find_layout(uint32_t first_word)
{
	uint32_t kind = first_word >> 16 & 0xff;

	switch (first_word >> 24) {
	case MARK_EVENT:
		return kind < ARRAY_SIZE(layouts) && layouts[kind].pointer_size ? &layouts[kind]
										: NULL;
	case MARK_MESSAGE:
	case MARK_U32:
	case MARK_U32TIME:
		return &untimed;
	default:
		return NULL;
	}
}

/* Fields of kernel headers. Returns the bytes between header and payload. */
static uint32_t parse_kernel(const uint8_t *data, struct etl_event *event)
{
	uint16_t version = le16(data);

	event->version = (uint8_t)version;
	event->id = le16(data + 6);
	event->opcode = (uint8_t)event->id;
	if (event->header == ETL_PERFINFO) {
		event->time = le64(data + 8);
	} else {
		event->tid = le32(data + 8);
		event->pid = le32(data + 12);
		event->time = le64(data + 16);
	}
	return (version & VERSION_PEBS_INDEX ? 8 : 0) +
	       ((version & VERSION_COUNTERS) >> COUNTERS_SHIFT) * 8;
}

static void parse_classic(const uint8_t *data, struct etl_event *event)
{
	event->opcode = data[4];
	event->level = data[5];
	event->version = data[6];
	event->tid = le32(data + 8);
	event->pid = le32(data + 12);
	event->time = le64(data + 16);
	event->provider = data + 24;
}

/* Also finds the extended items. Returns their bytes, or -EBADMSG when they do not fit. */
static int32_t parse_manifest(const uint8_t *data, uint32_t size, struct etl_event *event)
{
	struct etl_item item;
	uint32_t pos = 0;
	int rc;

	event->tid = le32(data + 8);
	event->pid = le32(data + 12);
	event->time = le64(data + 16);
	event->provider = data + 24;
	event->id = le16(data + 40);
	event->version = data[42];
	event->level = data[44];
	event->opcode = data[45];
	event->task = le16(data + 46);
	event->keyword = le64(data + 48);
	if (!(le16(data + 4) & FLAG_EXTENDED))
		return 0;
	event->extended = data + 80;
	event->extended_size = size - 80;
	do {
		rc = etl_event_item(event, &pos, &item);
		if (rc < 0)
			return rc;
		/* The area ends with the item that says so, not with the event. */
		if (rc && !(le16(item.data - 4) & ITEM_MORE))
			break;
	} while (rc);
	event->extended_size = pos;
	return (int32_t)pos;
}

ssize_t etl_event_parse(const uint8_t *data, size_t size, struct etl_event *event)
{
	uint32_t first_word, total, skipped = 0;
	const struct layout *layout;

	if (size < 4)
		return 0;
	first_word = le32(data);
	if (!first_word || first_word == UINT32_MAX)
		return 0;
	layout = find_layout(first_word);
	if (!layout || size < layout->header_size)
		return -EBADMSG;
	total = le16(data + layout->size_at);
	if (total < layout->header_size || total > size)
		return -EBADMSG;
	*event = (struct etl_event){ .header = layout->header,
				     .pointer_size = layout->pointer_size,
				     .pid = ETL_NO_ID,
				     .tid = ETL_NO_ID };
	switch (layout->header) {
	case ETL_SYSTEM:
	case ETL_COMPACT:
	case ETL_PERFINFO:
		skipped = parse_kernel(data, event);
		break;
	case ETL_FULL:
	case ETL_INSTANCE:
		parse_classic(data, event);
		break;
	case ETL_EVENT: {
		int32_t rc = parse_manifest(data, total, event);

		if (rc < 0)
			return rc;
		skipped = (uint32_t)rc;
		break;
	}
	default:
		break;
	}
	if (skipped > total - layout->header_size)
		return -EBADMSG;
	event->payload = data + layout->header_size + skipped;
	event->size = total - layout->header_size - skipped;
	return (ssize_t)total;
}

int etl_event_item(const struct etl_event *event, uint32_t *pos, struct etl_item *ret_item)
{
	uint32_t left = event->extended_size - *pos, size;
	const uint8_t *data;

	if (!event->extended || !left)
		return 0;
	if (left < ITEM_HEADER_SIZE)
		return -EBADMSG;
	data = event->extended + *pos;
	size = le16(data + 6);
	if (size > left - ITEM_HEADER_SIZE)
		return -EBADMSG;
	*ret_item = (struct etl_item){ .type = le16(data + 2),
				       .size = (uint16_t)size,
				       .data = data + ITEM_HEADER_SIZE };
	/* Padded to 8; the last one may lack its padding. */
	*pos += MIN((ITEM_HEADER_SIZE + size + 7) & ~7u, left);
	return 1;
}
