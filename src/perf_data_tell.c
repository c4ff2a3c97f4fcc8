/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records of a perf.data file made into calls of a sink.
 * Called by perf_data_input.c.
 * Must not know how the file is made up; takes every field as possibly wrong.
 */
#include "perf_data_tell.h"

#include <errno.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/array.h"
#include "base/id_table.h"
#include "base/le.h"
#include "base/macros.h"
#include "export/formats/perf_data_decode.h"
#include "export/formats/perf_data_order.h"
#include "machine_sink.h"
#include "perf_data_tasks.h"
#include "perf_data_unwind.h"

#define NS_PER_S 1000000000ULL

/* The upper part of the address space of every 64-bit machine is the kernel's. */
#define KERNEL_START 0xff00000000000000ULL

/* Events that the kernel has stopped; more than this at a time are not estimated. */
#define THROTTLED_MAX 64

/* Fields of records, as offsets; include/uapi/linux/perf_event.h, enum perf_event_type. */
enum {
	TASK_PID = 8, /* of FORK, EXIT, COMM, MMAP, MMAP2 */
	COMM_TID = 12,
	COMM_TEXT = 16,
	FORK_PARENT_PID = 12,
	FORK_TID = 16,
	FORK_PARENT_TID = 20,
	FORK_BYTES = 32,
	MMAP_START = 16,
	MMAP_LEN = 24,
	MMAP_OFFSET = 32,
	MMAP_PATH = 40,
	MMAP2_MAJOR = 40, /* or the size of the build-id, in one byte */
	MMAP2_MINOR = 44, /* or the build-id, 20 bytes */
	MMAP2_INODE = 48,
	MMAP2_PROT = 64,
	MMAP2_PATH = 72,
	KSYMBOL_START = 8,
	KSYMBOL_LEN = 16,
	KSYMBOL_FLAGS = 22,
	KSYMBOL_NAME = 24,
	LOST_ID = 8,
	LOST_COUNT = 16,
	LOST_BYTES = 24,
	LOST_SAMPLES_COUNT = 8,
	LOST_SAMPLES_BYTES = 16,
	THROTTLE_TIME = 8,
	THROTTLE_ID = 16,
	THROTTLE_STREAM = 24,
	THROTTLE_BYTES = 32,
};

/* What the kind of an event's samples is, and what one of them stands for. */
struct event_kind {
	uint32_t kind; /* index + 1; 0 = no sample was met yet */
	bool is_time;  /* sampled by a clock: it is samples that count */
	uint64_t period_ns;
};

struct throttled {
	uint64_t stream;
	uint64_t since_ns;
};

struct teller {
	struct perf_data_file *file;
	struct oc_machine *m;
	struct sink *sink;
	struct perf_data_told *told;
	struct perf_data_layout layout;
	struct perf_data_order order;
	struct perf_data_tasks tasks;
	struct event_kind *events; /* [nr_events] */
	size_t nr_events;
	size_t events_cap;
	size_t nr_seen; /* events that are kinds, if they are to be */
	struct collector_kind kinds[OC_KINDS_MAX];
	char names[OC_KINDS_MAX][sizeof(((struct oc_kind *)0)->name)];
	struct throttled throttled[THROTTLED_MAX];
	uint32_t nr_throttled;
	struct perf_data_unwinder *unwinder; /* made for the first copy of a stack */
	uint64_t seed; /* of the names of stacks, which files must not be able to choose */
};

/* A part of a stack that is being taken out of a sample. */
struct part {
	uint64_t frames[OC_STACK_FRAMES_MAX];
	uint32_t nr;
	bool is_cut;
};

/* ---- events and kinds ---------------------------------------------------------------------------------------- */

static bool is_software(const struct perf_event_attr *attr, uint64_t config)
{
	return attr->type == PERF_TYPE_SOFTWARE && attr->config == config;
}

static bool is_clock(const struct perf_event_attr *attr)
{
	return is_software(attr, PERF_COUNT_SW_CPU_CLOCK) ||
	       is_software(attr, PERF_COUNT_SW_TASK_CLOCK);
}

static bool counts_cycles(const struct perf_event_attr *attr)
{
	return attr->type == PERF_TYPE_HARDWARE && (attr->config == PERF_COUNT_HW_CPU_CYCLES ||
						    attr->config == PERF_COUNT_HW_REF_CPU_CYCLES);
}

