/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control sequence of a recording: privilege, interval, session, stacks, providers; rundown, stop, interval.
 * Called by src/recording_win32.c and tests.
 * Must not call Windows but through the table, nor know what is in a trace.
 */
#include "windows-etw/etw_session.h"

#include <errno.h>

#include "base/macros.h"
#include "base/os.h"
#include "base/text.h"
#include "base/utf16.h"

#define TICKS_PER_S     10000000u /* of 100 ns */
#define BUFFER_KIB      256u
#define BUFFERS_LEAST   4u  /* for each processor */
#define BUFFERS_MOST    32u /* for each processor */
#define FLUSH_S         1u
#define BUFFER_HEAD     0x48u /* of a buffer in the file; the least that a file holds */
#define CLOCK_COUNTER   1u
#define STEP_MS         250u
#define QUIET_MS        2000u  /* so long nothing may be written for the rundown to be over */
#define RUNDOWN_MS      30000u /* the longest wait for it */
#define RUNDOWN_BUSY_MS 5000u  /* and where the kernel's events go on, so that it is never quiet */

/* Of the .NET runtime: loader, methods compiled at run time, methods compiled before. */
#define CLR_KEYWORDS      (0x8u | 0x10u | 0x20u)
#define CLR_END_RUNDOWN   0x100u
#define LEVEL_INFORMATION 4u

/* Classes of kernel events, and their types, that take a stack. Source: see etw_decode.c. */
#define PERF_INFO_GUID                                                 \
	{                                                              \
		0xce1dbfb4, 0x137e, 0x4da6,                            \
		{                                                      \
			0x87, 0xb0, 0x3f, 0x59, 0xaa, 0x10, 0x2c, 0xbc \
		}                                                      \
	}
#define THREAD_GUID                                                    \
	{                                                              \
		0x3d6fa8d1, 0xfe05, 0x11d0,                            \
		{                                                      \
			0x9d, 0xda, 0x00, 0xc0, 0x4f, 0xd7, 0xba, 0x7c \
		}                                                      \
	}

/* Those of samples first, those of context switches behind. */
static const struct etw_event_class stack_classes[] = {
	{ .guid = PERF_INFO_GUID, .type = 46 }, /* SampledProfile */
	{ .guid = THREAD_GUID, .type = 36 },    /* CSwitch */
	{ .guid = THREAD_GUID, .type = 50 },    /* ReadyThread */
};
#define NR_SAMPLE_CLASSES 1u

static const struct etw_guid clr_guid = {
	0xe13c0d23, 0xccbc, 0x4e12, { 0x93, 0x1b, 0xd9, 0xcc, 0x2e, 0xee, 0x27, 0xe4 }
};
static const struct etw_guid clr_rundown_guid = {
	0xa669021c, 0xc450, 0x4609, { 0xa0, 0x35, 0x5a, 0xf5, 0x9a, 0xf4, 0xdf, 0x18 }
};

struct etw_session {
	struct etw_api *api;
	struct etw_session_opts opts;
	char *path;
	uint16_t name[ARRAY_SIZE(ETW_SESSION_NAME)];
	uint64_t handle;
	bool runs;
	bool waits;
	struct etw_interval interval_before; /* ticks 0 = not changed */
	uint32_t nr_enabled;                 /* of opts.providers */
	struct etw_session_stats stats;
	struct etw_properties properties; /* of the last call that takes them */
};

/* ---- errors -------------------------------------------------------------------------------------------------- */

#define NOT_ADMINISTRATOR \
	"only an administrator may; start the console with \"Run as administrator\""

static const struct {
	uint32_t code;
	int error;
	const char *why;
} reasons[] = {
	{ ETW_ACCESS_DENIED, EPERM, NOT_ADMINISTRATOR },
	{ ETW_PRIVILEGE_NOT_HELD, EPERM, NOT_ADMINISTRATOR },
	{ ETW_NOT_ALL_ASSIGNED, EPERM, NOT_ADMINISTRATOR },
	{ ETW_NOT_IMPLEMENTED, EOPNOTSUPP, "ETW is not available here" },
	{ ETW_NO_FUNCTION, EOPNOTSUPP, "ETW is not available here, it lacks this function" },
	{ ETW_INVALID_PARAMETER, EOPNOTSUPP,
	  "this Windows does not take it; Windows 8 or newer is needed" },
	{ ETW_BAD_LENGTH, EOPNOTSUPP, "this Windows expects other structures" },
	{ ETW_NO_RESOURCES, EBUSY,
	  "there are too many sessions; logman query -ets lists them, logman stop NAME -ets ends "
	  "one" },
	{ ETW_ALREADY_EXISTS, EBUSY,
	  "there is one of this name that does not end; try: logman stop " ETW_SESSION_NAME
	  " -ets" },
	{ ETW_DISK_FULL, ENOSPC, "the disk with the trace file is full" },
	{ ETW_SHARING_VIOLATION, EBUSY, "another program has the trace file open" },
	{ ETW_INVALID_NAME, EINVAL, "the trace file cannot have this name" },
	{ ETW_BAD_PATHNAME, EINVAL, "the trace file cannot have this name" },
	{ ETW_INSTANCE_NOT_FOUND, EIO, "another program has ended the session" },
};

