/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A perf.data file: every sample with its addresses, among records of processes and mappings, in the order of time.
 * Called through the format table.
 * Must not know how samples were recorded.
 *
 * The head tells how many bytes of records there are, and an output cannot go back, so all records are made twice: the
 * first time only their sizes are added up.
 */
#include <endian.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "base/macros.h"
#include "base/text.h"
#include "export/formats/formats_private.h"
#include "export/formats/perf_data_writer.h"
#include "export/sample_order.h"

/* perf sorts the records between two ends of rounds, though ours are in order. */
#define ROUND_SAMPLES 16384
/* The kernel is said to begin and end at multiples of this, so that symbols of functions that were sampled fit in. */
#define KERNEL_ALIGN (16ULL << 20)

#define SAMPLE_TYPE                                                                     \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | \
	 PERF_SAMPLE_PERIOD | PERF_SAMPLE_CALLCHAIN)

/* Words of a sample besides its frames: header, id, ip, pid and tid, time, CPU, period, number; two markers. */
#define SAMPLE_WORDS 10

/* ---- records ------------------------------------------------------------------------------------------------- */

static int put_bytes(struct perf_data_writer *w, const void *data, size_t size)
{
	w->bytes += size;
	return w->out ? oc_output_write(w->out, data, size) : 0;
}

static void begin(struct perf_data_writer *w, uint32_t type, uint16_t misc)
{
	buffer_clear(&w->record);
	perf_data_put(&w->record, type, 4);
	perf_data_put(&w->record, misc, 2);
	perf_data_put(&w->record, 0, 2);
}

/* Ends a record with what each that is no sample ends with. */
static int end(struct perf_data_writer *w, uint32_t pid, uint32_t tid, uint64_t time_ns)
{
	struct buffer *b = &w->record;
	uint16_t size;

	perf_data_put(b, pid, 4);
	perf_data_put(b, tid, 4);
	perf_data_put(b, time_ns, 8);
	if (w->sample_type & PERF_SAMPLE_CPU)
		perf_data_put(b, 0, 8);
	perf_data_put(b, w->event, 8);
	if (b->error)
		return b->error;
	size = htole16((uint16_t)b->len);
	memcpy(b->data + offsetof(struct perf_event_header, size), &size, sizeof(size));
	return put_bytes(w, b->data, b->len);
}

static void put_name(struct perf_data_writer *w, const char *name, size_t len)
{
	perf_data_put_padded(&w->record, name, text_whole_characters(name, len, PERF_DATA_NAME_MAX),
			     8);
}

static int write_comm(struct perf_data_writer *w, const struct oc_process *process, uint32_t tid,
		      oc_string_id name, uint64_t time_ns)
{
	bool is_exec = tid == process->pid && process->generation;
	size_t len;
	const char *text = oc_machine_string(w->m, name ? name : process->comm, &len);

	begin(w, PERF_RECORD_COMM, is_exec ? PERF_RECORD_MISC_COMM_EXEC : 0);
	perf_data_put(&w->record, process->pid, 4);
	perf_data_put(&w->record, tid, 4);
	put_name(w, text, len);
	return end(w, process->pid, tid, time_ns);
}

/* type: PERF_RECORD_FORK or PERF_RECORD_EXIT. */
static int write_task(struct perf_data_writer *w, uint32_t type, uint32_t pid, uint32_t parent_pid,
		      uint64_t time_ns)
{
	begin(w, type, 0);
	perf_data_put(&w->record, pid, 4);
	perf_data_put(&w->record, parent_pid, 4);
	perf_data_put(&w->record, pid, 4);
	perf_data_put(&w->record, parent_pid, 4);
	perf_data_put(&w->record, time_ns, 8);
	return end(w, pid, pid, time_ns);
}

static int write_round(struct perf_data_writer *w)
{
	const uint64_t word =
		htole64(PERF_DATA_RECORD_FINISHED_ROUND | (uint64_t)sizeof(word) << 48);

	return put_bytes(w, &word, sizeof(word));
}

/* ---- processes ----------------------------------------------------------------------------------------------- */

static uint32_t image_key(uint32_t pid)
{
	return pid == UINT32_MAX ? pid : pid + 1;
}