/* A clock that ticks each nanosecond is none: the period of its samples is a time that was measured. */
static bool measures_time(const struct perf_event_attr *attr)
{
	return is_clock(attr) && !attr->freq && attr->sample_period == 1;
}

/* Time from one sample of a clock to the next; the kernel makes a frequency a period when it opens the event. */
static uint64_t clock_period_ns(const struct perf_event_attr *attr)
{
	if (!attr->sample_period || !is_clock(attr) || measures_time(attr))
		return 0;
	return attr->freq ? MAX(NS_PER_S / attr->sample_freq, 1) : attr->sample_period;
}

/* Events in a pipe come one by one, so their list may have grown. */
static int see_events(struct teller *t)
{
	size_t nr;

	perf_data_events(t->file, &nr);
	if (nr == t->nr_events)
		return 0;
	if (array_reserve(&t->events, &t->events_cap, nr, sizeof(*t->events)))
		return -ENOMEM;
	memset(t->events + t->nr_events, 0, (nr - t->nr_events) * sizeof(*t->events));
	t->nr_events = nr;
	perf_data_layout_init(&t->layout, t->file);
	return 0;
}

static enum oc_unit unit_of(const struct perf_event_attr *attr)
{
	if (measures_time(attr))
		return OC_UNIT_NANOSECONDS;
	return counts_cycles(attr) ? OC_UNIT_CYCLES : OC_UNIT_COUNT;
}

static int add_kind(struct teller *t, const struct perf_data_event *event,
		    struct event_kind *ret_kind)
{
	bool is_last = t->told->nr_kinds == OC_KINDS_MAX - 1;
	struct oc_kind kind = { .unit = unit_of(&event->attr) };
	uint32_t i = 0;
	int64_t rc;

	kind.period_ns = clock_period_ns(&event->attr);
	if (is_last)
		kind = (struct oc_kind){ .unit = OC_UNIT_COUNT };
	snprintf(kind.name, sizeof(kind.name), "%.*s", (int)sizeof(kind.name) - 1,
		 is_last ? "other events" : event->name);
	while (i < t->told->nr_kinds && strcmp(t->names[i], kind.name))
		i++;
	*ret_kind = (struct event_kind){ i + 1, kind.period_ns, kind.period_ns };
	if (i < t->told->nr_kinds || i == OC_KINDS_MAX)
		return 0;
	memcpy(t->names[i], kind.name, sizeof(kind.name));
	t->kinds[i] = (struct collector_kind){ .name = t->names[i], .period_ns = kind.period_ns };
	t->told->nr_kinds++;
	/* The sink adds kinds that count; one that is there already stays what it is. */
	rc = oc_machine_add_kind(t->m, &kind);
	return rc < 0 ? (int)rc : machine_sink_set_kinds(t->sink, t->kinds, t->told->nr_kinds);
}

static int kind_of(struct teller *t, uint32_t event, const struct event_kind **ret_kind)
{
	struct event_kind *kind = &t->events[event];
	size_t nr;
	int rc = 0;

	if (!kind->kind)
		rc = add_kind(t, &perf_data_events(t->file, &nr)[event], kind);
	*ret_kind = kind;
	return rc;
}

/* Events are kinds in their order, but for those which only track processes. */
static int add_kinds(struct teller *t)
{
	const struct event_kind *kind;
	size_t nr;
	const struct perf_data_event *events = perf_data_events(t->file, &nr);
	int rc = 0;

	for (; !rc && t->nr_seen < nr; t->nr_seen++) {
		if (!is_software(&events[t->nr_seen].attr, PERF_COUNT_SW_DUMMY))
			rc = kind_of(t, (uint32_t)t->nr_seen, &kind);
	}
	return rc;
}

/* ---- processes ----------------------------------------------------------------------------------------------- */

/* The text at `offset` of a record, which ends inside of it. NULL = it does not. */
static const char *text_at(const struct teller *t, const struct perf_data_record *record,
			   size_t offset)
{
	size_t end = record->size - MIN(record->size, perf_data_id_bytes(&t->layout));
	const char *text = (const char *)record->data + offset;

	return end > offset && memchr(text, '\0', end - offset) ? text : NULL;
}