/* Fills in *err for a call that failed; `what` goes behind "cannot". Returns the negative errno value. */
static int fail(struct oc_error *err, const char *what, uint32_t code)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (reasons[i].code == code)
			return oc_error_set(err, -reasons[i].error,
					    "cannot %s: %s (error %u of Windows)", what,
					    reasons[i].why, code);
	}
	return oc_error_set(err, -EIO, "cannot %s: error %u of Windows", what, code);
}

/* Notes the result of a call in the log; while waiting only what fails, as it is asked again and again. */
static uint32_t logged(const struct etw_session *s, const char *call, uint32_t code)
{
	if (s->opts.log && (code || !s->waits))
		buffer_printf(s->opts.log, "%s: %u\n", call, code);
	return code;
}

/* ---- single calls -------------------------------------------------------------------------------------------- */

/* The properties as each call wants them: sizes and offsets set, all else zero. */
static struct etw_properties *fresh_properties(struct etw_session *s)
{
	s->properties = (struct etw_properties){
		.all_bytes = sizeof(s->properties),
		.flags = ETW_TRACED_GUID,
		.name_offset = offsetof(struct etw_properties, name),
		.file_offset = offsetof(struct etw_properties, file),
	};
	return &s->properties;
}

static uint32_t control(struct etw_session *s, enum etw_control what)
{
	static const char *const names[] = {
		[ETW_QUERY] = "ControlTraceW query",
		[ETW_STOP] = "ControlTraceW stop",
		[ETW_UPDATE] = "ControlTraceW update",
		[ETW_FLUSH] = "ControlTraceW flush",
	};
	/* By name where there is no handle yet: a session that somebody left behind. */
	uint64_t handle = s->runs ? s->handle : 0;

	return logged(s, names[what],
		      s->api->control(s->api, handle, handle ? NULL : s->name, fresh_properties(s),
				      what));
}

static uint32_t enable(struct etw_session *s, const struct etw_enable *what)
{
	char call[64];

	snprintf(call, sizeof(call), "EnableTraceEx2 %08x-... %s", what->provider.a,
		 what->on ? "on" : "off");
	return logged(s, call, s->api->enable(s->api, s->handle, what));
}

static uint32_t enable_runtime(struct etw_session *s, const struct etw_guid *guid, bool on,
			       uint32_t keywords)
{
	static const struct etw_enable_parameters parameters = { .version = ETW_ENABLE_VERSION };
	const struct etw_enable what = {
		.provider = *guid,
		.on = on,
		.level = LEVEL_INFORMATION,
		.keywords = keywords,
		.parameters = &parameters,
	};

	return enable(s, &what);
}

static uint32_t enable_provider(struct etw_session *s, const struct etw_provider *p, bool on)
{
	const struct etw_filter_ids ids = { .only_these = 1, .nr = 1, .ids = { p->id } };
	const struct etw_filter filter = {
		.data = (uintptr_t)&ids,
		.size = sizeof(ids),
		.type = ETW_FILTER_EVENT_IDS,
	};
	const struct etw_enable_parameters parameters = {
		.version = ETW_ENABLE_VERSION,
		.property = ETW_ENABLE_STACKS,
		.filters = p->has_id ? (uintptr_t)&filter : 0,
		.nr_filters = p->has_id,
	};
	const struct etw_enable what = {
		.provider = p->guid,
		.on = on,
		.level = p->level,
		.keywords = p->keywords,
		.parameters = &parameters,
	};

	return enable(s, &what);
}

/* ---- starting ------------------------------------------------------------------------------------------------ */

static int take_opts(struct etw_session *s, const struct etw_session_opts *opts,
		     struct oc_error *err)
{
	struct etw_properties *p = &s->properties;
	int rc;

