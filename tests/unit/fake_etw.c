/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The imitation of ETW's control calls.
 * Called by what is tested, through struct etw_api, or by the stand-in DLL.
 * Must not know what a session is for.
 */
#include "fake_etw.h"

#include <errno.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/os.h"
#include "base/utf16.h"

#define HEAD_BYTES          72u
#define WANTED_MODE         (ETW_MODE_FILE | ETW_MODE_SYSTEM_LOGGER | ETW_MODE_INDEPENDENT)
#define FAKE_ETW_NAME_BYTES 26u         /* of the name that stale sessions have */
#define RUNDOWN_FIRST       0xa669021cu /* of the GUID of the .NET runtime's rundown */
#define TICKS_LEAST         1221u
#define TICKS_MOST          10000000u

/* Counts a call. Returns what it has to fail with, 0 = nothing. */
static uint32_t count_call(struct fake_etw *f)
{
	f->nr_calls++;
	return f->nr_calls == f->fail_call ? f->fail_code : 0;
}

static struct fake_etw *fake_of(struct etw_api *api)
{
	return container_of(api, struct fake_etw, api);
}

static uint32_t enable_privilege(struct etw_api *api, const char *name)
{
	uint32_t code = count_call(fake_of(api));

	if (code)
		return code;
	return !strcmp(name, "SeDebugPrivilege") || !strcmp(name, "SeSystemProfilePrivilege")
		       ? 0
		       : ETW_PRIVILEGE_NOT_HELD;
}

static bool is_laid_out(const struct etw_properties *p)
{
	return p->all_bytes >= ETW_PROPERTIES_BYTES && p->all_bytes <= sizeof(*p) &&
	       p->flags & ETW_TRACED_GUID && p->name_offset >= ETW_PROPERTIES_BYTES &&
	       p->name_offset < p->all_bytes && p->file_offset < p->all_bytes;
}

/* Puts content into the session's file. Returns 0 or an error of Windows. */
static uint32_t write_file(struct fake_etw *f, const void *data, size_t size)
{
	int fd;

	os_remove(f->path.data);
	fd = os_open_new(f->path.data);
	if (fd < 0)
		return fd == -ENOENT ? ETW_BAD_PATHNAME : ETW_ACCESS_DENIED;
	while (size) {
		int64_t n = os_write_at(fd, data, size, 0);

		if (n != (int64_t)size)
			break;
		size = 0;
	}
	close(fd);
	return size ? ETW_DISK_FULL : 0;
}

static uint32_t start(struct etw_api *api, uint64_t *ret_session, const uint16_t *name,
		      struct etw_properties *p)
{
	static const char head[HEAD_BYTES];
	struct fake_etw *f = fake_of(api);
	uint32_t code = count_call(f);

	if (code)
		return code;
	*ret_session = FAKE_ETW_HANDLE;
	if (f->kind == FAKE_ETW_PRETENDS)
		return 0;
	if (!is_laid_out(p) || p->mode != WANTED_MODE || p->clock != 1 || !p->buffer_kib ||
	    p->max_buffers < p->min_buffers || !p->file[0])
		return ETW_INVALID_PARAMETER;
	if (f->runs || f->stale)
		return ETW_ALREADY_EXISTS;
	buffer_clear(&f->path);
	utf16_to_utf8(&f->path, (const uint8_t *)p->file, sizeof(p->file));
	code = f->path.error ? ETW_NO_RESOURCES : write_file(f, head, sizeof(head));
	if (code)
		return code;
	for (size_t i = 0; i < ETW_NAME_CHARS && (!i || f->name[i - 1]); i++)
		f->name[i] = name[i];
	f->kernel_flags = p->enable_flags;
	f->flush_s = p->flush_s;
	f->runs = f->started = true;
	return 0;
}

static void describe(const struct fake_etw *f, struct etw_properties *p)
{
	p->buffer_kib = 256;
	p->nr_buffers = 8;
	p->buffers_written = f->written;
	p->events_lost = 3;
	p->buffers_lost = 1;
	memcpy(p->name, f->name, sizeof(p->name));
}

static void flush(struct fake_etw *f)
{
	bool rundown = f->rundown_asked && f->rundown_writes;

	f->rundown_writes -= rundown;
	f->written += rundown || f->kernel_flags;
}

static uint32_t control(struct etw_api *api, uint64_t session, const uint16_t *name,
			struct etw_properties *p, enum etw_control what)
{
	struct fake_etw *f = fake_of(api);
	uint32_t code = count_call(f);
	bool was_stale = f->stale;

