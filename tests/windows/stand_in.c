/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A DLL with the control calls of ETW, imitated, for a record-trace.exe that looks there first. Says what it was asked
 * for nowhere: what it checks and refuses shows as an error of the program.
 * Settings: STAND_IN_TRACE, a trace that the session "writes"; STAND_IN_FAIL, "CALL:CODE"; STAND_IN_STALE.
 */
#include <stdarg.h>
#include <windows.h>

#include "base/macros.h"
#include "base/os.h"
#include "tests/unit/fake_etw.h"

#define EXPORT    __declspec(dllexport)
#define TRACE_MAX (64u << 20)

static struct fake_etw fake;
static struct buffer trace;

static struct etw_api *api(void)
{
	static bool ready;
	const char *path = getenv("STAND_IN_TRACE"), *failure = getenv("STAND_IN_FAIL");
	int fd = !ready && path && *path ? os_open_read(path) : -1;

	if (ready)
		return &fake.api;
	ready = true;
	fake_etw_init(&fake);
	fake.stale = getenv("STAND_IN_STALE") != NULL;
	fake.rundown_writes = 3;
	if (failure && sscanf(failure, "%u:%u", &fake.fail_call, &fake.fail_code) != 2)
		abort();
	if (path && *path && (fd < 0 || buffer_read_fd(&trace, fd, TRACE_MAX)))
		abort();
	fake.trace = trace.data;
	fake.trace_size = trace.len;
	return &fake.api;
}

EXPORT ULONG WINAPI StartTraceW(uint64_t *session, const uint16_t *name, struct etw_properties *p);
EXPORT ULONG WINAPI ControlTraceW(uint64_t session, const uint16_t *name, struct etw_properties *p,
				  ULONG what);
EXPORT ULONG WINAPI EnableTraceEx2(uint64_t session, const struct etw_guid *provider, ULONG on,
				   UCHAR level, ...);
EXPORT ULONG WINAPI TraceSetInformation(uint64_t session, int what, const void *data, ULONG size);
EXPORT ULONG WINAPI TraceQueryInformation(uint64_t session, int what, void *data, ULONG size,
					  ULONG *got);

ULONG WINAPI StartTraceW(uint64_t *session, const uint16_t *name, struct etw_properties *p)
{
	return api()->start(api(), session, name, p);
}

ULONG WINAPI ControlTraceW(uint64_t session, const uint16_t *name, struct etw_properties *p,
			   ULONG what)
{
	return api()->control(api(), session, name, p, (enum etw_control)what);
}

/* The other four are keywords, any and all, a time limit and parameters; on x86-64 each is passed in 8 bytes anyway. */
ULONG WINAPI EnableTraceEx2(uint64_t session, const struct etw_guid *provider, ULONG on,
			    UCHAR level, ...)
{
	struct etw_enable what = { .provider = *provider, .on = on, .level = level };
	uint64_t all, timeout_ms;
	va_list args;

	va_start(args, level);
	what.keywords = va_arg(args, uint64_t);
	all = va_arg(args, uint64_t);
	timeout_ms = va_arg(args, uint64_t);
	what.parameters = va_arg(args, const struct etw_enable_parameters *);
	va_end(args);
	if (all || (uint32_t)timeout_ms)
		return ERROR_INVALID_PARAMETER;
	return api()->enable(api(), session, &what);
}

ULONG WINAPI TraceSetInformation(uint64_t session, int what, const void *data, ULONG size)
{
	return api()->set(api(), session, (enum etw_info)what, data, size);
}

ULONG WINAPI TraceQueryInformation(uint64_t session, int what, void *data, ULONG size, ULONG *got)
{
	*got = size;
	return api()->query(api(), session, (enum etw_info)what, data, size);
}