	s->opts = *opts;
	if (!opts->frequency_hz || opts->frequency_hz > ETW_FREQUENCY_MAX)
		return oc_error_set(err, -EINVAL,
				    "frequency %u Hz is out of range; Windows samples 1 to %u "
				    "times a second",
				    opts->frequency_hz, ETW_FREQUENCY_MAX);
	if (opts->nr_providers > ETW_PROVIDERS_MAX)
		return oc_error_set(err, -EINVAL, "at most %u providers can be recorded",
				    ETW_PROVIDERS_MAX);
	utf8_to_utf16(ETW_SESSION_NAME, s->name, ARRAY_SIZE(s->name));
	rc = utf8_to_utf16(opts->path, p->file, ARRAY_SIZE(p->file));
	if (rc <= 0)
		return oc_error_set(err, -EINVAL, "the trace file cannot have the name '%s'",
				    opts->path);
	s->path = strdup(opts->path);
	return s->path ? 0 : oc_error_set(err, -ENOMEM, "out of memory");
}

static int take_privileges(struct etw_session *s, struct oc_error *err)
{
	uint32_t code;

	/* Shows more of other users' processes; a session works without. */
	logged(s, "SeDebugPrivilege", s->api->enable_privilege(s->api, "SeDebugPrivilege"));
	code = logged(s, "SeSystemProfilePrivilege",
		      s->api->enable_privilege(s->api, "SeSystemProfilePrivilege"));
	return code ? fail(err, "sample this machine", code) : 0;
}

static uint32_t set_ticks(struct etw_session *s, uint32_t ticks)
{
	const struct etw_interval interval = { .ticks = ticks };

	return logged(s, "TraceSetInformation interval",
		      s->api->set(s->api, 0, ETW_INFO_INTERVAL, &interval, sizeof(interval)));
}

static int set_interval(struct etw_session *s, struct oc_error *err)
{
	uint32_t ticks = (TICKS_PER_S + s->opts.frequency_hz / 2) / s->opts.frequency_hz;
	struct etw_interval before = { 0 };
	uint32_t code;

	/* An old Windows cannot tell; then it stays as we set it. */
	code = logged(s, "TraceQueryInformation interval",
		      s->api->query(s->api, 0, ETW_INFO_INTERVAL, &before, sizeof(before)));
	if (!code && before.ticks == ticks)
		return 0;
	if (code)
		before.ticks = 0;
	code = set_ticks(s, ticks);
	if (code)
		return fail(err, "set the sampling interval", code);
	s->interval_before = before;
	return 0;
}

static uint32_t try_start(struct etw_session *s)
{
	struct etw_properties *p = fresh_properties(s);
	uint32_t flags = ETW_FLAG_PROCESS | ETW_FLAG_THREAD | ETW_FLAG_IMAGE | ETW_FLAG_PROFILE;

	if (s->opts.switches)
		flags |= ETW_FLAG_SWITCH | ETW_FLAG_DISPATCHER;
	utf8_to_utf16(s->path, p->file, ARRAY_SIZE(p->file));
	p->clock = CLOCK_COUNTER;
	p->buffer_kib = BUFFER_KIB;
	p->min_buffers = BUFFERS_LEAST * MAX(s->api->nr_cpus, 1u);
	p->max_buffers = BUFFERS_MOST * MAX(s->api->nr_cpus, 1u);
	p->flush_s = FLUSH_S;
	p->mode = ETW_MODE_FILE | ETW_MODE_SYSTEM_LOGGER | ETW_MODE_INDEPENDENT;
	p->enable_flags = flags;
	return logged(s, "StartTraceW", s->api->start(s->api, &s->handle, s->name, p));
}

static int start_trace(struct etw_session *s, struct oc_error *err)
{
	uint32_t code = try_start(s);

	if (code)
		return fail(err, "start a session", code);
	s->runs = true;
	return 0;
}

/* Success is not believed: where ETW is imitated, it is said without anything behind it. */
static int check_answer(const struct etw_session *s, struct oc_error *err)
{
	const struct etw_properties *p = &s->properties;

	if (!memcmp(p->name, s->name, sizeof(s->name)) && p->buffer_kib && p->nr_buffers)
		return 0;
	return oc_error_set(err, -EOPNOTSUPP,
			    "ETW is not available here: it says yes to everything and does "
			    "nothing");
}

/* What a killed recorder leaves goes on for ever, and is in the way. */
static int clear_stale(struct etw_session *s, struct oc_error *err)
{
	uint32_t code = control(s, ETW_QUERY);
	int rc;

	if (code == ETW_INSTANCE_NOT_FOUND)
		return 0;
	if (code)
		return fail(err, "look for sessions", code);
	rc = check_answer(s, err);
	if (rc)
		return rc;
	code = control(s, ETW_STOP);
	if (code && code != ETW_INSTANCE_NOT_FOUND)
		return fail(err, "stop the session that another recording left behind", code);
	s->stats.cleared_stale = true;
	return 0;
}

