/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few calls of Windows that control a session of ETW, as a table, with the structures they take.
 * Filled in by etw_win32.c and by tests; called by etw_session.c. Portable C only.
 *
 * Source: evntrace.h, evntcons.h and wmistr.h of the Windows SDK. etw_abi_win32.c compares each size and offset with
 * mingw-w64's headers when a build for Windows is made.
 */
#ifndef ETW_API_H
#define ETW_API_H

#include <stddef.h>
#include <stdint.h>

/* What calls return: system error codes of Windows. */
enum etw_error {
	ETW_SUCCESS = 0,
	ETW_ACCESS_DENIED = 5,
	ETW_BAD_LENGTH = 24,
	ETW_SHARING_VIOLATION = 32,
	ETW_INVALID_PARAMETER = 87,
	ETW_DISK_FULL = 112,
	ETW_NOT_IMPLEMENTED = 120,
	ETW_INVALID_NAME = 123,
	ETW_NO_FUNCTION =
		127, /* ERROR_PROC_NOT_FOUND, also for functions that this Windows has not */
	ETW_BAD_PATHNAME = 161,
	ETW_ALREADY_EXISTS = 183,
	ETW_MORE_DATA = 234,
	ETW_NOT_ALL_ASSIGNED = 1300,
	ETW_PRIVILEGE_NOT_HELD = 1314,
	ETW_NO_RESOURCES = 1450,
	ETW_INSTANCE_NOT_FOUND = 4201,
};

struct etw_guid {
	uint32_t a;
	uint16_t b;
	uint16_t c;
	uint8_t d[8];
};

#define ETW_NAME_CHARS 1024 /* room for a name or a path behind the properties, with its NUL */

/* EVENT_TRACE_PROPERTIES, and behind it the room for both names. */
struct etw_properties {
	uint32_t all_bytes; /* of this struct */
	uint32_t provider;
	uint64_t context;
	uint64_t time;
	struct etw_guid guid;
	uint32_t clock; /* 1 = performance counter */
	uint32_t flags; /* ETW_TRACED_GUID */
	uint32_t buffer_kib;
	uint32_t min_buffers;
	uint32_t max_buffers;
	uint32_t max_file_mib; /* 0 = no limit */
	uint32_t mode;
	uint32_t flush_s;
	uint32_t enable_flags;
	int32_t age_limit;
	uint32_t nr_buffers;
	uint32_t free_buffers;
	uint32_t events_lost;
	uint32_t buffers_written;
	uint32_t buffers_lost;
	uint32_t realtime_buffers_lost;
	uint64_t thread;
	uint32_t file_offset; /* of `file` in this struct */
	uint32_t name_offset;
	uint16_t name[ETW_NAME_CHARS];
	uint16_t file[ETW_NAME_CHARS];
};

#define ETW_PROPERTIES_BYTES 120u /* of EVENT_TRACE_PROPERTIES itself */
_Static_assert(offsetof(struct etw_properties, name) == ETW_PROPERTIES_BYTES,
	       "names lie behind it");

#define ETW_TRACED_GUID 0x00020000u /* WNODE_FLAG_TRACED_GUID */

/* etw_properties.mode: EVENT_TRACE_* */
#define ETW_MODE_FILE          0x00000001u
#define ETW_MODE_SYSTEM_LOGGER 0x02000000u
#define ETW_MODE_INDEPENDENT   0x08000000u

/* etw_properties.enable_flags: EVENT_TRACE_FLAG_* */
#define ETW_FLAG_PROCESS    0x00000001u
#define ETW_FLAG_THREAD     0x00000002u
#define ETW_FLAG_IMAGE      0x00000004u
#define ETW_FLAG_SWITCH     0x00000010u
#define ETW_FLAG_DISPATCHER 0x00000800u
#define ETW_FLAG_PROFILE    0x01000000u

enum etw_control { ETW_QUERY = 0, ETW_STOP = 1, ETW_UPDATE = 2, ETW_FLUSH = 3 };

/* TRACE_QUERY_INFO_CLASS */
enum etw_info {
	ETW_INFO_STACKS = 3,       /* struct etw_event_class[] */
	ETW_INFO_SYSTEM_FLAGS = 4, /* uint32_t[ETW_FLAG_WORDS], what the kernel logs */
	ETW_INFO_INTERVAL = 5,     /* struct etw_interval, of the whole machine */
};
#define ETW_FLAG_WORDS 8

/* CLASSIC_EVENT_ID */
struct etw_event_class {
	struct etw_guid guid;
	uint8_t type;
	uint8_t reserved[7];
};

/* TRACE_PROFILE_INTERVAL */
struct etw_interval {
	uint32_t source; /* 0 = the clock */
	uint32_t ticks;  /* of 100 ns */
};

/* EVENT_FILTER_DESCRIPTOR */
struct etw_filter {
	uint64_t data;
	uint32_t size;
	uint32_t type;
};

/* EVENT_FILTER_EVENT_ID, for one event */
struct etw_filter_ids {
	uint8_t only_these;
	uint8_t reserved;
	uint16_t nr;
	uint16_t ids[1];
};

#define ETW_FILTER_EVENT_IDS 0x80000200u /* EVENT_FILTER_TYPE_EVENT_ID */

/* ENABLE_TRACE_PARAMETERS */
struct etw_enable_parameters {
	uint32_t version; /* 2 */
	uint32_t property;
	uint32_t control_flags;
	struct etw_guid source;
	uint32_t pad;
	uint64_t filters; /* address of struct etw_filter[nr_filters] */
	uint32_t nr_filters;
	uint32_t pad_end;
};

#define ETW_ENABLE_VERSION 2u
#define ETW_ENABLE_STACKS  4u /* EVENT_ENABLE_PROPERTY_STACK_TRACE */

/* The arguments of EnableTraceEx2. */
struct etw_enable {
	struct etw_guid provider;
	uint32_t on; /* EVENT_CONTROL_CODE_ENABLE_PROVIDER = 1, disable = 0 */
	uint8_t level;
	uint64_t keywords; /* any of them */
	const struct etw_enable_parameters *parameters;
};

/* Each returns 0 or an error of Windows; ETW_NO_FUNCTION where Windows lacks the function. Called on one thread. */
struct etw_api {
	uint32_t (*enable_privilege)(struct etw_api *api, const char *name);
	/* StartTraceW */
	uint32_t (*start)(struct etw_api *api, uint64_t *ret_session, const uint16_t *name,
			  struct etw_properties *properties);
	/* ControlTraceW; session 0 = by name */
	uint32_t (*control)(struct etw_api *api, uint64_t session, const uint16_t *name,
			    struct etw_properties *properties, enum etw_control what);
	/* EnableTraceEx2 */
	uint32_t (*enable)(struct etw_api *api, uint64_t session, const struct etw_enable *what);
	/* TraceSetInformation, TraceQueryInformation; session 0 = of the machine */
	uint32_t (*set)(struct etw_api *api, uint64_t session, enum etw_info what, const void *data,
			uint32_t size);
	uint32_t (*query)(struct etw_api *api, uint64_t session, enum etw_info what, void *data,
			  uint32_t size);
	void (*sleep_ms)(struct etw_api *api, uint32_t ms);
	uint32_t nr_cpus;
};

struct etw_paths;

/* etw_win32.c, in a build for Windows only: fills in the calls of this Windows. */
void etw_win32_init(struct etw_api *api);
/* And adds the devices that this Windows has drive letters for. Returns 0 or -ENOMEM. */
int etw_win32_add_volumes(struct etw_paths *paths);

#endif