/* The name of a thread as it is known, for those that it starts. NULL = unknown. */
static const char *name_of_thread(const struct teller *t, sink_process process, uint32_t tid)
{
	int64_t id = oc_machine_add_thread(t->m, process, tid);
	const struct oc_thread *thread = id > 0 ? oc_machine_thread(t->m, (uint32_t)id) : NULL;
	oc_string_id name = thread ? thread->name : 0;

	if (!name)
		name = oc_machine_process(t->m, process)->comm;
	return name ? oc_machine_string(t->m, name, NULL) : NULL;
}

static int take_comm(struct teller *t, const struct perf_data_record *record, uint64_t time_ns)
{
	const char *comm = text_at(t, record, COMM_TEXT);
	struct collector_process facts = { .comm = comm };
	struct perf_data_task *task;
	uint32_t pid, tid;
	int rc;

	if (!comm)
		return -EBADMSG;
	pid = le32(record->data + TASK_PID);
	tid = le32(record->data + COMM_TID);
	if (record->misc & PERF_RECORD_MISC_COMM_EXEC)
		rc = perf_data_task_exec(&t->tasks, pid, comm, time_ns);
	else
		rc = perf_data_task_found(&t->tasks, pid, time_ns);
	if (rc)
		return rc;
	task = perf_data_task_of(&t->tasks, pid);
	if (!task)
		return -ENOMEM;
	facts.pid = task->pid;
	t->sink->ops->thread(t->sink, task->name, tid, 0, comm);
	if (tid == pid)
		t->sink->ops->process_facts(t->sink, task->name, &facts);
	return 0;
}

static int take_new_thread(struct teller *t, uint32_t pid, uint32_t tid, uint32_t parent_tid,
			   uint64_t time_ns)
{
	struct perf_data_task *task = perf_data_task_named(&t->tasks, pid, time_ns);

	if (!task)
		return -ENOMEM;
	task->nr_threads += task->nr_threads < UINT32_MAX;
	t->sink->ops->thread(t->sink, task->name, tid, 0,
			     name_of_thread(t, task->name, parent_tid));
	return 0;
}

static int take_fork(struct teller *t, const struct perf_data_record *record, uint64_t time_ns)
{
	const uint8_t *p = record->data;
	uint32_t pid, parent_pid;
	const char *name = NULL;
	struct perf_data_task *task;
	int rc;

	if (record->size < FORK_BYTES)
		return -EBADMSG;
	pid = le32(p + TASK_PID);
	parent_pid = le32(p + FORK_PARENT_PID);
	if (pid != le32(p + FORK_TID))
		return take_new_thread(t, pid, le32(p + FORK_TID), le32(p + FORK_PARENT_TID),
				       time_ns);
	/* perf tells so of those that ran already; they have nothing from their parent. */
	if (record->misc & PERF_RECORD_MISC_FORK_EXEC)
		return perf_data_task_found(&t->tasks, pid, time_ns);
	task = perf_data_task_named(&t->tasks, parent_pid, time_ns);
	if (!task)
		return -ENOMEM;
	name = name_of_thread(t, task->name, le32(p + FORK_PARENT_TID));
	rc = perf_data_task_forked(&t->tasks, pid, parent_pid, time_ns);
	if (rc)
		return rc;
	task = perf_data_task_of(&t->tasks, pid);
	t->sink->ops->thread(t->sink, task->name, pid, 0, name);
	return 0;
}

static int take_exit(struct teller *t, const struct perf_data_record *record, uint64_t time_ns)
{
	if (record->size < FORK_BYTES)
		return -EBADMSG;
	return perf_data_task_thread_ended(&t->tasks, le32(record->data + TASK_PID), time_ns);
}

/* ---- mappings ------------------------------------------------------------------------------------------------ */

static void learn_exe(struct teller *t, struct perf_data_task *task, const char *path)
{
	const struct collector_process facts = { .pid = task->pid, .exe = path };

	if (!task->wants_exe || path[0] != '/' || path[1] == '/')
		return;
	task->wants_exe = false;
	t->sink->ops->process_facts(t->sink, task->name, &facts);
}

/* The kernel is mapped as a whole already; its modules, and code that was made for it, get their names. */
static void map_kernel(struct teller *t, struct collector_mapping *mapping, uint64_t time_ns)
{
	/* perf says here where a symbol of the kernel is. */
	if (!strcmp(mapping->path, PERF_DATA_KERNEL_NAME "_text"))
		t->told->kernel_text = mapping->file_offset;
	if (mapping->start < KERNEL_START || !strncmp(mapping->path, "[kernel", strlen("[kernel")))
		return;
	mapping->type = COLLECTOR_KERNEL;
	mapping->file_offset = mapping->start; /* offsets in the kernel are addresses */
	mapping->device = mapping->inode = 0;
	t->sink->ops->mapping_add(t->sink, time_ns, 0, mapping);
}