/* Names of all threads; those without have their process's. */
static int write_threads(struct perf_data_writer *w, oc_process_id id, uint64_t time_ns)
{
	const struct oc_process *process = oc_machine_process(w->m, id);
	int rc = write_comm(w, process, process->pid, process->comm, time_ns);

	for (uint32_t i = w->first_thread[id]; !rc && i < w->first_thread[id + 1]; i++) {
		const struct oc_thread *thread = oc_machine_thread(w->m, w->threads[i]);

		if (thread->tid != process->pid)
			rc = write_comm(w, process, thread->tid, thread->name, time_ns);
	}
	return rc;
}

/*
 * An image begins: by exec, as its record of the new name says; by fork; or it was there. What has its pid ends by that,
 * if the record does not say so itself.
 */
static int write_begin(struct perf_data_writer *w, oc_process_id id, uint64_t time_ns)
{
	const struct oc_process *process = oc_machine_process(w->m, id);
	const struct oc_process *parent = oc_machine_process(w->m, process->parent);
	bool is_exec = perf_data_replaced(w->m, id);
	uint32_t key = image_key(process->pid), before;
	int rc = 0;

	if (!is_exec && u32_map_get(&w->images, key, &before))
		rc = write_task(w, PERF_RECORD_EXIT, process->pid, 0, time_ns);
	if (!rc && !is_exec && parent)
		rc = write_task(w, PERF_RECORD_FORK, process->pid, parent->pid, time_ns);
	if (!rc)
		rc = u32_map_set(&w->images, key, id);
	return rc ? rc : write_threads(w, id, time_ns);
}

static int write_end(struct perf_data_writer *w, oc_process_id id, uint64_t time_ns)
{
	const struct oc_process *process = oc_machine_process(w->m, id);
	uint32_t key = image_key(process->pid), now;

	if (!u32_map_get(&w->images, key, &now) || now != id)
		return 0;
	u32_map_remove(&w->images, key, NULL);
	return write_task(w, PERF_RECORD_EXIT, process->pid, 0, time_ns);
}

/* ---- mappings ------------------------------------------------------------------------------------------------ */

static bool is_whole_kernel(const struct oc_machine *m, const struct oc_module *module)
{
	return module->type == OC_MODULE_KERNEL &&
	       oc_machine_string(m, module->path, NULL)[0] == '[';
}

const char *perf_data_path(const struct oc_machine *m, const struct oc_module *module,
			   char storage[PERF_DATA_NAME_MAX + 1], size_t *ret_len)
{
	const char *path = oc_machine_string(m, module->path, ret_len);

	/* By these names perf knows that there are symbols elsewhere: in /proc/kallsyms, in /tmp/perf-PID.map. */
	if (is_whole_kernel(m, module)) {
		path = PERF_DATA_KERNEL_NAME;
	} else if (module->type == OC_MODULE_ANON) {
		path = "//anon";
	} else if (module->type == OC_MODULE_KERNEL && path[0] != '/') {
		/* A module of the kernel is to perf a path of Linux or a name in brackets; so are drivers of Windows. */
		snprintf(storage, PERF_DATA_NAME_MAX + 1, "[%.*s]", PERF_DATA_NAME_MAX - 2,
			 text_base_name(path));
		path = storage;
	} else {
		return path;
	}
	*ret_len = strlen(path);
	return path;
}

/* Of the kernel as a whole only what was sampled is known; perf wants to know no more than a place to look from. */
static int write_kernel_mapping(struct perf_data_writer *w, const struct oc_mapping *mapping,
				const struct oc_module *module)
{
	static const char whole[] = PERF_DATA_KERNEL_NAME "_text";
	uint64_t start = mapping->start, stop = mapping->end, offset = mapping->start;
	char driver[PERF_DATA_NAME_MAX + 1];
	size_t len = sizeof(whole) - 1;
	const char *name = whole;

	if (is_whole_kernel(w->m, module)) {
		if (w->kernel_start >= w->kernel_end)
			return 0;
		start = w->kernel_start;
		stop = w->kernel_end;
		/* 0: perf does not know where the kernel was, and takes it to be where it is. */
		offset = 0;
	} else {
		name = perf_data_path(w->m, module, driver, &len);
	}
	begin(w, PERF_RECORD_MMAP, PERF_RECORD_MISC_KERNEL);
	perf_data_put(&w->record, UINT32_MAX, 4);
	perf_data_put(&w->record, 0, 4);
	perf_data_put(&w->record, start, 8);
	perf_data_put(&w->record, stop - start, 8);
	perf_data_put(&w->record, offset, 8);
	put_name(w, name, len);
	return end(w, UINT32_MAX, 0, 0);
}

