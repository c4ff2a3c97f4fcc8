/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares etw_api.h with the headers of Windows while a build for Windows compiles; makes no code.
 * Called by nobody.
 * Must not hold anything but comparisons.
 */
#include <windows.h>

#include <evntrace.h>

#include <evntcons.h>

#include "windows-etw/etw_api.h"

#define SAME_SIZE(ours, theirs) _Static_assert(sizeof(ours) == sizeof(theirs), #theirs)
#define SAME_FIELD(ours, our_field, theirs, their_field)                             \
	_Static_assert(offsetof(ours, our_field) == offsetof(theirs, their_field) && \
			       sizeof(((ours *)0)->our_field) ==                     \
				       sizeof(((theirs *)0)->their_field),           \
		       #theirs "." #their_field)
#define SAME_VALUE(ours, theirs) _Static_assert((unsigned int)(ours) == (theirs), #theirs)

/* GUID */
SAME_SIZE(struct etw_guid, GUID);
SAME_FIELD(struct etw_guid, a, GUID, Data1);
SAME_FIELD(struct etw_guid, b, GUID, Data2);
SAME_FIELD(struct etw_guid, c, GUID, Data3);
SAME_FIELD(struct etw_guid, d, GUID, Data4);

/* EVENT_TRACE_PROPERTIES */
SAME_FIELD(struct etw_properties, all_bytes, EVENT_TRACE_PROPERTIES, Wnode.BufferSize);
SAME_FIELD(struct etw_properties, provider, EVENT_TRACE_PROPERTIES, Wnode.ProviderId);
SAME_FIELD(struct etw_properties, context, EVENT_TRACE_PROPERTIES, Wnode.HistoricalContext);
SAME_FIELD(struct etw_properties, time, EVENT_TRACE_PROPERTIES, Wnode.TimeStamp);
SAME_FIELD(struct etw_properties, guid, EVENT_TRACE_PROPERTIES, Wnode.Guid);
SAME_FIELD(struct etw_properties, clock, EVENT_TRACE_PROPERTIES, Wnode.ClientContext);
SAME_FIELD(struct etw_properties, flags, EVENT_TRACE_PROPERTIES, Wnode.Flags);
SAME_FIELD(struct etw_properties, buffer_kib, EVENT_TRACE_PROPERTIES, BufferSize);
SAME_FIELD(struct etw_properties, min_buffers, EVENT_TRACE_PROPERTIES, MinimumBuffers);
SAME_FIELD(struct etw_properties, max_buffers, EVENT_TRACE_PROPERTIES, MaximumBuffers);
SAME_FIELD(struct etw_properties, max_file_mib, EVENT_TRACE_PROPERTIES, MaximumFileSize);
SAME_FIELD(struct etw_properties, mode, EVENT_TRACE_PROPERTIES, LogFileMode);
SAME_FIELD(struct etw_properties, flush_s, EVENT_TRACE_PROPERTIES, FlushTimer);
SAME_FIELD(struct etw_properties, enable_flags, EVENT_TRACE_PROPERTIES, EnableFlags);
SAME_FIELD(struct etw_properties, age_limit, EVENT_TRACE_PROPERTIES, AgeLimit);
SAME_FIELD(struct etw_properties, nr_buffers, EVENT_TRACE_PROPERTIES, NumberOfBuffers);
SAME_FIELD(struct etw_properties, free_buffers, EVENT_TRACE_PROPERTIES, FreeBuffers);
SAME_FIELD(struct etw_properties, events_lost, EVENT_TRACE_PROPERTIES, EventsLost);
SAME_FIELD(struct etw_properties, buffers_written, EVENT_TRACE_PROPERTIES, BuffersWritten);
SAME_FIELD(struct etw_properties, buffers_lost, EVENT_TRACE_PROPERTIES, LogBuffersLost);
SAME_FIELD(struct etw_properties, realtime_buffers_lost, EVENT_TRACE_PROPERTIES,
	   RealTimeBuffersLost);
SAME_FIELD(struct etw_properties, thread, EVENT_TRACE_PROPERTIES, LoggerThreadId);
SAME_FIELD(struct etw_properties, file_offset, EVENT_TRACE_PROPERTIES, LogFileNameOffset);
SAME_FIELD(struct etw_properties, name_offset, EVENT_TRACE_PROPERTIES, LoggerNameOffset);

/* CLASSIC_EVENT_ID */
SAME_SIZE(struct etw_event_class, CLASSIC_EVENT_ID);
SAME_FIELD(struct etw_event_class, guid, CLASSIC_EVENT_ID, EventGuid);
SAME_FIELD(struct etw_event_class, type, CLASSIC_EVENT_ID, Type);
SAME_FIELD(struct etw_event_class, reserved, CLASSIC_EVENT_ID, Reserved);

/* TRACE_PROFILE_INTERVAL */
SAME_SIZE(struct etw_interval, TRACE_PROFILE_INTERVAL);
SAME_FIELD(struct etw_interval, source, TRACE_PROFILE_INTERVAL, Source);
SAME_FIELD(struct etw_interval, ticks, TRACE_PROFILE_INTERVAL, Interval);

/* EVENT_FILTER_DESCRIPTOR */
SAME_SIZE(struct etw_filter, EVENT_FILTER_DESCRIPTOR);
SAME_FIELD(struct etw_filter, data, EVENT_FILTER_DESCRIPTOR, Ptr);
SAME_FIELD(struct etw_filter, size, EVENT_FILTER_DESCRIPTOR, Size);
SAME_FIELD(struct etw_filter, type, EVENT_FILTER_DESCRIPTOR, Type);

/* ENABLE_TRACE_PARAMETERS */
SAME_SIZE(struct etw_enable_parameters, ENABLE_TRACE_PARAMETERS);
SAME_SIZE(struct etw_enable_parameters, ENABLE_TRACE_PARAMETERS);
SAME_FIELD(struct etw_enable_parameters, version, ENABLE_TRACE_PARAMETERS, Version);
SAME_FIELD(struct etw_enable_parameters, property, ENABLE_TRACE_PARAMETERS, EnableProperty);
SAME_FIELD(struct etw_enable_parameters, control_flags, ENABLE_TRACE_PARAMETERS, ControlFlags);
SAME_FIELD(struct etw_enable_parameters, source, ENABLE_TRACE_PARAMETERS, SourceId);
SAME_FIELD(struct etw_enable_parameters, filters, ENABLE_TRACE_PARAMETERS, EnableFilterDesc);
SAME_FIELD(struct etw_enable_parameters, nr_filters, ENABLE_TRACE_PARAMETERS, FilterDescCount);

/* values */
SAME_VALUE(ETW_PROPERTIES_BYTES, sizeof(EVENT_TRACE_PROPERTIES));
SAME_VALUE(ETW_TRACED_GUID, WNODE_FLAG_TRACED_GUID);
SAME_VALUE(ETW_MODE_FILE, EVENT_TRACE_FILE_MODE_SEQUENTIAL);
SAME_VALUE(ETW_MODE_SYSTEM_LOGGER, EVENT_TRACE_SYSTEM_LOGGER_MODE);
SAME_VALUE(ETW_MODE_INDEPENDENT, EVENT_TRACE_INDEPENDENT_SESSION_MODE);
SAME_VALUE(ETW_FLAG_PROCESS, EVENT_TRACE_FLAG_PROCESS);
SAME_VALUE(ETW_FLAG_THREAD, EVENT_TRACE_FLAG_THREAD);
SAME_VALUE(ETW_FLAG_IMAGE, EVENT_TRACE_FLAG_IMAGE_LOAD);
SAME_VALUE(ETW_FLAG_SWITCH, EVENT_TRACE_FLAG_CSWITCH);
SAME_VALUE(ETW_FLAG_DISPATCHER, EVENT_TRACE_FLAG_DISPATCHER);
SAME_VALUE(ETW_FLAG_PROFILE, EVENT_TRACE_FLAG_PROFILE);
SAME_VALUE(ETW_QUERY, EVENT_TRACE_CONTROL_QUERY);
SAME_VALUE(ETW_STOP, EVENT_TRACE_CONTROL_STOP);
SAME_VALUE(ETW_UPDATE, EVENT_TRACE_CONTROL_UPDATE);
SAME_VALUE(ETW_FLUSH, EVENT_TRACE_CONTROL_FLUSH);
SAME_VALUE(ETW_INFO_STACKS, TraceStackTracingInfo);
SAME_VALUE(ETW_INFO_SYSTEM_FLAGS, TraceSystemTraceEnableFlagsInfo);
SAME_VALUE(ETW_INFO_INTERVAL, TraceSampledProfileIntervalInfo);
SAME_VALUE(ETW_ENABLE_VERSION, ENABLE_TRACE_PARAMETERS_VERSION_2);
SAME_VALUE(ETW_ENABLE_STACKS, EVENT_ENABLE_PROPERTY_STACK_TRACE);
SAME_VALUE(ETW_ACCESS_DENIED, ERROR_ACCESS_DENIED);
SAME_VALUE(ETW_BAD_LENGTH, ERROR_BAD_LENGTH);
SAME_VALUE(ETW_SHARING_VIOLATION, ERROR_SHARING_VIOLATION);
SAME_VALUE(ETW_INVALID_PARAMETER, ERROR_INVALID_PARAMETER);
SAME_VALUE(ETW_DISK_FULL, ERROR_DISK_FULL);
SAME_VALUE(ETW_NOT_IMPLEMENTED, ERROR_CALL_NOT_IMPLEMENTED);
SAME_VALUE(ETW_INVALID_NAME, ERROR_INVALID_NAME);
SAME_VALUE(ETW_NO_FUNCTION, ERROR_PROC_NOT_FOUND);
SAME_VALUE(ETW_BAD_PATHNAME, ERROR_BAD_PATHNAME);
SAME_VALUE(ETW_ALREADY_EXISTS, ERROR_ALREADY_EXISTS);
SAME_VALUE(ETW_MORE_DATA, ERROR_MORE_DATA);
SAME_VALUE(ETW_NOT_ALL_ASSIGNED, ERROR_NOT_ALL_ASSIGNED);
SAME_VALUE(ETW_PRIVILEGE_NOT_HELD, ERROR_PRIVILEGE_NOT_HELD);
SAME_VALUE(ETW_NO_RESOURCES, ERROR_NO_SYSTEM_RESOURCES);
SAME_VALUE(ETW_INSTANCE_NOT_FOUND, ERROR_WMI_INSTANCE_NOT_FOUND);