static int map(struct teller *t, const struct perf_data_record *record,
	       struct collector_mapping *mapping, uint64_t time_ns)
{
	const uint8_t *p = record->data;
	uint16_t mode = record->misc & PERF_RECORD_MISC_CPUMODE_MASK;
	struct perf_data_task *task;

	mapping->start = le64(p + MMAP_START);
	mapping->file_offset = le64(p + MMAP_OFFSET);
	if (__builtin_add_overflow(mapping->start, le64(p + MMAP_LEN), &mapping->end))
		mapping->end = UINT64_MAX;
	if (mapping->start >= mapping->end)
		return -EBADMSG;
	if (!mapping->build_id)
		mapping->build_id =
			perf_data_build_id(t->file, mapping->path, &mapping->build_id_size);
	if (mode == PERF_RECORD_MISC_KERNEL) {
		map_kernel(t, mapping, time_ns);
		return 0;
	}
	if (mode != PERF_RECORD_MISC_USER)
		return 0;
	task = perf_data_task_named(&t->tasks, le32(p + TASK_PID), time_ns);
	if (!task)
		return -ENOMEM;
	if (!task->alive)
		return 0;
	t->sink->ops->mapping_add(t->sink, time_ns, task->pid, mapping);
	if (t->unwinder)
		perf_data_unwinder_mapped(t->unwinder, task->name);
	learn_exe(t, task, mapping->path);
	return 0;
}

static int take_mmap(struct teller *t, const struct perf_data_record *record, uint64_t time_ns)
{
	struct collector_mapping mapping = { .path = text_at(t, record, MMAP_PATH) };

	if (!mapping.path)
		return -EBADMSG;
	return record->misc & PERF_RECORD_MISC_MMAP_DATA ? 0 : map(t, record, &mapping, time_ns);
}

static int take_mmap2(struct teller *t, const struct perf_data_record *record, uint64_t time_ns)
{
	struct collector_mapping mapping = { .path = text_at(t, record, MMAP2_PATH) };
	const uint8_t *p = record->data;

	if (!mapping.path)
		return -EBADMSG;
	if (!(le32(p + MMAP2_PROT) & PROT_EXEC))
		return 0;
	if (record->misc & PERF_RECORD_MISC_MMAP_BUILD_ID) {
		mapping.build_id = p + MMAP2_MINOR;
		mapping.build_id_size = (uint8_t)MIN(p[MMAP2_MAJOR], OC_BUILD_ID_MAX);
	} else {
		mapping.device = makedev(le32(p + MMAP2_MAJOR), le32(p + MMAP2_MINOR));
		mapping.inode = le64(p + MMAP2_INODE);
	}
	return map(t, record, &mapping, time_ns);
}

/* Code that was made for the kernel while it ran: BPF programs. What goes away stays until something takes its place. */
static int take_ksymbol(struct teller *t, const struct perf_data_record *record, uint64_t time_ns)
{
	struct collector_mapping mapping = { .path = text_at(t, record, KSYMBOL_NAME) };

	if (!mapping.path)
		return -EBADMSG;
	mapping.start = le64(record->data + KSYMBOL_START);
	if (le16(record->data + KSYMBOL_FLAGS) & PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER ||
	    __builtin_add_overflow(mapping.start, le32(record->data + KSYMBOL_LEN), &mapping.end))
		return 0;
	map_kernel(t, &mapping, time_ns);
	return 0;
}

/* ---- losses -------------------------------------------------------------------------------------------------- */

static struct perf_data_kind_counts *counts_of(struct teller *t, uint64_t id)
{
	uint32_t event = perf_data_event_of(t->file, id);
	const struct event_kind *kind;
	const struct perf_event_attr *attr;
	size_t nr;

	if (event >= t->nr_events)
		return NULL;
	attr = &perf_data_events(t->file, &nr)[event].attr;
	if (is_software(attr, PERF_COUNT_SW_DUMMY) || kind_of(t, event, &kind))
		return NULL;
	t->told->kinds[kind->kind - 1].lost_is_both |=
		!!(attr->read_format & PERF_DATA_FORMAT_LOST);
	return &t->told->kinds[kind->kind - 1];
}