/* A file is told by its build-id, or else by its inode. */
static void put_identity(struct perf_data_writer *w, const struct oc_module *module)
{
	static const uint8_t zeros[OC_BUILD_ID_MAX];

	if (module->build_id_size) {
		perf_data_put(&w->record, module->build_id_size, 4);
		buffer_append(&w->record, module->build_id, module->build_id_size);
		buffer_append(&w->record, zeros, OC_BUILD_ID_MAX - module->build_id_size);
		return;
	}
	perf_data_put(&w->record, major(module->device), 4);
	perf_data_put(&w->record, minor(module->device), 4);
	perf_data_put(&w->record, module->inode, 8);
	perf_data_put(&w->record, 0, 8);
}

static int write_mapping(struct perf_data_writer *w, oc_mapping_id id, uint64_t time_ns)
{
	static const char deleted[] = " (deleted)";
	const struct oc_mapping *mapping = oc_machine_mapping(w->m, id);
	const struct oc_module *module = oc_machine_module(w->m, mapping->module);
	const struct oc_process *process = oc_machine_process(w->m, mapping->process);
	char path[PERF_DATA_NAME_MAX + 1], storage[PERF_DATA_NAME_MAX + 1];
	size_t len;
	const char *text = perf_data_path(w->m, module, storage, &len);

	if (!process)
		return write_kernel_mapping(w, mapping, module);
	len = text_whole_characters(text, len, sizeof(path) - sizeof(deleted));
	memcpy(path, text, len);
	if (module->deleted) {
		memcpy(path + len, deleted, sizeof(deleted) - 1);
		len += sizeof(deleted) - 1;
	}
	begin(w, PERF_RECORD_MMAP2,
	      PERF_RECORD_MISC_USER | (module->build_id_size ? PERF_RECORD_MISC_MMAP_BUILD_ID : 0));
	perf_data_put(&w->record, process->pid, 4);
	perf_data_put(&w->record, process->pid, 4);
	perf_data_put(&w->record, mapping->start, 8);
	perf_data_put(&w->record, mapping->end - mapping->start, 8);
	perf_data_put(&w->record, mapping->file_offset, 8);
	put_identity(w, module);
	perf_data_put(&w->record, PROT_READ | PROT_EXEC, 4);
	perf_data_put(&w->record, MAP_PRIVATE, 4);
	put_name(w, path, len);
	return end(w, process->pid, process->pid, time_ns);
}

/* ---- samples ------------------------------------------------------------------------------------------------- */

/* Samples that were only counted are of the last moment of their process, when all that it mapped is there. */
static uint64_t time_of(void *arg, const struct oc_sample *sample)
{
	const struct perf_data_writer *w = arg;
	const struct oc_process *process = oc_machine_process(w->m, sample->process);
	uint64_t end_ns = oc_machine_info(w->m)->end_mono_ns;

	if (sample->time_ns)
		return sample->time_ns;
	return process ? MAX(MIN(end_ns, process->end_ns), process->start_ns) : end_ns;
}

static int write_change(struct perf_data_writer *w, const struct perf_data_change *change)
{
	switch (change->type) {
	case PERF_DATA_BEGIN:
		return write_begin(w, change->id, change->time_ns);
	case PERF_DATA_MAP:
		return write_mapping(w, change->id, change->time_ns);
	default:
		return write_end(w, change->id, change->time_ns);
	}
}

/* What happened before a sample; ends at its very time come behind it. */
static int write_changes(struct perf_data_writer *w, uint64_t time_ns, bool to_end)
{
	int rc = 0;

	for (; !rc && w->next_change < w->nr_changes; w->next_change++) {
		const struct perf_data_change *change = &w->changes[w->next_change];

		if (!to_end && (change->time_ns > time_ns ||
				(change->time_ns == time_ns && change->type == PERF_DATA_END)))
			break;
		rc = write_change(w, change);
	}
	return rc;
}

static bool is_kernel(const struct perf_data_writer *w, oc_location_id id)
{
	const struct oc_location *location = oc_machine_location(w->m, id);

	return oc_machine_module(w->m, location->module)->type == OC_MODULE_KERNEL;
}

/*
 * Adds a part of a stack behind its marker. Callers are recorded as the place of their call; perf has the address that
 * the call returns to, which is behind it.
 */
