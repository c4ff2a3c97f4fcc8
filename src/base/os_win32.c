/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operating system's part of base on Windows.
 * Called through base/os.h and base/clock.h.
 * Must not know what the files hold.
 */
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <windows.h>

#include <psapi.h> /* needs windows.h in front of it */

#include "base/buffer.h"
#include "base/clock.h"
#include "base/macros.h"
#include "base/utf16.h"

#define SHARE_ALL      (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define FILETIME_S     1e7 /* a FILETIME counts 100 ns */
#define TEMPORARY_BITS 0xffffff
#define ROOT_LEN       3   /* "C:\\" */
#define LONG_PATH      248 /* so long a directory's may not be, a file's may be 12 longer */

/* ---- texts and errors ---------------------------------------------------------------------------------------- */

static wchar_t *to_wide(const char *text)
{
	int nr = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
	wchar_t *wide = nr > 0 ? calloc((size_t)nr, sizeof(*wide)) : NULL;

	if (wide)
		MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, nr);
	else
		SetLastError(nr > 0 ? ERROR_NOT_ENOUGH_MEMORY : ERROR_INVALID_NAME);
	return wide;
}

static wchar_t *extend(const wchar_t *full)
{
	bool is_share = full[0] == L'\\' && full[1] == L'\\';
	const wchar_t *prefix = !is_share                            ? L"\\\\?\\"
				: full[2] == L'?' || full[2] == L'.' ? L""
								     : L"\\\\?\\UNC\\";
	const wchar_t *rest = full + (is_share && *prefix ? 2 : 0);
	size_t len = wcslen(prefix), rest_len = wcslen(rest);
	wchar_t *out = calloc(len + rest_len + 1, sizeof(*out));

	if (out) {
		memcpy(out, prefix, len * sizeof(*out));
		memcpy(out + len, rest, rest_len * sizeof(*out));
	}
	return out;
}

/*
 * A path for calls of Windows. From some length on they take it only in its extended form, which is a full one, unless
 * both the program and the machine's settings say otherwise.
 */
static wchar_t *to_path(const char *text)
{
	wchar_t *wide = to_wide(text), *out = NULL;
	DWORD nr = wide ? GetFullPathNameW(wide, 0, NULL, NULL) : 0;
	wchar_t *full __cleanup(cleanup_free) = NULL;

	if (nr < LONG_PATH)
		return wide;
	full = calloc(nr, sizeof(*full));
	if (full && GetFullPathNameW(wide, nr, full, NULL))
		out = extend(full);
	free(wide);
	if (!out)
		SetLastError(ERROR_NOT_ENOUGH_MEMORY);
	return out;
}

static char *to_utf8(const wchar_t *wide)
{
	struct buffer text = BUFFER_INIT;

	buffer_puts(&text, "");
	utf16_to_utf8(&text, (const uint8_t *)wide, wcslen(wide) * sizeof(*wide));
	if (text.error)
		buffer_done(&text);
	return text.data;
}

static int last_error(void)
{
	static const struct {
		DWORD code;
		int error;
	} table[] = {
		{ ERROR_FILE_NOT_FOUND, ENOENT },      { ERROR_PATH_NOT_FOUND, ENOENT },
		{ ERROR_INVALID_NAME, ENOENT },        { ERROR_BAD_PATHNAME, ENOENT },
		{ ERROR_ACCESS_DENIED, EACCES },       { ERROR_SHARING_VIOLATION, EACCES },
		{ ERROR_WRITE_PROTECT, EROFS },        { ERROR_ALREADY_EXISTS, EEXIST },
		{ ERROR_FILE_EXISTS, EEXIST },         { ERROR_DISK_FULL, ENOSPC },
		{ ERROR_HANDLE_DISK_FULL, ENOSPC },    { ERROR_BROKEN_PIPE, EPIPE },
		{ ERROR_NOT_ENOUGH_MEMORY, ENOMEM },   { ERROR_OUTOFMEMORY, ENOMEM },
		{ ERROR_TOO_MANY_OPEN_FILES, EMFILE },
	};
	DWORD code = GetLastError();

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (table[i].code == code)
			return -table[i].error;
	}
	return -EIO;
}

/* ---- files -------------------------------------------------------------------------------------------------- */

static int open_file(const char *path, DWORD access, DWORD how, DWORD flags)
{
	wchar_t *wide __cleanup(cleanup_free) = to_path(path);
	HANDLE handle = INVALID_HANDLE_VALUE;
	int fd;

	/* Shared, so that the file can be renamed while it is open. */
	if (wide)
		handle = CreateFileW(wide, access, SHARE_ALL, NULL, how, flags, NULL);
	if (handle == INVALID_HANDLE_VALUE)
		return last_error();
	fd = _open_osfhandle((intptr_t)handle, _O_BINARY | _O_NOINHERIT);
	if (fd < 0)
		CloseHandle(handle);
	return fd < 0 ? -EMFILE : fd;
}

