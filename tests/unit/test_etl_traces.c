/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * windows-etw/etl_reader.h on real traces: every byte read, and the counts that another decoder found.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/macros.h"
#include "test_data.h"
#include "windows-etw/etl_reader.h"

/* What is known of a trace. */
struct facts {
	const char *name;
	uint64_t events[ETL_NR_HEADERS];
	uint64_t buffers;
	uint64_t data_bytes;
	uint32_t nr_cpus;
	uint32_t os_build;
};

static void expect(const struct facts *want)
{
	struct oc_input *in;
	struct etl_reader *r = NULL;
	struct buffer bytes = BUFFER_INIT;
	struct oc_error err = { 0 };
	const struct etl_event *e;
	uint64_t last = 0, header_bytes = 0;
	const struct etl_stats *stats;
	int rc;

	test_data_read(want->name, &bytes);
	cr_assert_eq(oc_input_open_memory(bytes.data, bytes.len, &in), 0);
	cr_assert_eq(etl_reader_open(in, &r, &err), 0, "%s", err.message);
	cr_assert_eq(etl_reader_log(r)->ticks_hz, 10000000);
	cr_assert_eq(etl_reader_log(r)->clock, ETL_CLOCK_QPC);
	cr_assert_eq(etl_reader_log(r)->nr_cpus, want->nr_cpus);
	cr_assert_eq(etl_reader_log(r)->os_build, want->os_build);
	cr_assert_eq(etl_reader_log(r)->events_lost, 0);
	while ((rc = etl_reader_next(r, &e)) == 1) {
		cr_assert_geq(e->time, last, "out of order");
		last = e->time;
		header_bytes += e->size;
	}
	cr_assert_eq(rc, 0);
	stats = etl_reader_stats(r);
	cr_assert_eq(memcmp(stats->events, want->events, sizeof(want->events)), 0);
	cr_assert_eq(stats->buffers, want->buffers);
	cr_assert_eq(stats->data_bytes, want->data_bytes);
	cr_assert_eq(stats->damages, 0);
	cr_assert_eq(stats->damaged_bytes, 0);
	cr_assert_eq(stats->backwards, 0);
	cr_assert(!etl_reader_damage(r, &err));
	cr_assert_lt(header_bytes, stats->data_bytes);
	etl_reader_free(r);
	oc_input_close(in);
	buffer_done(&bytes);
}

Test(etl_traces, compressed_windows_8)
{
	expect(&(struct facts){ .name = "etl/perfview-net452-x64.etl",
				.events = { 3191, 0, 100157, 7983, 0, 68143 },
				.buffers = 360,
				.data_bytes = 23042592,
				.nr_cpus = 8,
				.os_build = 9200 });
}

Test(etl_traces, relogged_windows_10)
{
	expect(&(struct facts){ .name = "etl/perfview-diaghub-kernel.etl",
				.events = { 1035, 0, 15299, 0, 0, 1 },
				.buffers = 59,
				.data_bytes = 3695312,
				.nr_cpus = 4,
				.os_build = 19041 });
}

Test(etl_traces, unmerged_windows_10)
{
	expect(&(struct facts){ .name = "etl/airbus-shutdown-kernel.etl",
				.events = { 8433, 0, 8645 },
				.buffers = 49,
				.data_bytes = 3092512,
				.nr_cpus = 2,
				.os_build = 18362 });
}

Test(etl_traces, large_buffers_windows_11)
{
	expect(&(struct facts){ .name = "etl/siemens-tracelogging-win11.etl",
				.events = { 7729, 0, 23619, 93806, 0, 47560 },
				.buffers = 41,
				.data_bytes = 33902200,
				.nr_cpus = 20,
				.os_build = 26100 });
}

Test(etl_traces, one_event)
{
	expect(&(struct facts){ .name = "etl/perfview-selfdescribing-single.etl",
				.events = { 3, 0, 0, 18, 0, 1 },
				.buffers = 3,
				.data_bytes = 7848,
				.nr_cpus = 12,
				.os_build = 22000 });
}

/* ---- the baseline -------------------------------------------------------------------------------------------- */