static int put_part(struct perf_data_writer *w, const struct oc_sample *sample,
		    const oc_location_id *locations, uint32_t nr, uint64_t *words)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && w->out && i < nr; i++) {
		struct place place = { 0 };

		rc = addresses_find(&w->addresses, sample->process, locations[i], sample->time_ns,
				    &place);
		words[i] = htole64(place.address + (i ? 1 : 0));
	}
	return rc;
}

static int write_sample(void *arg, const struct oc_sample *sample)
{
	struct perf_data_writer *w = arg;
	const struct oc_process *process = oc_machine_process(w->m, sample->process);
	const struct oc_thread *thread = oc_machine_thread(w->m, sample->thread);
	const struct oc_kind *kind = oc_machine_kind(w->m, sample->kind);
	uint64_t words[OC_STACK_FRAMES_MAX + SAMPLE_WORDS];
	uint64_t *ips, *nr_ips, *ip;
	uint32_t nr, nr_kernel = 0, pid = process ? process->pid : 0, at = 1;
	const oc_location_id *locations = oc_machine_stack(w->m, sample->stack, &nr);
	int rc = write_changes(w, sample->time_ns, false);

	while (nr_kernel < nr && is_kernel(w, locations[nr_kernel]))
		nr_kernel++;
	words[at++] = htole64(sample->kind);
	ip = &words[at++];
	words[at++] = htole64(pid | (uint64_t)(thread ? thread->tid : pid) << 32);
	words[at++] = htole64(sample->time_ns);
	if (w->sample_type & PERF_SAMPLE_CPU)
		words[at++] = htole64(sample->cpu);
	words[at++] = htole64(amount_of(kind, sample->count, sample_value(w->m, sample)));
	nr_ips = &words[at++];
	ips = &words[at];
	if (nr_kernel) {
		words[at++] = htole64((uint64_t)PERF_CONTEXT_KERNEL);
		rc = rc ? rc : put_part(w, sample, locations, nr_kernel, &words[at]);
		at += nr_kernel;
	}
	if (nr > nr_kernel) {
		words[at++] = htole64((uint64_t)PERF_CONTEXT_USER);
		rc = rc ? rc
			: put_part(w, sample, locations + nr_kernel, nr - nr_kernel, &words[at]);
		at += nr - nr_kernel;
	}
	*nr_ips = htole64((uint64_t)(&words[at] - ips));
	*ip = nr && w->out ? ips[1] : 0;
	words[0] = htole64(PERF_RECORD_SAMPLE |
			   (uint64_t)(nr_kernel ? PERF_RECORD_MISC_KERNEL : PERF_RECORD_MISC_USER)
				   << 32 |
			   (uint64_t)(at * sizeof(*words)) << 48);
	if (!rc)
		rc = put_bytes(w, words, at * sizeof(*words));
	return rc || ++w->nr_samples % ROUND_SAMPLES ? rc : write_round(w);
}

/* ---- losses -------------------------------------------------------------------------------------------------- */

/* Samples that were lost, whatever the reason, but for those that a filter was to drop. */
static int write_losses(struct perf_data_writer *w)
{
	const struct oc_ledger *ledger = oc_machine_ledger_const(w->m);
	uint64_t end_ns = oc_machine_info(w->m)->end_mono_ns;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < ledger->nr_kinds; i++) {
		const struct oc_ledger_kind *kind = &ledger->kinds[i];
		uint64_t lost = oc_ledger_lost(kind) - kind->lost[OC_LOSS_HOOK];

		if (!lost)
			continue;
		w->event = i + 1;
		begin(w, PERF_RECORD_LOST_SAMPLES, 0);
		perf_data_put(&w->record, lost, 8);
		rc = end(w, 0, 0, end_ns);
	}
	w->event = 1;
	return rc;
}

/* ---- what has to be known before ------------------------------------------------------------------------------ */

static int look_at_sample(void *arg, const struct oc_sample *sample)
{
	struct perf_data_writer *w = arg;
	struct perf_data_sampled *sampled = &w->sampled[sample->process];
	uint64_t time_ns = time_of(w, sample);

	if (sample->cpu != UINT32_MAX)
		w->sample_type |= PERF_SAMPLE_CPU;
	sampled->first_ns = MIN(sampled->first_ns, time_ns);
	sampled->last_ns = MAX(sampled->last_ns, time_ns);
	return 0;
}

static int look_at_samples(struct perf_data_writer *w)
{
	uint32_t nr = oc_machine_nr_processes(w->m);

	w->sampled = calloc((size_t)nr + 1, sizeof(*w->sampled));
	if (!w->sampled)
		return -ENOMEM;
	for (uint32_t i = 0; i <= nr; i++)
		w->sampled[i].first_ns = UINT64_MAX;
	return oc_machine_each_sample(w->m, look_at_sample, w);
}