static int take_lost(struct teller *t, const struct perf_data_record *record)
{
	struct perf_data_kind_counts *counts;

	if (record->size < LOST_BYTES)
		return -EBADMSG;
	counts = counts_of(t, le64(record->data + LOST_ID));
	*(counts ? &counts->lost_records : &t->told->lost_others) +=
		le64(record->data + LOST_COUNT);
	return 0;
}

static int take_lost_samples(struct teller *t, const struct perf_data_record *record, uint64_t id)
{
	struct perf_data_kind_counts *counts;

	if (record->size < LOST_SAMPLES_BYTES)
		return -EBADMSG;
	counts = counts_of(t, id);
	*(counts ? &counts->lost_samples : &t->told->lost_others) +=
		le64(record->data + LOST_SAMPLES_COUNT);
	return 0;
}

/* Samples that an event would have taken in so long a time; 0 where it is not sampled by time. */
static uint64_t samples_in(const struct perf_event_attr *attr, uint64_t ns)
{
	if (!attr->sample_period)
		return 0;
	if (attr->freq)
		return ns / MAX(NS_PER_S / attr->sample_freq, 1);
	return is_clock(attr) ? ns / attr->sample_period : 0;
}

static int take_throttle(struct teller *t, const struct perf_data_record *record)
{
	const uint8_t *p = record->data;
	uint32_t event, i = 0;
	const struct event_kind *kind;
	uint64_t time_ns, stream, count = 0;
	size_t nr;
	int rc;

	if (record->size < THROTTLE_BYTES)
		return -EBADMSG;
	time_ns = le64(p + THROTTLE_TIME);
	stream = le64(p + THROTTLE_STREAM);
	event = perf_data_event_of(t->file, le64(p + THROTTLE_ID));
	while (i < t->nr_throttled && t->throttled[i].stream != stream)
		i++;
	if (record->type == PERF_RECORD_THROTTLE) {
		if (i < THROTTLED_MAX)
			t->throttled[i] = (struct throttled){ stream, time_ns };
		t->nr_throttled = MIN(MAX(t->nr_throttled, i + 1), THROTTLED_MAX);
		return 0;
	}
	if (i == t->nr_throttled || event >= t->nr_events)
		return 0;
	if (time_ns > t->throttled[i].since_ns)
		count = samples_in(&perf_data_events(t->file, &nr)[event].attr,
				   time_ns - t->throttled[i].since_ns);
	t->throttled[i] = t->throttled[--t->nr_throttled];
	rc = kind_of(t, event, &kind);
	if (!rc && count)
		t->sink->ops->lost(t->sink, kind->kind - 1, OC_LOSS_THROTTLED, count);
	return rc;
}

/* ---- samples ------------------------------------------------------------------------------------------------- */

/* Its frames are written before they are read: clearing 8 KiB a sample would cost more than most stacks. */
static void part_begin(struct part *part)
{
	part->nr = 0;
	part->is_cut = false;
}

static void add_frame(struct part *part, uint64_t address)
{
	if (part->nr < ARRAY_SIZE(part->frames))
		part->frames[part->nr++] = address;
	else
		part->is_cut = true;
}

/* The part of the stack that a sample's address is in; NULL = of a guest. */
static struct part *part_of_mode(uint16_t misc, struct part *kernel, struct part *user)
{
	switch (misc & PERF_RECORD_MISC_CPUMODE_MASK) {
	case PERF_RECORD_MISC_KERNEL:
	case PERF_RECORD_MISC_HYPERVISOR:
		return kernel;
	case PERF_RECORD_MISC_USER:
		return user;
	default:
		return NULL;
	}
}

/* Addresses from a marker on are of what it names. */
static void take_callchain(const struct perf_data_sample *sample, struct part *at,
			   struct part *kernel, struct part *user)
{
	for (uint64_t i = 0; i < sample->nr_ips; i++) {
		uint64_t ip = le64(sample->ips + 8 * i);

		if (ip < (uint64_t)PERF_CONTEXT_MAX) {
			if (at)
				add_frame(at, ip);
			continue;
		}
		at = ip == (uint64_t)PERF_CONTEXT_KERNEL || ip == (uint64_t)PERF_CONTEXT_HV ? kernel
		     : ip == (uint64_t)PERF_CONTEXT_USER                                    ? user
											    : NULL;
	}
}