/* Kernel events by the name that the other decoder, TraceEvent of PerfView, gives them. */
static const struct {
	uint16_t hook;
	const char *name;
} hooks[] = {
	{ 0x0000, "EventTrace" },
	{ 0x0005, "EventTrace/Extension" },
	{ 0x0008, "EventTrace/RundownComplete" },
	{ 0x0020, "EventTrace/EndExtension" },
	{ 0x010a, "DiskIO/Read" },
	{ 0x010b, "DiskIO/Write" },
	{ 0x010c, "DiskIO/ReadInit" },
	{ 0x010d, "DiskIO/WriteInit" },
	{ 0x010e, "DiskIO/FlushBuffers" },
	{ 0x010f, "DiskIO/FlushInit" },
	{ 0x0220, "Memory/HardFault" },
	{ 0x0301, "Process/Start" },
	{ 0x0302, "Process/Stop" },
	{ 0x0303, "Process/DCStart" },
	{ 0x0304, "Process/DCStop" },
	{ 0x030a, "Image/Load" },
	{ 0x0320, "Process/PerfCtr" },
	{ 0x0321, "Process/PerfCtrRundown" },
	{ 0x0327, "Process/Defunct" },
	{ 0x0501, "Thread/Start" },
	{ 0x0502, "Thread/Stop" },
	{ 0x061a, "TcpIp/SendIPV6" },
	{ 0x061b, "TcpIp/RecvIPV6" },
	{ 0x080a, "UdpIp/Send" },
	{ 0x080b, "UdpIp/Recv" },
	{ 0x081a, "UdpIp/SendIPV6" },
	{ 0x081b, "UdpIp/RecvIPV6" },
	{ 0x0b0f, "SystemConfig/Services" },
	{ 0x0b16, "SystemConfig/PnP" },
	{ 0x0f49, "PerfInfo/CollectionStart" },
	{ 0x0f4a, "PerfInfo/CollectionEnd" },
	{ 0x1402, "Image/Unload" },
	{ 0x1403, "Image/DCStart" },
	{ 0x1404, "Image/DCStop" },
};

/* Events of other providers, by the first number of their GUID and their type or id. */
static const struct {
	uint32_t provider;
	uint16_t id;
	const char *name;
} others[] = {
	{ 0xb3e675d7, 0, "KernelTraceControl/ImageID" },
	{ 0xb3e675d7, 32, "KernelTraceControl/ImageID/None" },
	{ 0xb3e675d7, 36, "KernelTraceControl/ImageID/DbgID_RSDS" },
	{ 0xb3e675d7, 37, "KernelTraceControl/ImageID/DbgID_ILRSDS" },
	{ 0xb3e675d7, 64, "KernelTraceControl/ImageID/FileVersion" },
	{ 0x9b79ee91, 35, "Windows Kernel/SysConfig/VolumeMapping" },
	{ 0xe13c0d23, 10, "Microsoft-Windows-DotNETRuntime/GC/AllocationTick" },
	{ 0xe13c0d23, 143, "Microsoft-Windows-DotNETRuntime/Method/LoadVerbose" },
	{ 0xe13c0d23, 144, "Microsoft-Windows-DotNETRuntime/Method/UnloadVerbose" },
	{ 0xe13c0d23, 145, "Microsoft-Windows-DotNETRuntime/Method/JittingStarted" },
	{ 0xa669021c, 146, "Microsoft-Windows-DotNETRuntimeRundown/Method/DCStopComplete" },
	{ 0xa669021c, 154, "Microsoft-Windows-DotNETRuntimeRundown/Loader/ModuleDCStop" },
};

/* The number behind "COUNT NAME:" in the baseline; name: with its provider. */
static unsigned long baseline_count(const struct buffer *baseline, const char *provider,
				    const char *name)
{
	char line[128];
	const char *at;

	snprintf(line, sizeof(line), "\nCOUNT %s%s:", provider, name);
	at = strstr(baseline->data, line);
	cr_assert_not_null(at, "%s", name);
	return strtoul(at + strlen(line), NULL, 10);
}

Test(etl_traces, counts_of_another_decoder)
{
	static unsigned long counts[65536], of_others[ARRAY_SIZE(others)];
	struct buffer bytes = BUFFER_INIT, baseline = BUFFER_INIT;
	struct oc_input *in;
	struct etl_reader *r = NULL;
	const struct etl_event *e;

	test_data_read("etl/perfview-net452-x64.etl", &bytes);
	test_data_read("etl/perfview-net452-x64.baseline.txt", &baseline);
	cr_assert_eq(oc_input_open_memory(bytes.data, bytes.len, &in), 0);
	cr_assert_eq(etl_reader_open(in, &r, NULL), 0);
	while (etl_reader_next(r, &e) == 1) {
		uint16_t id = e->header == ETL_EVENT ? e->id : e->opcode;

		if (e->header <= ETL_PERFINFO)
			counts[e->id]++;
		for (size_t i = 0; e->provider && i < ARRAY_SIZE(others); i++)
			of_others[i] +=
				le32(e->provider) == others[i].provider && id == others[i].id;
	}
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
		cr_assert_eq(counts[hooks[i].hook],
			     baseline_count(&baseline, "Windows Kernel/", hooks[i].name), "%s",
			     hooks[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		cr_assert_eq(of_others[i], baseline_count(&baseline, "", others[i].name), "%s: %lu",
			     others[i].name, of_others[i]);
	cr_assert_eq(counts[0x0f2e], 79528, "samples, those of idle processors included");
	etl_reader_free(r);
	oc_input_close(in);
	buffer_done(&bytes);
	buffer_done(&baseline);
}
