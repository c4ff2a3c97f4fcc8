/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events and samples made into calls of the sink.
 * Called by etw_trace.c, in order of time.
 * Must not know of buffers, queues or raw times.
 */
#include "windows-etw/etw_tell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/image_id.h"
#include "base/macros.h"
#include "base/pdb_id.h"
#include "base/text.h"
#include "base/utf16.h"

/* Windows hands out memory in pieces of this size and alignment, so code made at run time shares none with a file. */
#define BLOCK_SIZE 65536ULL

/* No method is as large as this; one that says so is not believed. */
#define METHOD_SIZE_MAX (64u * 1024 * 1024)

/* Names of processes with that many bytes may have been cut. */
#define CUT_NAME 14

#define PID_IDLE   0
#define PID_SYSTEM 4

/* Names a piece of memory; no padding, it is hashed. */
struct block_key {
	uint64_t process;
	uint64_t number;
};

/* A piece of memory that the sink knows to hold made code. */
struct etw_block {
	struct block_key key;
	uint32_t nr_used; /* so many times the sink was told of it */
	bool freed;       /* some of the code in it is gone, so that its memory may be used again */
};

void etw_teller_done(struct etw_teller *t)
{
	etw_tasks_done(&t->tasks);
	id_table_done(&t->block_index);
	free(t->blocks);
	buffer_done(&t->text);
	*t = (struct etw_teller){ 0 };
}

/* ---- processes ----------------------------------------------------------------------------------------------- */

static struct etw_task_process *find_process(struct etw_teller *t, uint32_t pid)
{
	return etw_tasks_process(&t->tasks, pid == ETL_NO_ID ? ETL_NO_ID - 1 : pid);
}

/*
 * The process pid with the name of the image that samples belong to: the present one, or the last one when it has ended.
 * NULL = no memory.
 */
static struct etw_task_process *name_process(struct etw_teller *t, uint32_t pid, uint64_t time_ns)
{
	struct etw_task_process *process = find_process(t, pid);
	struct collector_process facts = { .pid = pid };

	if (!process || process->name)
		return process;
	process->name = t->sink->ops->process_now(t->sink, time_ns, process->pid);
	process->alive = true;
	process->guessed = true;
	facts.comm = pid == PID_IDLE ? "Idle" : pid == PID_SYSTEM ? "System" : NULL;
	if (process->name && facts.comm)
		t->sink->ops->process_facts(t->sink, process->name, &facts);
	return process->name ? process : NULL;
}

static int begin_process(struct etw_teller *t, const struct etw_process *in, bool found,
			 uint64_t time_ns)
{
	struct etw_task_process *process = find_process(t, in->pid);
	struct collector_process facts = { 0 };

	if (!process)
		return -ENOMEM;
	facts.pid = process->pid;
	snprintf(process->image, sizeof(process->image), "%.*s",
		 (int)MIN(in->image.size, (uint32_t)sizeof(process->image)),
		 (const char *)in->image.data);
	facts.comm = process->image[0] ? process->image : NULL;
	process->has_exe = false;
	/* Its first image or sample came a little before the event of its start. */
	if (process->guessed && process->alive && !found) {
		process->guessed = false;
		t->sink->ops->process_facts(t->sink, process->name, &facts);
		return 0;
	}
	/* Found ones may have been met already; of one that starts the end of its forerunner was missed. */
	if (process->alive && !found)
		t->sink->ops->process_exit(t->sink, time_ns, process->pid);
	process->name = t->sink->ops->process_start(t->sink, time_ns, &facts);
	process->alive = true;
	process->guessed = false;
	return process->name ? 0 : -ENOMEM;
}

static int end_process(struct etw_teller *t, uint32_t pid, uint64_t time_ns)
{
	struct etw_task_process *process = find_process(t, pid);

	if (!process)
		return -ENOMEM;
	if (process->alive)
		t->sink->ops->process_exit(t->sink, time_ns, process->pid);
	process->alive = false;
	return 0;
}

/* ---- images and methods -------------------------------------------------------------------------------------- */

