/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * windows-etw/etw_session.h on an imitated ETW: what is asked for and in which order, and that whatever fails leaves no
 * session, no file and the machine's own interval behind, with a sentence.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <unistd.h>

#include "base/macros.h"
#include "fake_etw.h"
#include "windows-etw/etw_session.h"

static char dir[64];
static char path[96];
static struct fake_etw fake;

static void set_up(void)
{
	snprintf(dir, sizeof(dir), "/tmp/onecollect-etw-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/\xc3\xa4.etl", dir);
	fake_etw_init(&fake);
}

static void tear_down(void)
{
	fake_etw_done(&fake);
	unlink(path);
	cr_assert_eq(rmdir(dir), 0, "something was left in %s", dir);
}

TestSuite(etw_session, .init = set_up, .fini = tear_down);

static struct etw_session *start(const struct etw_session_opts *opts)
{
	struct etw_session *s = NULL;
	struct oc_error err = { 0 };

	cr_assert_eq(etw_session_start(&fake.api, opts, &s, &err), 0, "%s", err.message);
	return s;
}

static struct etw_session_stats stop(struct etw_session *s)
{
	struct etw_session_stats stats = { 0 };
	struct oc_error err = { 0 };

	cr_assert_eq(etw_session_stop(s, &stats, &err), 0, "%s", err.message);
	etw_session_free(s);
	return stats;
}

/* ---- what is asked for --------------------------------------------------------------------------------------- */

Test(etw_session, the_calls_of_a_recording)
{
	static const char expected[] = "SeDebugPrivilege: 0\n"
				       "SeSystemProfilePrivilege: 0\n"
				       "ControlTraceW query: 4201\n"
				       "TraceQueryInformation interval: 0\n"
				       "TraceSetInformation interval: 0\n"
				       "StartTraceW: 0\n"
				       "ControlTraceW query: 0\n"
				       "TraceSetInformation stacks: 0\n"
				       "EnableTraceEx2 e13c0d23-... on: 0\n"
				       "TraceSetInformation system flags: 0\n"
				       "EnableTraceEx2 e13c0d23-... off: 0\n"
				       "EnableTraceEx2 a669021c-... on: 0\n";
	struct buffer log = BUFFER_INIT;
	struct etw_session_opts opts = { .path = path, .frequency_hz = 99, .log = &log };
	struct etw_session *s = start(&opts);

	cr_assert(fake.runs);
	cr_assert_eq(fake.ticks, 101010);
	cr_assert_eq(fake.kernel_flags,
		     ETW_FLAG_PROCESS | ETW_FLAG_THREAD | ETW_FLAG_IMAGE | ETW_FLAG_PROFILE);
	cr_assert_eq(fake.nr_classes, 1);
	cr_assert_eq(fake.classes[0].guid.a, 0xce1dbfb4);
	cr_assert_eq(fake.classes[0].type, 46);
	cr_assert_eq(fake.nr_enabled, 1);
	cr_assert_eq(fake.enabled[0].keywords, 0x38);
	cr_assert_eq(fake.property, 0, "methods without stacks");
	cr_assert_eq(fake.flush_s, 1);
	cr_assert_str_eq(fake.path.data, path);
	stop(s);
	cr_assert_not(fake.runs);
	cr_assert(fake.rundown_asked);
	cr_assert_eq(fake.ticks, FAKE_ETW_TICKS);
	cr_assert_eq(strncmp(log.data, expected, strlen(expected)), 0, "%s", log.data);
	cr_assert_not_null(
		strstr(log.data, "ControlTraceW stop: 0\nTraceSetInformation interval: 0\n"));
	buffer_done(&log);
}