	if (code || f->kind == FAKE_ETW_PRETENDS)
		return code;
	if (!is_laid_out(p) || (!session && !name))
		return ETW_INVALID_PARAMETER;
	if (!session && was_stale) {
		memcpy(f->name, name, FAKE_ETW_NAME_BYTES);
		describe(f, p);
		f->stale = what != ETW_STOP;
		return 0;
	}
	if (!f->runs || session != FAKE_ETW_HANDLE)
		return ETW_INSTANCE_NOT_FOUND;
	if (what == ETW_FLUSH)
		flush(f);
	describe(f, p);
	if (what == ETW_STOP) {
		f->runs = false;
		f->nr_enabled = 0;
		if (f->trace)
			return write_file(f, f->trace, f->trace_size);
	}
	return 0;
}

static uint32_t switch_off(struct fake_etw *f, const struct etw_enable *what)
{
	for (unsigned int i = 0; i < f->nr_enabled; i++) {
		if (memcmp(&f->enabled[i].provider, &what->provider, sizeof(what->provider)))
			continue;
		memmove(f->enabled + i, f->enabled + i + 1,
			(f->nr_enabled - i - 1) * sizeof(*f->enabled));
		f->nr_enabled--;
		return 0;
	}
	return 0;
}

static uint32_t enable(struct etw_api *api, uint64_t session, const struct etw_enable *what)
{
	struct fake_etw *f = fake_of(api);
	const struct etw_enable_parameters *parameters = what->parameters;
	uint32_t code = count_call(f);

	if (code || f->kind == FAKE_ETW_PRETENDS)
		return code;
	if (!f->runs || session != FAKE_ETW_HANDLE || !parameters || parameters->version != 2)
		return ETW_INVALID_PARAMETER;
	if (!what->on)
		return switch_off(f, what);
	if (f->nr_enabled == FAKE_ETW_PROVIDERS)
		return ETW_NO_RESOURCES;
	if (parameters->nr_filters) {
		const struct etw_filter *filter = (const void *)(uintptr_t)parameters->filters;
		const struct etw_filter_ids *ids = (const void *)(uintptr_t)filter->data;

		if (filter->type != ETW_FILTER_EVENT_IDS || ids->nr != 1 || !ids->only_these)
			return ETW_INVALID_PARAMETER;
		f->filter_id = ids->ids[0];
	}
	f->property = parameters->property;
	f->enabled[f->nr_enabled] = *what;
	f->enabled[f->nr_enabled++].parameters = NULL;
	f->rundown_asked |= what->provider.a == RUNDOWN_FIRST;
	return 0;
}

static uint32_t set(struct etw_api *api, uint64_t session, enum etw_info what, const void *data,
		    uint32_t size)
{
	struct fake_etw *f = fake_of(api);
	uint32_t code = count_call(f);
	struct etw_interval interval;

	if (code)
		return code;
	if (f->kind == FAKE_ETW_PRETENDS)
		return what == ETW_INFO_INTERVAL ? 0 : ETW_NOT_IMPLEMENTED;
	switch (what) {
	case ETW_INFO_INTERVAL:
		if (session || size != sizeof(interval))
			return ETW_BAD_LENGTH;
		memcpy(&interval, data, size);
		if (interval.source || interval.ticks < TICKS_LEAST || interval.ticks > TICKS_MOST)
			return ETW_INVALID_PARAMETER;
		f->ticks = interval.ticks;
		return 0;
	case ETW_INFO_STACKS:
		if (session != FAKE_ETW_HANDLE || !f->runs || size > sizeof(f->classes) ||
		    size % sizeof(*f->classes))
			return ETW_INVALID_PARAMETER;
		memcpy(f->classes, data, size);
		f->nr_classes = size / (uint32_t)sizeof(*f->classes);
		return 0;
	case ETW_INFO_SYSTEM_FLAGS:
		if (session != FAKE_ETW_HANDLE || !f->runs || size != ETW_FLAG_WORDS * 4)
			return ETW_INVALID_PARAMETER;
		memcpy(&f->kernel_flags, data, sizeof(f->kernel_flags));
		return 0;
	}
	return ETW_INVALID_PARAMETER;
}

static uint32_t query(struct etw_api *api, uint64_t session, enum etw_info what, void *data,
		      uint32_t size)
{
	struct fake_etw *f = fake_of(api);
	struct etw_interval interval = { .ticks = f->ticks };
	uint32_t code = count_call(f);

	if (code)
		return code;
	if (session || what != ETW_INFO_INTERVAL || size != sizeof(interval))
		return ETW_INVALID_PARAMETER;
	memcpy(data, &interval, size);
	return 0;
}

static void sleep_ms(struct etw_api *api, uint32_t ms)
{
	fake_of(api)->slept_ms += ms;
}

void fake_etw_init(struct fake_etw *f)
{
	*f = (struct fake_etw){
		.api = { .enable_privilege = enable_privilege,
			 .start = start,
			 .control = control,
			 .enable = enable,
			 .set = set,
			 .query = query,
			 .sleep_ms = sleep_ms,
			 .nr_cpus = 4 },
		.ticks = FAKE_ETW_TICKS,
	};
}

void fake_etw_done(struct fake_etw *f)
{
	buffer_done(&f->path);
}