/* Is a file's base name that of the process? What the kernel cuts to 15 bytes may match only so far. */
static bool is_name_of(const char *base, const char *image)
{
	size_t len = strlen(image);

	return len && !strncasecmp(base, image, len) && (!base[len] || len >= CUT_NAME);
}

/*
 * The same where the kernel, which tells names in the code page of the machine, put '?' or other bytes for characters
 * outside ASCII: what is in front of the first of them and behind the last has to be equal.
 */
static bool is_garbled_name_of(const char *base, const char *image)
{
	size_t first = 0, last = strlen(base), len = strlen(image), tail;

	while (base[first] && !((uint8_t)base[first] & 0x80))
		first++;
	if (!base[first] || len <= first || strncasecmp(base, image, first) ||
	    (image[first] != '?' && !((uint8_t)image[first] & 0x80)))
		return false;
	while (!((uint8_t)base[last - 1] & 0x80))
		last--;
	tail = strlen(base + last);
	return len >= CUT_NAME ||
	       (len - first > tail && !strcasecmp(base + last, image + len - tail));
}

/* The image that has its process's name is its program. */
static void learn_exe(struct etw_teller *t, struct etw_task_process *process, const char *path)
{
	struct collector_process facts = { .pid = process->pid, .exe = path };
	const char *base = text_base_name(path);

	if (process->has_exe)
		return;
	if (!is_name_of(base, process->image)) {
		if (!is_garbled_name_of(base, process->image))
			return;
		facts.comm = base;
	}
	process->has_exe = true;
	t->sink->ops->process_facts(t->sink, process->name, &facts);
}

/*
 * Which build the image is, loaded at a raw time: by its symbol file when the trace was merged, else by its own headers.
 * Fills in what belongs to that in *mapping.
 */
static void identify_image(struct etw_teller *t, const struct etw_image *image,
			   const struct etw_file *file, uint64_t loaded,
			   uint8_t build_id[PDB_ID_SIZE], struct collector_mapping *mapping)
{
	const struct etw_pdb *pdb = etw_pdbs_find(&t->facts->pdbs, image->pid, image->base, loaded);
	const struct image_version version = { .size = (uint32_t)MIN(image->size, UINT32_MAX),
					       .checksum = image->checksum,
					       .time_stamp = image->time_stamp };

	if (pdb) {
		pdb_id_make(pdb->guid, pdb->age, build_id);
		mapping->build_id_size = PDB_ID_SIZE;
		mapping->symbol_file = pdb->name;
	} else if (image_id_make(&version, file->name, build_id)) {
		mapping->build_id_size = IMAGE_ID_SIZE;
	}
	mapping->build_id = mapping->build_id_size ? build_id : NULL;
}

/* found: the image was there before the trace. */
static int add_image(struct etw_teller *t, const struct etl_event *event,
		     const struct etw_image *image, bool found, uint64_t time_ns)
{
	bool kernel = etw_is_kernel(image->base, event->pointer_size);
	struct etw_task_process *process = NULL;
	const struct etw_file *file;
	uint8_t build_id[PDB_ID_SIZE];
	struct collector_mapping mapping = {
		.type = kernel ? COLLECTOR_KERNEL : COLLECTOR_FILE,
		.start = image->base,
		.end = image->base + image->size,
	};

	if (!kernel) {
		process = name_process(t, image->pid, time_ns);
		if (!process)
			return -ENOMEM;
		if (!process->alive)
			return 0;
	}
	file = etw_paths_find(&t->facts->paths, image->path);
	if (!file)
		return -ENOMEM;
	mapping.path = file->path;
	identify_image(t, image, file, found ? 0 : event->time, build_id, &mapping);
	t->sink->ops->mapping_add(t->sink, time_ns, image->pid, &mapping);
	if (process)
		learn_exe(t, process, mapping.path);
	return 0;
}

static void remove_image(struct etw_teller *t, const struct etw_image *image, uint8_t pointer_size,
			 uint64_t time_ns)
{
	struct etw_task_process *process = find_process(t, image->pid);

	/* Samples of a driver may still wait for their user part when it is unloaded; its place stays named. */
	if (process && process->alive && !etw_is_kernel(image->base, pointer_size))
		t->sink->ops->mapping_remove(t->sink, time_ns, image->pid, image->base,
					     image->base + image->size);
}