/* Tells the sink of a part. Returns its name, 0 = it is empty. */
static uint64_t name_part(struct teller *t, const struct part *part, bool is_kernel)
{
	uint64_t name;

	if (!part->nr)
		return 0;
	name = hash_words(part->frames, part->nr, t->seed) | 1;
	t->sink->ops->stack_define(t->sink, name, part->frames, part->nr, is_kernel);
	return name;
}

/* What a sample stands for: of a clock a number of its periods, of others what they counted. */
static void weigh(const struct event_kind *kind, const struct perf_event_attr *attr,
		  uint64_t period, struct collector_sample *sample)
{
	sample->count = 1;
	sample->value = period;
	if (!kind->is_time)
		return;
	if (!attr->freq && period > kind->period_ns)
		sample->count = period / kind->period_ns;
	sample->value = sample->count;
}

static bool is_of_this_host(const struct perf_data_facts *facts)
{
	char name[HOST_NAME_MAX + 1] = "";

	return !gethostname(name, sizeof(name) - 1) && facts->hostname.len &&
	       !strcmp(name, facts->hostname.data);
}

/* The user part of a sample that has a copy of its stack. Where there is no walk the sampled place stays. */
static int walk_copy(struct teller *t, const struct perf_data_sample *sample,
		     const struct perf_event_attr *attr, struct part *user,
		     struct collector_sample *told)
{
	const char *arch = perf_data_facts(t->file)->arch.data;
	struct perf_data_copy copy = {
		.process = told->process,
		.mask = attr->sample_regs_user,
		.regs = sample->regs,
		.stack = sample->stack,
		.stack_size = sample->stack_size,
		.in_kernel = told->kernel_stack,
	};
	struct perf_data_walk walk;
	int rc;

	told->has_user_part = sample->regs_abi;
	told->incomplete = OC_STACK_NO_STACK;
	if (sample->regs_abi != PERF_SAMPLE_REGS_ABI_64 || user->nr > 1)
		return 0;
	if (!t->unwinder) {
		t->unwinder =
			perf_data_unwinder_new(t->sink, t->m, arch && !strcmp(arch, "aarch64"));
		t->told->is_same_host = is_of_this_host(perf_data_facts(t->file));
	}
	if (!t->unwinder)
		return -ENOMEM;
	copy.is_same_host = t->told->is_same_host;
	rc = perf_data_unwinder_walk(t->unwinder, &copy, user->frames, ARRAY_SIZE(user->frames),
				     &walk);
	if (rc)
		return rc;
	user->nr = walk.nr ? walk.nr : user->nr;
	told->is_complete = walk.is_complete;
	told->incomplete = walk.incomplete;
	return 0;
}

static int take_sample(struct teller *t, const struct perf_data_record *record)
{
	struct part kernel, user;
	struct part *at = part_of_mode(record->misc, &kernel, &user);
	struct collector_sample told = { .incomplete = OC_STACK_COUNT };
	struct perf_data_sample sample;
	const struct perf_event_attr *attr;
	const struct event_kind *kind;
	struct perf_data_task *task;
	size_t nr;
	int rc = perf_data_decode_sample(&t->layout, t->file, record, &sample);

	if (!rc)
		rc = kind_of(t, sample.event, &kind);
	if (rc)
		return rc;
	part_begin(&kernel);
	part_begin(&user);
	take_callchain(&sample, at, &kernel, &user);
	if (!kernel.nr && !user.nr && at && sample.ip)
		add_frame(at, sample.ip);
	task = perf_data_task_named(&t->tasks, sample.id.pid, sample.id.time_ns);
	if (!task)
		return -ENOMEM;
	told.time_ns = sample.id.time_ns;
	told.kind = kind->kind - 1;
	told.cpu = sample.id.cpu;
	told.process = task->name;
	told.thread = t->sink->ops->thread(t->sink, task->name, sample.id.tid, 0, NULL);
	told.kernel_stack = name_part(t, &kernel, true);
	attr = &perf_data_events(t->file, &nr)[sample.event].attr;
	if (attr->sample_type & PERF_SAMPLE_STACK_USER)
		rc = walk_copy(t, &sample, attr, &user, &told);
	if (rc)
		return rc;
	told.user_stack = name_part(t, &user, false);
	if (kernel.is_cut || user.is_cut) {
		told.has_user_part = true;
		told.incomplete = OC_STACK_TRUNCATED;
	}
	weigh(kind, attr, sample.period, &told);
	t->sink->ops->sample(t->sink, &told);
	t->told->samples++;
	if (told.time_ns) {
		t->told->first_ns =
			t->told->first_ns ? MIN(t->told->first_ns, told.time_ns) : told.time_ns;
		t->told->last_ns = MAX(t->told->last_ns, told.time_ns);
	}
	return t->sink->error;
}