Test(etw_session, context_switches_and_providers)
{
	struct etw_provider providers[2];
	struct etw_session_opts opts = { .path = path,
					 .frequency_hz = 1000,
					 .switches = true,
					 .no_methods = true,
					 .providers = providers,
					 .nr_providers = ARRAY_SIZE(providers) };
	struct etw_session *s;

	cr_assert_eq(etw_provider_parse("etw:01234567-89ab-cdef-0123-456789abcdef:0xff:5:77",
					&providers[0], NULL),
		     0);
	cr_assert_eq(etw_provider_parse("etw:{AABBCCDD-0000-0000-0000-000000000000}:*:0",
					&providers[1], NULL),
		     0);
	s = start(&opts);
	cr_assert_eq(fake.ticks, FAKE_ETW_TICKS);
	cr_assert_eq(fake.kernel_flags & (ETW_FLAG_SWITCH | ETW_FLAG_DISPATCHER),
		     ETW_FLAG_SWITCH | ETW_FLAG_DISPATCHER);
	cr_assert_eq(fake.nr_classes, 3);
	cr_assert_eq(fake.classes[1].type, 36);
	cr_assert_eq(fake.classes[2].type, 50);
	cr_assert_eq(fake.nr_enabled, 2);
	cr_assert_eq(fake.enabled[0].provider.c, 0xcdef);
	cr_assert_eq(fake.enabled[0].keywords, 0xff);
	cr_assert_eq(fake.enabled[0].level, 5);
	cr_assert_eq(fake.filter_id, 77);
	cr_assert_eq(fake.enabled[1].keywords, 0);
	cr_assert_eq(fake.property, ETW_ENABLE_STACKS);
	stop(s);
	cr_assert_eq(fake.slept_ms, 0, "without methods there is nothing to wait for");
}

Test(etw_session, waits_for_the_methods_of_the_runtimes)
{
	struct etw_session_opts opts = { .path = path, .frequency_hz = 1000 };
	struct etw_session *s = start(&opts);
	struct etw_session_stats stats;

	fake.rundown_writes = 10;
	stats = stop(s);
	/* Ten writes, 250 ms each, and two seconds of silence. */
	cr_assert_eq(fake.slept_ms, 4500);
	cr_assert_not(stats.rundown_cut);
	cr_assert_eq(stats.buffers_written, 10);
	cr_assert_eq(stats.events_lost, 3);
	cr_assert_eq(stats.buffers_lost, 1);
}

Test(etw_session, does_not_wait_for_ever)
{
	struct etw_session_opts opts = { .path = path, .frequency_hz = 1000 };
	struct etw_session *s = start(&opts);

	fake.rundown_writes = 1000000;
	cr_assert(stop(s).rundown_cut);
	cr_assert_eq(fake.slept_ms, 30000);
}

Test(etw_session, a_session_left_behind_is_cleared)
{
	struct etw_session_opts opts = { .path = path, .frequency_hz = 1000 };

	fake.stale = true;
	cr_assert(stop(start(&opts)).cleared_stale);
	cr_assert_not(fake.stale);
	cr_assert_not(stop(start(&opts)).cleared_stale);
}

Test(etw_session, somebody_else_stops_it)
{
	struct etw_session_opts opts = { .path = path, .frequency_hz = 99 };
	struct etw_session *s = start(&opts);

	fake.runs = false;
	cr_assert(stop(s).ended_elsewhere);
	cr_assert_eq(fake.ticks, FAKE_ETW_TICKS);
}

Test(etw_session, freed_while_it_runs)
{
	struct etw_session_opts opts = { .path = path, .frequency_hz = 99 };

	etw_session_free(start(&opts));
	cr_assert_not(fake.runs);
	cr_assert_eq(fake.ticks, FAKE_ETW_TICKS);
	cr_assert_eq(fake.slept_ms, 0);
	etw_session_free(NULL);
}

/* ---- what fails ---------------------------------------------------------------------------------------------- */

static int start_fails(const struct etw_session_opts *opts, struct oc_error *err)
{
	struct etw_session *s = NULL;
	int rc = etw_session_start(&fake.api, opts, &s, err);

	cr_assert_lt(rc, 0);
	cr_assert_eq(rc, err->code);
	cr_assert_null(s);
	cr_assert_not(fake.runs);
	cr_assert_neq(access(path, F_OK), 0, "the file is still there");
	return rc;
}

Test(etw_session, success_is_not_believed)
{
	struct etw_session_opts opts = { .path = path, .frequency_hz = 1000 };
	struct oc_error err = { 0 };

	fake.kind = FAKE_ETW_PRETENDS;
	cr_assert_eq(start_fails(&opts, &err), -EOPNOTSUPP);
	cr_assert_not_null(strstr(err.message, "ETW is not available here"));
}