static bool block_equal(const void *owner, uint32_t id, const void *wanted)
{
	return !memcmp(&((const struct etw_teller *)owner)->blocks[id - 1].key, wanted,
		       sizeof(struct block_key));
}

static uint32_t find_block(const struct etw_teller *t, const struct block_key *key,
			   uint64_t *ret_hash)
{
	*ret_hash = hash_words((const uint64_t *)key, sizeof(*key) / sizeof(uint64_t), 0);
	return id_table_find(&t->block_index, *ret_hash, block_equal, t, key);
}

/*
 * Tells the sink of a piece of memory that holds made code: once, and again when code in it made room for other code, so
 * that the names of both are kept apart. Returns 0 or -ENOMEM.
 */
static int map_block(struct etw_teller *t, uint32_t pid, const struct block_key *key,
		     uint64_t time_ns)
{
	struct collector_mapping mapping = { .type = COLLECTOR_ANON,
					     .start = key->number * BLOCK_SIZE,
					     .path = "" };
	uint64_t hash;
	uint32_t id = find_block(t, key, &hash);

	if (id && !t->blocks[id - 1].freed)
		return 0;
	if (!id) {
		id = (uint32_t)t->block_index.count + 1;
		if (array_reserve(&t->blocks, &t->blocks_cap, id, sizeof(*t->blocks)) ||
		    id_table_add(&t->block_index, hash, id))
			return -ENOMEM;
		t->blocks[id - 1] = (struct etw_block){ .key = *key };
	}
	mapping.end =
		mapping.start > UINT64_MAX - BLOCK_SIZE ? UINT64_MAX : mapping.start + BLOCK_SIZE;
	mapping.device = 1;
	mapping.inode = ++t->blocks[id - 1].nr_used;
	t->blocks[id - 1].freed = false;
	t->sink->ops->mapping_add(t->sink, time_ns, pid, &mapping);
	return 0;
}

static bool has_place(const struct etw_method *method)
{
	return method->size && method->size <= METHOD_SIZE_MAX;
}

/*
 * Methods compiled beforehand lie in the image of a file, which is mapped already, or in memory that the runtime copied
 * it to.
 */
static bool needs_block(const struct etw_teller *t, const struct etw_method *method,
			sink_process process)
{
	struct sink_mapping mapping;

	return method->flags & (ETW_METHOD_JITTED | ETW_METHOD_DYNAMIC) ||
	       !t->sink->ops->mapping_next(t->sink, process, method->start, &mapping) ||
	       mapping.start > method->start;
}

/* Notes that the memory of a method may be used for another one. */
static void remove_method(struct etw_teller *t, const struct etw_method *method, uint32_t pid)
{
	const struct etw_task_process *process = find_process(t, pid);
	struct block_key key = { .number = method->start / BLOCK_SIZE };
	uint64_t last = (method->start + (method->size - 1)) / BLOCK_SIZE, hash;

	if (!process || !has_place(method))
		return;
	for (key.process = process->name; key.number <= last; key.number++) {
		uint32_t id = find_block(t, &key, &hash);

		if (id)
			t->blocks[id - 1].freed = true;
	}
}

static int add_method(struct etw_teller *t, const struct etw_method *method, uint32_t pid,
		      uint64_t time_ns)
{
	struct collector_code code = { .start = method->start, .size = method->size };
	const struct etw_task_process *process = name_process(t, pid, time_ns);
	struct block_key key = { 0 };
	int rc = 0;

	if (!process)
		return -ENOMEM;
	key.process = process->name;
	if (!has_place(method) || !process->alive)
		return 0;
	if (needs_block(t, method, process->name)) {
		uint64_t last = (method->start + (method->size - 1)) / BLOCK_SIZE;

		for (key.number = method->start / BLOCK_SIZE; !rc && key.number <= last;
		     key.number++)
			rc = map_block(t, pid, &key, time_ns);
	}
	if (rc)
		return rc;
	buffer_clear(&t->text);
	utf16_to_utf8(&t->text, method->space.data, method->space.size);
	if (method->space.size && method->name.size)
		buffer_putc(&t->text, '.');
	utf16_to_utf8(&t->text, method->name.data, method->name.size);
	if (t->text.error)
		return -ENOMEM;
	if (!t->text.len)
		return 0;
	code.name = t->text.data;
	t->sink->ops->code_add(t->sink, time_ns, pid, &code);
	return 0;
}