/* ---- records ------------------------------------------------------------------------------------------------- */

static int take_other(struct teller *t, const struct perf_data_record *record)
{
	struct perf_data_id id;
	int rc = perf_data_decode_id(&t->layout, record, &id);

	if (rc)
		return rc;
	switch (record->type) {
	case PERF_RECORD_MMAP:
		return take_mmap(t, record, id.time_ns);
	case PERF_RECORD_MMAP2:
		return take_mmap2(t, record, id.time_ns);
	case PERF_RECORD_KSYMBOL:
		return take_ksymbol(t, record, id.time_ns);
	case PERF_RECORD_COMM:
		return take_comm(t, record, id.time_ns);
	case PERF_RECORD_FORK:
		return take_fork(t, record, id.time_ns);
	case PERF_RECORD_EXIT:
		return take_exit(t, record, id.time_ns);
	case PERF_RECORD_LOST:
		return take_lost(t, record);
	case PERF_RECORD_LOST_SAMPLES:
		return take_lost_samples(t, record, id.id);
	case PERF_RECORD_THROTTLE:
	case PERF_RECORD_UNTHROTTLE:
		return take_throttle(t, record);
	default:
		return 0;
	}
}

/* A record that is wrong in itself is left out and counted; those behind it can still be right. */
static int take(void *arg, const struct perf_data_record *record)
{
	struct teller *t = arg;
	int rc =
		record->type == PERF_RECORD_SAMPLE ? take_sample(t, record) : take_other(t, record);

	if (rc == -EBADMSG) {
		t->told->damaged++;
		rc = 0;
	}
	return rc ? rc : t->sink->error;
}

/* What has no time was made up by perf and is of before; everything else waits for its turn. */
static int sort_in(struct teller *t, const struct perf_data_record *record)
{
	uint64_t time_ns;
	int rc;

	if (record->type == PERF_DATA_RECORD_FINISHED_ROUND)
		return perf_data_order_round(&t->order);
	if (record->type >= PERF_DATA_RECORD_ATTR)
		return 0;
	/* In a pipe the names of events have come by now. */
	rc = add_kinds(t);
	if (rc)
		return rc;
	time_ns = perf_data_time(&t->layout, t->file, record);
	return time_ns && time_ns != UINT64_MAX ? perf_data_order_add(&t->order, record, time_ns)
						: take(t, record);
}

static int tell_all(struct teller *t, struct oc_error *err)
{
	struct perf_data_record record;
	int rc;

	for (;;) {
		rc = perf_data_next(t->file, &record, err);
		if (rc < 0)
			return rc;
		if (!rc)
			break;
		rc = see_events(t);
		if (!rc)
			rc = sort_in(t, &record);
		if (rc)
			return oc_error_set(err, rc, "cannot read the records: %s", strerror(-rc));
	}
	rc = perf_data_order_flush(&t->order);
	t->told->is_same_host = is_of_this_host(perf_data_facts(t->file));
	return rc ? oc_error_set(err, rc, "cannot read the records: %s", strerror(-rc)) : 0;
}

int perf_data_tell(struct perf_data_file *file, struct oc_machine *m, struct sink *sink,
		   struct perf_data_told *ret_told, struct oc_error *err)
{
	struct teller *t = calloc(1, sizeof(*t));
	int rc;

	*ret_told = (struct perf_data_told){ 0 };
	if (!t)
		return oc_error_set(err, -ENOMEM, "out of memory");
	t->file = file;
	t->m = m;
	t->sink = sink;
	t->told = ret_told;
	t->tasks.sink = sink;
	t->order.fn = take;
	t->order.arg = t;
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed = hash_bytes(&t, sizeof(t)); /* where the heap lies is a secret as well */
	rc = tell_all(t, err);
	perf_data_order_done(&t->order);
	perf_data_tasks_done(&t->tasks);
	perf_data_unwinder_free(t->unwinder);
	free(t->events);
	free(t);
	return rc;
}