int os_open_read(const char *path)
{
	struct os_file file;
	int rc = open_file(path, GENERIC_READ, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL);

	/* What a directory is refused with tells nobody that it is one. */
	if (rc == -EACCES && !os_file_at(path, true, &file) && file.type == OS_FILE_DIRECTORY)
		return -EISDIR;
	return rc;
}

int os_open_new(const char *path)
{
	return open_file(path, GENERIC_WRITE | DELETE, CREATE_NEW, FILE_ATTRIBUTE_NORMAL);
}

char *os_temporary_directory(void)
{
	wchar_t wide[MAX_PATH + 1];

	return GetTempPathW(ARRAY_SIZE(wide), wide) ? to_utf8(wide) : NULL;
}

int os_open_temporary(const char *directory)
{
	char *usual __cleanup(cleanup_free) = NULL;
	struct buffer path = BUFFER_INIT;
	int rc = -EEXIST;

	if (!directory || !*directory)
		directory = usual = os_temporary_directory();
	for (unsigned int attempt = 0; directory && rc == -EEXIST && attempt < 100; attempt++) {
		buffer_clear(&path);
		buffer_printf(&path, "%s\\onecollect-%lu-%llx.tmp", directory,
			      GetCurrentProcessId(),
			      (unsigned long long)clock_monotonic_ns() & TEMPORARY_BITS);
		rc = path.error ? path.error
				: open_file(path.data, GENERIC_READ | GENERIC_WRITE | DELETE,
					    CREATE_NEW,
					    FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE);
	}
	buffer_done(&path);
	return directory ? rc : -ENOMEM;
}

int os_file_of(int fd, struct os_file *ret_file)
{
	HANDLE handle = (HANDLE)_get_osfhandle(fd);
	LARGE_INTEGER size = { 0 };

	*ret_file = (struct os_file){ .type = OS_FILE_OTHER };
	switch (GetFileType(handle)) {
	case FILE_TYPE_DISK:
		if (!GetFileSizeEx(handle, &size))
			return last_error();
		ret_file->type = OS_FILE_REGULAR;
		ret_file->size = (uint64_t)size.QuadPart;
		return 0;
	case FILE_TYPE_PIPE:
		ret_file->type = OS_FILE_PIPE;
		return 0;
	default:
		return handle == INVALID_HANDLE_VALUE ? -EBADF : 0;
	}
}

/* NUL, CON and their like are devices, whatever is in front of them, and have no attributes. */
static bool is_device(const wchar_t *path)
{
	wchar_t full[MAX_PATH];
	DWORD nr = GetFullPathNameW(path, ARRAY_SIZE(full), full, NULL);

	return nr && nr < ARRAY_SIZE(full) && !wcsncmp(full, L"\\\\.\\", 4);
}