/* ---- events -------------------------------------------------------------------------------------------------- */

/* What was there before the first event of a process: its rows of the facts from..to. */
static int tell_initial(struct etw_teller *t, size_t from, size_t to, bool with_process,
			uint64_t time_ns)
{
	int rc = 0;

	for (size_t i = from; !rc && i < to; i++) {
		const struct etw_initial *initial = &t->facts->initial[i];

		if (initial->type == ETW_PROCESS && !with_process)
			continue;
		for (size_t j = 0; !rc && j < initial->nr; j++)
			rc = etw_tell_event(t, t->facts->copies[initial->first + j], true, time_ns);
	}
	return rc;
}

/* The end of the rows of one process that begin at `from`. */
static size_t end_of_run(const struct etw_facts *facts, size_t from)
{
	size_t to = from;

	while (to < facts->nr_initial && facts->initial[to].pid == facts->initial[from].pid)
		to++;
	return to;
}

int etw_tell_beginning(struct etw_teller *t, uint64_t time_ns)
{
	const struct etw_facts *facts = t->facts;
	size_t to;
	int rc = 0;

	for (size_t from = 0; !rc && from < facts->nr_initial; from = to) {
		uint32_t pid = facts->initial[from].pid;

		to = end_of_run(facts, from);
		if (pid == ETL_NO_ID || !u32_map_get(&facts->started, pid + 1, NULL))
			rc = tell_initial(t, from, to, true, time_ns);
	}
	return rc;
}

/* A process began whose images and methods may have been listed only at the trace's end. */
static int tell_listed_later(struct etw_teller *t, uint32_t pid, uint64_t time_ns)
{
	const struct etw_facts *facts = t->facts;
	size_t from = 0, to = facts->nr_initial;

	/* Once: they are of the first process with this pid. */
	if (pid == ETL_NO_ID || !u32_map_remove(&t->facts->started, pid + 1, NULL))
		return 0;
	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (facts->initial[middle].pid < pid)
			from = middle + 1;
		else
			to = middle;
	}
	if (from == facts->nr_initial || facts->initial[from].pid != pid)
		return 0;
	return tell_initial(t, from, end_of_run(facts, from), false, time_ns);
}

int etw_tell_event(struct etw_teller *t, const struct etl_event *event, bool found,
		   uint64_t time_ns)
{
	struct etw_record record;
	int rc;

	if (etw_decode(event, &record) != 1)
		return 0;
	switch (record.type) {
	case ETW_PROCESS:
		if (!found && record.process.moment == ETW_END)
			return end_process(t, record.process.pid, time_ns);
		rc = begin_process(t, &record.process, found, time_ns);
		return rc || found ? rc : tell_listed_later(t, record.process.pid, time_ns);
	case ETW_THREAD:
		return etw_tasks_thread_event(&t->tasks, &record.thread);
	case ETW_IMAGE:
		if (found || record.image.moment == ETW_START)
			return add_image(t, event, &record.image, found, time_ns);
		remove_image(t, &record.image, event->pointer_size, time_ns);
		return 0;
	case ETW_METHOD:
		if (found || record.method.moment == ETW_START)
			return add_method(t, &record.method, event->pid, time_ns);
		remove_method(t, &record.method, event->pid);
		return 0;
	default:
		return 0;
	}
}

/* ---- samples ------------------------------------------------------------------------------------------------- */

/* The sink's id of a part of a stack, which it is told of the first time. */
static uint64_t name_part(struct etw_teller *t, uint32_t id)
{
	struct etw_part *part = id ? etw_stacks_part(&t->facts->stacks, id) : NULL;

	if (part && !part->told) {
		part->told = true;
		t->sink->ops->stack_define(t->sink, id, part->addresses, part->nr, part->kernel);
	}
	return id;
}