/* Threads by process: their number, then where those of each begin, then themselves. */
static int list_threads(struct perf_data_writer *w)
{
	uint32_t nr = oc_machine_nr_threads(w->m), nr_processes = oc_machine_nr_processes(w->m);

	w->first_thread = calloc((size_t)nr_processes + 2, sizeof(*w->first_thread));
	w->threads = calloc((size_t)nr + 1, sizeof(*w->threads));
	if (!w->first_thread || !w->threads)
		return -ENOMEM;
	for (oc_thread_id id = 1; id <= nr; id++)
		w->first_thread[oc_machine_thread(w->m, id)->process]++;
	for (uint32_t i = 1; i <= nr_processes + 1; i++)
		w->first_thread[i] += w->first_thread[i - 1];
	for (oc_thread_id id = nr; id; id--)
		w->threads[--w->first_thread[oc_machine_thread(w->m, id)->process]] = id;
	return 0;
}

static void find_kernel(struct perf_data_writer *w)
{
	w->kernel_start = UINT64_MAX;
	for (oc_location_id id = 1; id <= oc_machine_nr_locations(w->m); id++) {
		const struct oc_location *location = oc_machine_location(w->m, id);

		if (!is_whole_kernel(w->m, oc_machine_module(w->m, location->module)))
			continue;
		w->kernel_start = MIN(w->kernel_start, location->address & ~(KERNEL_ALIGN - 1));
		w->kernel_end = MAX(w->kernel_end, location->address | (KERNEL_ALIGN - 1));
	}
}

static int prepare(struct perf_data_writer *w)
{
	int rc = look_at_samples(w);

	w->nr_events = MAX(oc_machine_nr_kinds(w->m), 1U);
	find_kernel(w);
	if (!rc)
		rc = list_threads(w);
	if (!rc)
		rc = addresses_init(&w->addresses, w->m);
	return rc ? rc : perf_data_changes(w->m, w->sampled, &w->changes, &w->nr_changes);
}

static void writer_done(struct perf_data_writer *w)
{
	addresses_done(&w->addresses);
	u32_map_done(&w->images);
	buffer_done(&w->record);
	buffer_done(&w->sections);
	buffer_done(&w->content);
	free(w->changes);
	free(w->sampled);
	free(w->threads);
	free(w->first_thread);
}

/* ---- file ----------------------------------------------------------------------------------------------------- */

/* Makes all records; without an output they are only measured. */
static int write_records(struct perf_data_writer *w, struct oc_output *out)
{
	const struct sample_order order = { .time_of = time_of, .fn = write_sample, .arg = w };
	int rc;

	w->out = out;
	w->bytes = 0;
	w->nr_samples = 0;
	w->next_change = 0;
	u32_map_clear(&w->images);
	rc = samples_by_time(w->m, &order);
	if (!rc)
		rc = write_changes(w, UINT64_MAX, true);
	if (!rc)
		rc = write_losses(w);
	/* Records of no size at all would mean that the writer was killed. */
	return rc ? rc : write_round(w);
}

static int write_all(struct perf_data_writer *w, struct oc_output *out)
{
	struct buffer head = BUFFER_INIT;
	int rc = write_records(w, NULL);

	if (!rc)
		rc = perf_data_put_features(w, w->bytes);
	if (!rc)
		rc = perf_data_put_head(w, w->bytes, &head);
	if (!rc)
		rc = oc_output_write(out, head.data, head.len);
	if (!rc)
		rc = write_records(w, out);
	if (!rc)
		rc = oc_output_write(out, w->sections.data, w->sections.len);
	if (!rc)
		rc = oc_output_write(out, w->content.data, w->content.len);
	buffer_done(&head);
	return rc;
}

static int write_perf_data(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	struct perf_data_writer w = { .m = m, .sample_type = SAMPLE_TYPE, .event = 1 };
	int rc;

	(void)err; /* nothing fails but memory and the output */
	rc = prepare(&w);
	if (!rc)
		rc = write_all(&w, out);
	writer_done(&w);
	return rc;
}

const struct oc_format oc_format_perf_data = {
	.name = "perf-data",
	.description = "perf.data, for perf report and perf script",
	.extensions = (const char *const[]){ ".perf.data", ".perf-data", NULL },
	.write = write_perf_data,
};