Test(etw_session, what_cannot_be_asked_for)
{
	struct etw_session_opts opts = { .path = path };
	struct oc_error err = { 0 };
	char long_path[2048];

	cr_assert_eq(start_fails(&opts, &err), -EINVAL);
	opts.frequency_hz = ETW_FREQUENCY_MAX + 1;
	cr_assert_eq(start_fails(&opts, &err), -EINVAL);
	opts.frequency_hz = ETW_FREQUENCY_MAX;
	opts.nr_providers = ETW_PROVIDERS_MAX + 1;
	cr_assert_eq(start_fails(&opts, &err), -EINVAL);
	opts.nr_providers = 0;
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	opts.path = long_path;
	cr_assert_eq(start_fails(&opts, &err), -EINVAL);
	cr_assert_eq(fake.nr_calls, 0);
}

static const struct {
	uint32_t code;
	int error;
} documented[] = {
	{ ETW_ACCESS_DENIED, EPERM },     { ETW_PRIVILEGE_NOT_HELD, EPERM },
	{ ETW_NOT_ALL_ASSIGNED, EPERM },  { ETW_NOT_IMPLEMENTED, EOPNOTSUPP },
	{ ETW_NO_FUNCTION, EOPNOTSUPP },  { ETW_INVALID_PARAMETER, EOPNOTSUPP },
	{ ETW_BAD_LENGTH, EOPNOTSUPP },   { ETW_NO_RESOURCES, EBUSY },
	{ ETW_ALREADY_EXISTS, EBUSY },    { ETW_DISK_FULL, ENOSPC },
	{ ETW_SHARING_VIOLATION, EBUSY }, { ETW_BAD_PATHNAME, EINVAL },
	{ ETW_INSTANCE_NOT_FOUND, EIO },  { 31 /* one without a sentence */, EIO },
};

#define CALL_QUERY    3u
#define CALL_INTERVAL 4u

/* Starts with call number `call` failing. Returns false when there are not so many. */
static bool start_with_failure(unsigned int call, size_t i)
{
	struct etw_provider provider = { .level = 5 };
	struct etw_session_opts opts = { .path = path,
					 .frequency_hz = 99,
					 .switches = true,
					 .providers = &provider,
					 .nr_providers = 1 };
	struct oc_error err = { 0 };
	struct etw_session *s = NULL;
	int rc;

	unlink(path);
	fake_etw_done(&fake);
	fake_etw_init(&fake);
	fake.fail_call = call;
	fake.fail_code = documented[i].code;
	rc = etw_session_start(&fake.api, &opts, &s, &err);
	if (rc) {
		cr_assert_eq(rc, -documented[i].error, "call %u, code %u: %s", call,
			     documented[i].code, err.message);
		cr_assert_not_null(strstr(err.message, "cannot "));
		cr_assert_eq(err.code, rc);
		cr_assert_neq(access(path, F_OK), 0, "call %u, code %u leaves a file", call,
			      documented[i].code);
	} else {
		/* What a recording can do without: the debug privilege, a session to clear, the former interval. */
		cr_assert(call == 1 || call == CALL_QUERY || call == CALL_INTERVAL ||
			  fake.nr_calls < call);
		etw_session_free(s);
	}
	/* Whoever is told that the session is gone cannot know better. */
	if (documented[i].code != ETW_INSTANCE_NOT_FOUND)
		cr_assert_not(fake.runs, "call %u, code %u leaves a session", call,
			      documented[i].code);
	/* One that fails to be asked for is not set back, nor is it when the last call of all fails. */
	if (call != CALL_INTERVAL && fake.nr_calls != call)
		cr_assert_eq(fake.ticks, FAKE_ETW_TICKS, "call %u, code %u leaves an interval",
			     call, documented[i].code);
	return fake.nr_calls >= call;
}