static sink_thread name_thread(struct etw_teller *t, uint32_t index, sink_process process)
{
	struct etw_task_thread *thread = &t->tasks.threads[index];

	if (!thread->name || thread->process != process) {
		thread->name = t->sink->ops->thread(t->sink, process, thread->tid, 0, thread->text);
		thread->process = process;
	}
	return thread->name;
}

static void count_told(struct etw_teller *t, const struct etw_pending *p, uint32_t tid)
{
	t->counts->told++;
	if (!tid)
		t->counts->told_idle++;
	else if (p->stack.kernel || p->stack.user)
		t->counts->with_stack++;
}

/* Fills in whose sample it is, and its stack. Returns 0 or -ENOMEM. */
static int describe(struct etw_teller *t, const struct etw_pending *p, uint64_t time_ns,
		    struct collector_sample *sample)
{
	const struct etw_task_thread *thread = &t->tasks.threads[p->thread];
	uint32_t pid = thread->pid != ETL_NO_ID ? thread->pid : p->pid;
	const struct etw_task_process *process = name_process(t, pid, time_ns);

	if (!process)
		return -ENOMEM;
	sample->count = 1;
	sample->cpu = p->cpu;
	sample->has_user_part = pid != PID_IDLE && pid != PID_SYSTEM;
	sample->incomplete = OC_STACK_COUNT;
	sample->process = process->name;
	sample->thread = name_thread(t, p->thread, sample->process);
	sample->kernel_stack = name_part(t, p->stack.kernel);
	sample->user_stack = name_part(t, p->stack.user);
	return 0;
}

int etw_tell_sample(struct etw_teller *t, const struct etw_pending *p, uint64_t time_ns)
{
	const struct etw_task_thread *thread = &t->tasks.threads[p->thread];
	bool ip_in_stack = p->ip_in_kernel ? p->stack.kernel : p->stack.user;
	struct collector_sample sample = { .kind = ETW_KIND_CPU, .time_ns = time_ns };

	count_told(t, p, thread->tid);
	t->counts->without_pid += thread->pid == ETL_NO_ID && p->pid == ETL_NO_ID;
	if (describe(t, p, time_ns, &sample))
		return -ENOMEM;
	sample.count = p->count;
	sample.value = p->count;
	sample.ip = ip_in_stack ? 0 : p->ip;
	sample.ip_in_kernel = p->ip_in_kernel;
	t->sink->ops->sample(t->sink, &sample);
	return t->sink->error;
}

/* Who made a thread ready. Returns 0 or -ENOMEM. */
static int describe_waker(struct etw_teller *t, uint32_t index, uint64_t time_ns,
			  struct collector_wait *wait)
{
	uint32_t pid = t->tasks.threads[index].pid;
	const struct etw_task_process *process;

	if (pid == ETL_NO_ID)
		return 0;
	process = name_process(t, pid, time_ns);
	if (!process)
		return -ENOMEM;
	wait->waker_process = process->name;
	wait->waker = name_thread(t, index, wait->waker_process);
	return 0;
}

int etw_tell_wait(struct etw_teller *t, const struct etw_pending *p, uint64_t start_ns,
		  uint64_t ready_ns, uint64_t end_ns)
{
	struct collector_wait wait = { .reason = etw_wait_reason(p->wait.reason) };
	struct collector_sample sample = { .kind = ETW_KIND_OFF_CPU,
					   .time_ns = end_ns,
					   .wait = &wait };

	/* A trace whose clock went backwards for a moment must not make waits of centuries. */
	start_ns = MIN(start_ns, end_ns);
	ready_ns = ready_ns ? MIN(MAX(ready_ns, start_ns), end_ns) : 0;
	sample.value = end_ns - start_ns;
	t->counts->waits++;
	if (describe(t, p, end_ns, &sample) ||
	    (p->wait.has_waker && describe_waker(t, p->wait.waker, end_ns, &wait)))
		return -ENOMEM;
	t->sink->ops->sample(t->sink, &sample);
	if (ready_ns) {
		sample.kind = ETW_KIND_READY;
		sample.value = end_ns - ready_ns;
		t->sink->ops->sample(t->sink, &sample);
	}
	return t->sink->error;
}