static int verify(struct etw_session *s, struct oc_error *err)
{
	uint32_t code = control(s, ETW_QUERY);

	return code ? fail(err, "look at the session that was started", code)
		    : check_answer(s, err);
}

static int set_stacks(struct etw_session *s, struct oc_error *err)
{
	size_t nr = s->opts.switches ? ARRAY_SIZE(stack_classes) : NR_SAMPLE_CLASSES;
	uint32_t code = logged(s, "TraceSetInformation stacks",
			       s->api->set(s->api, s->handle, ETW_INFO_STACKS, stack_classes,
					   (uint32_t)(nr * sizeof(*stack_classes))));

	return code ? fail(err, "have stacks recorded", code) : 0;
}

static int enable_providers(struct etw_session *s, struct oc_error *err)
{
	uint32_t code = 0;

	if (!s->opts.no_methods)
		code = enable_runtime(s, &clr_guid, true, CLR_KEYWORDS);
	if (code)
		return fail(err, "record the methods of .NET", code);
	while (!code && s->nr_enabled < s->opts.nr_providers) {
		code = enable_provider(s, &s->opts.providers[s->nr_enabled], true);
		s->nr_enabled++;
	}
	return code ? fail(err, "record a provider of events", code) : 0;
}

int etw_session_start(struct etw_api *api, const struct etw_session_opts *opts,
		      struct etw_session **ret_session, struct oc_error *err)
{
	struct etw_session *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return oc_error_set(err, -ENOMEM, "out of memory");
	s->api = api;
	rc = take_opts(s, opts, err);
	rc = rc ? rc : take_privileges(s, err);
	rc = rc ? rc : clear_stale(s, err);
	rc = rc ? rc : set_interval(s, err);
	rc = rc ? rc : start_trace(s, err);
	rc = rc ? rc : verify(s, err);
	rc = rc ? rc : set_stacks(s, err);
	rc = rc ? rc : enable_providers(s, err);
	if (rc) {
		bool made_file = s->runs;

		etw_session_free(s);
		if (made_file)
			os_remove(opts->path);
		return rc;
	}
	*ret_session = s;
	return 0;
}

/* ---- stopping ------------------------------------------------------------------------------------------------ */

/* Waits until nothing more is written. Returns false when that took too long. */
static bool wait_until_quiet(struct etw_session *s, uint32_t limit_ms)
{
	uint32_t written = UINT32_MAX, quiet_ms = 0;

	for (uint32_t waited_ms = 0; waited_ms < limit_ms; waited_ms += STEP_MS) {
		uint32_t code;

		s->api->sleep_ms(s->api, STEP_MS);
		control(s, ETW_FLUSH);
		code = control(s, ETW_QUERY);
		s->stats.ended_elsewhere = code == ETW_INSTANCE_NOT_FOUND;
		if (code)
			return false;
		quiet_ms = s->properties.buffers_written == written ? quiet_ms + STEP_MS : 0;
		written = s->properties.buffers_written;
		if (quiet_ms >= QUIET_MS)
			return true;
	}
	return false;
}

/* Has each .NET runtime list its methods, which tells what those are called that ran before the session. */
static void run_down(struct etw_session *s)
{
	static const uint32_t nothing[ETW_FLAG_WORDS];
	/* The kernel ends, so that it shows when the runtimes have: they do not say so themselves. */
	uint32_t code = logged(s, "TraceSetInformation system flags",
			       s->api->set(s->api, s->handle, ETW_INFO_SYSTEM_FLAGS, nothing,
					   sizeof(nothing)));
	uint32_t limit_ms = code ? RUNDOWN_BUSY_MS : RUNDOWN_MS;

	if (s->opts.no_methods)
		return;
	enable_runtime(s, &clr_guid, false, 0);
	code = enable_runtime(s, &clr_rundown_guid, true, CLR_KEYWORDS | CLR_END_RUNDOWN);
	s->waits = true;
	s->stats.rundown_cut = code || !wait_until_quiet(s, limit_ms);
	s->waits = false;
	enable_runtime(s, &clr_rundown_guid, false, 0);
}

