/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of ETW's control calls on Windows itself. Functions are looked up when they are needed: which library has
 * them, and whether there are all of them, depends on the version, and the program has to start on each.
 * And the drive letters of devices, which live traces lack.
 * Called by src/recording_win32.c.
 * Must not decide anything.
 */
#include <windows.h>

#include <evntrace.h>

#include "base/macros.h"
#include "windows-etw/etw_api.h"
#include "windows-etw/etw_paths.h"

/* Tests put a library of their own in front. */
#ifndef ETW_API_DLL
#define ETW_API_DLL L"advapi32.dll"
#endif

static void *look_up(const char *name)
{
	static const wchar_t *const libraries[] = { ETW_API_DLL, L"sechost.dll" };

	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++) {
		HMODULE library = GetModuleHandleW(libraries[i]);
		void *function;

		if (!library)
			library = LoadLibraryW(libraries[i]);
		function = library ? (void *)(uintptr_t)GetProcAddress(library, name) : NULL;
		if (function)
			return function;
	}
	return NULL;
}

static uint32_t enable_privilege(struct etw_api *api, const char *name)
{
	TOKEN_PRIVILEGES wanted = { .PrivilegeCount = 1 };
	HANDLE token;
	DWORD code;

	(void)api;
	if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token))
		return GetLastError();
	wanted.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
	SetLastError(ERROR_SUCCESS);
	/* Succeeds with ERROR_NOT_ALL_ASSIGNED when it is not to be had. */
	if (LookupPrivilegeValueA(NULL, name, &wanted.Privileges[0].Luid))
		AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL);
	code = GetLastError();
	CloseHandle(token);
	return code;
}

static uint32_t start(struct etw_api *api, uint64_t *ret_session, const uint16_t *name,
		      struct etw_properties *properties)
{
	ULONG(WINAPI * call)(TRACEHANDLE *, LPCWSTR, void *) = look_up("StartTraceW");
	TRACEHANDLE session = 0;
	uint32_t code;

	(void)api;
	if (!call)
		return ETW_NO_FUNCTION;
	code = call(&session, (LPCWSTR)name, properties);
	*ret_session = session;
	return code;
}

static uint32_t control(struct etw_api *api, uint64_t session, const uint16_t *name,
			struct etw_properties *properties, enum etw_control what)
{
	ULONG(WINAPI * call)(TRACEHANDLE, LPCWSTR, void *, ULONG) = look_up("ControlTraceW");

	(void)api;
	return call ? call(session, (LPCWSTR)name, properties, what) : ETW_NO_FUNCTION;
}

static uint32_t enable(struct etw_api *api, uint64_t session, const struct etw_enable *what)
{
	ULONG(WINAPI * call)
	(TRACEHANDLE, const void *, ULONG, UCHAR, ULONGLONG, ULONGLONG, ULONG, const void *) =
		look_up("EnableTraceEx2");

	(void)api;
	return call ? call(session, &what->provider, what->on, what->level, what->keywords, 0, 0,
			   what->parameters)
		    : ETW_NO_FUNCTION;
}

static uint32_t set(struct etw_api *api, uint64_t session, enum etw_info what, const void *data,
		    uint32_t size)
{
	ULONG(WINAPI * call)
	(TRACEHANDLE, int, const void *, ULONG) = look_up("TraceSetInformation");

	(void)api;
	return call ? call(session, (int)what, data, size) : ETW_NO_FUNCTION;
}

static uint32_t query(struct etw_api *api, uint64_t session, enum etw_info what, void *data,
		      uint32_t size)
{
	ULONG(WINAPI * call)
	(TRACEHANDLE, int, void *, ULONG, ULONG *) = look_up("TraceQueryInformation");
	ULONG got = 0;

	(void)api;
	return call ? call(session, (int)what, data, size, &got) : ETW_NO_FUNCTION;
}

static void sleep_ms(struct etw_api *api, uint32_t ms)
{
	(void)api;
	Sleep(ms);
}

static int add_prefix(struct etw_paths *paths, const wchar_t *nt, const wchar_t *dos)
{
	struct etw_volume volume = {
		.nt_prefix = { (const uint8_t *)nt, (uint32_t)(wcslen(nt) * sizeof(wchar_t)) },
		.dos_prefix = { (const uint8_t *)dos, (uint32_t)(wcslen(dos) * sizeof(wchar_t)) },
	};

	return etw_paths_add(paths, &volume);
}

/* Names that the kernel has for folders: that of Windows itself, and whatever has a drive already. */
static int add_folders(struct etw_paths *paths)
{
	wchar_t windows[MAX_PATH + 2];
	UINT len = GetSystemWindowsDirectoryW(windows, MAX_PATH);
	int rc = add_prefix(paths, L"\\??\\", L"");

	if (rc || !len || len > MAX_PATH)
		return rc;
	windows[len] = L'\\';
	windows[len + 1] = L'\0';
	return add_prefix(paths, L"\\SystemRoot\\", windows);
}

int etw_win32_add_volumes(struct etw_paths *paths)
{
	wchar_t drive[] = L"A:\\", device[MAX_PATH];
	int rc = add_folders(paths);

	for (; !rc && drive[0] <= L'Z'; drive[0]++) {
		size_t len;

		drive[2] = L'\0';
		len = QueryDosDeviceW(drive, device, ARRAY_SIZE(device) - 1);
		drive[2] = L'\\';
		if (!len)
			continue;
		/* The first of several names is the current one; a prefix ends as a folder does. */
		len = wcslen(device);
		device[len] = L'\\';
		device[len + 1] = L'\0';
		rc = add_prefix(paths, device, drive);
	}
	return rc;
}

void etw_win32_init(struct etw_api *api)
{
	*api = (struct etw_api){
		.enable_privilege = enable_privilege,
		.start = start,
		.control = control,
		.enable = enable,
		.set = set,
		.query = query,
		.sleep_ms = sleep_ms,
		.nr_cpus = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS),
	};
}