Test(etw_session, each_call_of_a_start_fails_with_each_error)
{
	unsigned int call = 1;

	for (; start_with_failure(call, 0); call++) {
		for (size_t i = 1; i < ARRAY_SIZE(documented); i++)
			start_with_failure(call, i);
	}
	/* Two privileges, query, two of the interval, start, query, stacks, two providers, stop, interval again. */
	cr_assert_eq(call - 1, 12);
}

/* Stops with call number `call` of the stop failing. Returns false when there are not so many. */
static bool stop_with_failure(unsigned int call, size_t i)
{
	struct etw_session_opts opts = { .path = path, .frequency_hz = 99 };
	struct etw_session_stats stats = { 0 };
	struct oc_error err = { 0 };
	struct etw_session *s;
	unsigned int before;
	int rc;

	fake_etw_done(&fake);
	fake_etw_init(&fake);
	s = start(&opts);
	before = fake.nr_calls;
	fake.fail_call = before + call;
	fake.fail_code = documented[i].code;
	rc = etw_session_stop(s, &stats, &err);
	/* Only a session that does not stop is a failure: the trace is there otherwise. */
	if (rc)
		cr_assert(fake.runs && *err.message, "call %u, code %u: %s", call,
			  documented[i].code, err.message);
	else
		cr_assert(!fake.runs || stats.ended_elsewhere);
	/* Freeing tries once more. */
	etw_session_free(s);
	if (documented[i].code != ETW_INSTANCE_NOT_FOUND)
		cr_assert_not(fake.runs);
	return fake.nr_calls - before >= call;
}

Test(etw_session, each_call_of_a_stop_fails_with_each_error)
{
	unsigned int call = 1;

	for (; stop_with_failure(call, 0); call++) {
		for (size_t i = 1; i < ARRAY_SIZE(documented); i++)
			stop_with_failure(call, i);
	}
	cr_assert_gt(call, 10);
}

/* Windows has stopped the session, but its names did not fit into the answer. */
Test(etw_session, an_answer_that_does_not_fit)
{
	struct etw_session_opts opts = { .path = path, .frequency_hz = 1000, .no_methods = true };
	struct etw_session *s = start(&opts);

	/* Behind switching off the kernel's events. */
	fake.fail_call = fake.nr_calls + 2;
	fake.fail_code = ETW_MORE_DATA;
	cr_assert_not(stop(s).ended_elsewhere);
	cr_assert_eq(fake.nr_calls, fake.fail_call, "it is not stopped twice");
}

Test(etw_session, no_file_is_no_success)
{
	struct etw_session_opts opts = { .path = path, .frequency_hz = 1000, .no_methods = true };
	struct etw_session_stats stats;
	struct oc_error err = { 0 };
	struct etw_session *s = start(&opts);

	unlink(path);
	cr_assert_eq(etw_session_stop(s, &stats, &err), -EIO);
	cr_assert_not_null(strstr(err.message, "no trace"));
	etw_session_free(s);
}

/* ---- what is asked for on the command line ------------------------------------------------------------------- */

Test(etw_session, providers_that_are_none)
{
	static const char *const wrong[] = {
		"",
		"etw",
		"etw:",
		"etw:x:1:1",
		"etw:01234567-89ab-cdef-0123-456789abcdef",
		"etw:01234567-89ab-cdef-0123-456789abcdef:1",
		"etw:01234567-89ab-cdef-0123-456789abcdef:1:256",
		"etw:01234567-89ab-cdef-0123-456789abcdef:1:1:65536",
		"etw:01234567-89ab-cdef-0123-456789abcdef:1:1:1:1",
		"etw:01234567-89ab-cdef-0123-456789abcdef::1",
		"etw:01234567-89ab-cdef-0123456789abcdef--:1:1",
		"etw:{01234567-89ab-cdef-0123-456789abcdef:1:1",
		"etw:0123456g-89ab-cdef-0123-456789abcdef:1:1",
		"perf:01234567-89ab-cdef-0123-456789abcdef:1:1",
	};
	struct etw_provider p;
	struct oc_error err;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		cr_assert_eq(etw_provider_parse(wrong[i], &p, &err), -EINVAL, "%s", wrong[i]);
		cr_assert_not_null(strstr(err.message, "etw:GUID"));
	}
}