/* Stops, and sets the interval back. Returns what Windows said to the stop. */
static uint32_t end(struct etw_session *s)
{
	uint32_t code = 0;

	if (s->runs)
		code = control(s, ETW_STOP);
	/* More data: the session has ended, only its names did not fit. */
	if (code == ETW_MORE_DATA)
		code = 0;
	s->runs = code && code != ETW_INSTANCE_NOT_FOUND;
	if (s->interval_before.ticks)
		set_ticks(s, s->interval_before.ticks);
	s->interval_before.ticks = 0;
	return code;
}

int etw_session_stop(struct etw_session *s, struct etw_session_stats *ret_stats,
		     struct oc_error *err)
{
	struct os_file file;
	uint32_t code;

	for (uint32_t i = 0; i < s->nr_enabled; i++)
		enable_provider(s, &s->opts.providers[i], false);
	s->nr_enabled = 0;
	run_down(s);
	code = end(s);
	if (code == ETW_INSTANCE_NOT_FOUND)
		s->stats.ended_elsewhere = true;
	else if (code)
		return fail(err, "stop the session", code);
	s->stats.events_lost = s->properties.events_lost;
	s->stats.buffers_lost = s->properties.buffers_lost;
	s->stats.buffers_written = s->properties.buffers_written;
	if (os_file_at(s->path, true, &file) || file.size < BUFFER_HEAD)
		return oc_error_set(err, -EIO,
				    "Windows has stopped the session, but written no trace to '%s'",
				    s->path);
	*ret_stats = s->stats;
	return 0;
}

void etw_session_free(struct etw_session *s)
{
	if (!s)
		return;
	/* A session that goes on costs the machine until it is restarted, so this is tried twice. */
	if (end(s))
		end(s);
	free(s->path);
	free(s);
}

/* ---- what is asked for --------------------------------------------------------------------------------------- */

/* Takes the part of *text before the next colon to part[cap]. Returns false when it is empty or too long. */
static bool take_part(const char **text, char *part, size_t cap)
{
	size_t len = strcspn(*text, ":");

	if (!len || len >= cap)
		return false;
	memcpy(part, *text, len);
	part[len] = '\0';
	*text += len + ((*text)[len] == ':');
	return true;
}

static bool parse_guid(const char *text, struct etw_guid *ret_guid)
{
	static const char shape[] = "00000000-0000-0000-0000-000000000000";
	uint8_t bytes[16];
	size_t nr = 0, len = strlen(text);

	if (len == sizeof(shape) + 1 && text[0] == '{' && text[len - 1] == '}') {
		text++;
		len -= 2;
	}
	if (len != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < len; i += shape[i] == '-' ? 1 : 2) {
		char pair[3] = { text[i], text[i + 1], '\0' };
		uint64_t value;

		if (shape[i] == '-' ? text[i] != '-' : text_parse_u64(pair, 16, 0xff, &value) != 0)
			return false;
		if (shape[i] != '-')
			bytes[nr++] = (uint8_t)value;
	}
	*ret_guid = (struct etw_guid){
		.a = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | bytes[2] << 8 | bytes[3],
		.b = (uint16_t)(bytes[4] << 8 | bytes[5]),
		.c = (uint16_t)(bytes[6] << 8 | bytes[7]),
	};
	memcpy(ret_guid->d, bytes + 8, sizeof(ret_guid->d));
	return true;
}

int etw_provider_parse(const char *text, struct etw_provider *ret_provider, struct oc_error *err)
{
	struct etw_provider p = { 0 };
	const char *at = text;
	char part[64];
	uint64_t value;
	bool good = take_part(&at, part, sizeof(part)) && !strcmp(part, "etw");

	good = good && take_part(&at, part, sizeof(part)) && parse_guid(part, &p.guid);
	good = good && take_part(&at, part, sizeof(part)) &&
	       (!strcmp(part, "*") || !text_parse_u64(part, 16, UINT64_MAX, &p.keywords));
	good = good && take_part(&at, part, sizeof(part)) &&
	       !text_parse_u64(part, 10, UINT8_MAX, &value);
	if (good)
		p.level = (uint8_t)value;
	if (good && *at) {
		p.has_id = true;
		good = take_part(&at, part, sizeof(part)) && !*at &&
		       !text_parse_u64(part, 10, UINT16_MAX, &value);
		if (good)
			p.id = (uint16_t)value;
	}
	if (!good)
		return oc_error_set(err, -EINVAL,
				    "'%.128s' is not etw:GUID:KEYWORDS:LEVEL[:ID], as in "
				    "etw:e13c0d23-ccbc-4e12-931b-d9cc2eee27e4:10:4",
				    text);
	*ret_provider = p;
	return 0;
}