/* follow_links needs nothing: what a link leads to is of its own type for whoever opens it. */
int os_file_at(const char *path, bool follow_links, struct os_file *ret_file)
{
	wchar_t *wide __cleanup(cleanup_free) = to_path(path);
	WIN32_FILE_ATTRIBUTE_DATA data;

	if (wide && is_device(wide)) {
		*ret_file = (struct os_file){ .type = OS_FILE_OTHER };
		return 0;
	}
	if (!wide || !GetFileAttributesExW(wide, GetFileExInfoStandard, &data))
		return last_error();
	*ret_file =
		(struct os_file){ .type = OS_FILE_REGULAR,
				  .size = (uint64_t)data.nFileSizeHigh << 32 | data.nFileSizeLow };
	if (data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
		ret_file->type = OS_FILE_DIRECTORY;
	else if (data.dwFileAttributes & FILE_ATTRIBUTE_DEVICE)
		ret_file->type = OS_FILE_OTHER;
	else if (!follow_links && data.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
		ret_file->type = OS_FILE_LINK;
	return 0;
}

static OVERLAPPED at_offset(uint64_t offset)
{
	return (OVERLAPPED){ .Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32) };
}

int64_t os_read_at(int fd, void *data, size_t size, uint64_t offset)
{
	OVERLAPPED at = at_offset(offset);
	DWORD done = 0;

	if (!ReadFile((HANDLE)_get_osfhandle(fd), data, (DWORD)MIN(size, (size_t)INT32_MAX), &done,
		      &at))
		return GetLastError() == ERROR_HANDLE_EOF ? 0 : last_error();
	return done;
}

int64_t os_write_at(int fd, const void *data, size_t size, uint64_t offset)
{
	OVERLAPPED at = at_offset(offset);
	DWORD done = 0;

	if (!WriteFile((HANDLE)_get_osfhandle(fd), data, (DWORD)MIN(size, (size_t)INT32_MAX), &done,
		       &at))
		return last_error();
	return done;
}

int os_each_name(const char *directory, int (*fn)(void *arg, const char *name), void *arg)
{
	struct buffer pattern __cleanup(buffer_done) = BUFFER_INIT;
	wchar_t *wide __cleanup(cleanup_free) = NULL;
	WIN32_FIND_DATAW found;
	HANDLE search;
	int rc = 0;

	buffer_printf(&pattern, "%s\\*", directory);
	wide = pattern.error ? NULL : to_path(pattern.data);
	search = wide ? FindFirstFileW(wide, &found) : INVALID_HANDLE_VALUE;
	if (search == INVALID_HANDLE_VALUE)
		return pattern.error ? pattern.error : last_error();
	do {
		char *name __cleanup(cleanup_free) = to_utf8(found.cFileName);

		if (!name)
			rc = -ENOMEM;
		else if (strcmp(name, ".") && strcmp(name, ".."))
			rc = fn(arg, name);
	} while (!rc && FindNextFileW(search, &found));
	FindClose(search);
	return rc;
}

int os_remove(const char *path)
{
	wchar_t *wide __cleanup(cleanup_free) = to_path(path);

	return wide && DeleteFileW(wide) ? 0 : last_error();
}

int os_publish(int fd, const char *from, const char *to, bool replace)
{
	wchar_t *old_name __cleanup(cleanup_free) = to_path(from);
	wchar_t *new_name __cleanup(cleanup_free) = to_path(to);
	DWORD how = MOVEFILE_WRITE_THROUGH | (replace ? MOVEFILE_REPLACE_EXISTING : 0);

	if (!old_name || !new_name || !FlushFileBuffers((HANDLE)_get_osfhandle(fd)))
		return last_error();
	return MoveFileExW(old_name, new_name, how) ? 0 : last_error();
}

char *os_real_path(const char *directory)
{
	wchar_t *wide __cleanup(cleanup_free) = to_wide(directory);
	DWORD nr = wide ? GetFullPathNameW(wide, 0, NULL, NULL) : 0;
	wchar_t *full __cleanup(cleanup_free) = nr ? calloc(nr, sizeof(*full)) : NULL;

	nr = full ? GetFullPathNameW(wide, nr, full, NULL) : 0;
	if (!nr)
		return NULL;
	if (nr > ROOT_LEN && (full[nr - 1] == L'\\' || full[nr - 1] == L'/'))
		full[nr - 1] = L'\0';
	return to_utf8(full);
}

bool os_same_name(const char *a, const char *b)
{
	wchar_t *x __cleanup(cleanup_free) = to_wide(a);
	wchar_t *y __cleanup(cleanup_free) = to_wide(b);

	return x && y && CompareStringOrdinal(x, -1, y, -1, TRUE) == CSTR_EQUAL;
}

const char *os_last_separator(const char *path)
{
	const char *last = strpbrk(path, "/\\");

	for (const char *next = last; next; next = strpbrk(next + 1, "/\\"))
		last = next;
	return last;
}

/* ---- terminals ---------------------------------------------------------------------------------------------- */

void os_prepare_streams(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		HANDLE handle = (HANDLE)_get_osfhandle(fd);
		DWORD mode;

		/* -2 is what the C library has for a stream that the program was started without. */
		if ((intptr_t)handle == -2 || handle == INVALID_HANDLE_VALUE) {
			if (_wopen(L"NUL", fd == 2 ? _O_WRONLY : _O_RDONLY) != fd)
				return;
			continue;
		}
		_setmode(fd, _O_BINARY);
		if (fd && GetConsoleMode(handle, &mode))
			SetConsoleMode(handle, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
	}
	SetConsoleOutputCP(CP_UTF8);
}

unsigned int os_terminal_columns(int fd)
{
	CONSOLE_SCREEN_BUFFER_INFO info;

	if (!GetConsoleScreenBufferInfo((HANDLE)_get_osfhandle(fd), &info))
		return 0;
	return (unsigned int)(info.srWindow.Right - info.srWindow.Left + 1);
}

/* ---- clocks ------------------------------------------------------------------------------------------------- */

/* The monotonic clock, the performance counter, goes on in sleep. */
uint64_t clock_boottime_ns(void)
{
	return clock_monotonic_ns();
}

static double seconds(const FILETIME *time)
{
	return (double)((uint64_t)time->dwHighDateTime << 32 | time->dwLowDateTime) / FILETIME_S;
}

void clock_self_cpu(double *ret_user_s, double *ret_system_s)
{
	FILETIME created, ended, system = { 0 }, user = { 0 };

	GetProcessTimes(GetCurrentProcess(), &created, &ended, &system, &user);
	*ret_user_s = seconds(&user);
	*ret_system_s = seconds(&system);
}

/* ---- memory ------------------------------------------------------------------------------------------------- */

uint64_t os_peak_memory(void)
{
	PROCESS_MEMORY_COUNTERS memory;

	return K32GetProcessMemoryInfo(GetCurrentProcess(), &memory, sizeof(memory))
		       ? memory.PeakWorkingSetSize
		       : 0;
}
