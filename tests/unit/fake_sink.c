/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing down sink calls.
 * Used by unit tests and by tests/live/sideband_dump.c.
 * Must not judge: what a collector says is what is written.
 */
#include "fake_sink.h"

#include <errno.h>
#include <inttypes.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/text.h"

static struct fake_sink *self(struct sink *sink)
{
	return container_of(sink, struct fake_sink, sink);
}

static void begin(struct fake_sink *fs, uint64_t time_ns)
{
	if (fs->with_times)
		buffer_printf(&fs->log, "%" PRIu64 " ", time_ns);
}

static void put_text(struct fake_sink *fs, const char *key, const char *text)
{
	if (!text)
		return;
	buffer_puts(&fs->log, key);
	text_clean(&fs->log, text, strlen(text));
}

static void end(struct fake_sink *fs)
{
	buffer_putc(&fs->log, '\n');
	if (fs->log.error && !fs->sink.error)
		fs->sink.error = fs->log.error;
}

static sink_process add_process(struct fake_sink *fs, uint32_t pid)
{
	if (array_reserve(&fs->processes, &fs->processes_cap, fs->nr_processes + 1,
			  sizeof(*fs->processes))) {
		fs->sink.error = -ENOMEM;
		return 0;
	}
	fs->processes[fs->nr_processes++] = (struct fake_process){ .pid = pid };
	return (sink_process)fs->nr_processes;
}

static sink_process find_process(const struct fake_sink *fs, uint32_t pid)
{
	for (size_t i = fs->nr_processes; i-- > 0;)
		if (fs->processes[i].pid == pid)
			return fs->processes[i].ended ? 0 : (sink_process)i + 1;
	return 0;
}

static uint32_t pid_of(const struct fake_sink *fs, sink_process process)
{
	return process && process <= fs->nr_processes ? fs->processes[process - 1].pid : 0;
}

static void put_facts(struct fake_sink *fs, const struct collector_process *facts)
{
	if (facts->parent_pid)
		buffer_printf(&fs->log, " parent=%u", facts->parent_pid);
	if (facts->ns_pid)
		buffer_printf(&fs->log, " ns_pid=%u", facts->ns_pid);
	put_text(fs, " comm=", facts->comm);
	put_text(fs, " exe=", facts->exe);
	put_text(fs, " cgroup=", facts->cgroup);
	put_text(fs, " container=", facts->container);
	end(fs);
}

static sink_process on_process_start(struct sink *sink, uint64_t time_ns,
				     const struct collector_process *process)
{
	struct fake_sink *fs = self(sink);

	begin(fs, time_ns);
	buffer_printf(&fs->log, "start %u", process->pid);
	put_facts(fs, process);
	return add_process(fs, process->pid);
}

static sink_process on_process_exec(struct sink *sink, uint64_t time_ns, uint32_t pid,
				    const char *comm)
{
	struct fake_sink *fs = self(sink);

	begin(fs, time_ns);
	buffer_printf(&fs->log, "exec %u", pid);
	put_text(fs, " comm=", comm);
	end(fs);
	return add_process(fs, pid);
}

static void on_process_exit(struct sink *sink, uint64_t time_ns, uint32_t pid)
{
	struct fake_sink *fs = self(sink);
	sink_process process = find_process(fs, pid);

	begin(fs, time_ns);
	buffer_printf(&fs->log, "exit %u", pid);
	end(fs);
	if (process)
		fs->processes[process - 1].ended = true;
}

static sink_process on_process_now(struct sink *sink, uint64_t time_ns, uint32_t pid)
{
	struct fake_sink *fs = self(sink);
	sink_process process = find_process(fs, pid);

	if (process)
		return process;
	begin(fs, time_ns);
	buffer_printf(&fs->log, "unknown %u", pid);
	end(fs);
	return add_process(fs, pid);
}

static bool on_process_is_now(struct sink *sink, sink_process process)
{
	struct fake_sink *fs = self(sink);

	return process && process <= fs->nr_processes &&
	       find_process(fs, fs->processes[process - 1].pid) == process;
}

static void on_process_facts(struct sink *sink, sink_process process,
			     const struct collector_process *facts)
{
	struct fake_sink *fs = self(sink);

	begin(fs, 0);
	buffer_printf(&fs->log, "facts %u", pid_of(fs, process));
	put_facts(fs, facts);
}

static sink_thread on_thread(struct sink *sink, sink_process process, uint32_t tid, uint32_t ns_tid,
			     const char *name)
{
	struct fake_sink *fs = self(sink);

	if (name || ns_tid) {
		begin(fs, 0);
		buffer_printf(&fs->log, "thread %u/%u", pid_of(fs, process), tid);
		if (ns_tid)
			buffer_printf(&fs->log, " ns_tid=%u", ns_tid);
		put_text(fs, " name=", name);
		end(fs);
	}
	for (size_t i = 0; i < fs->nr_threads; i++)
		if (fs->threads[i].process == process && fs->threads[i].tid == tid)
			return (sink_thread)i + 1;
	if (array_reserve(&fs->threads, &fs->threads_cap, fs->nr_threads + 1,
			  sizeof(*fs->threads))) {
		fs->sink.error = -ENOMEM;
		return 0;
	}
	fs->threads[fs->nr_threads++] = (struct fake_thread){ process, tid };
	return (sink_thread)fs->nr_threads;
}

static void on_mapping_add(struct sink *sink, uint64_t time_ns, uint32_t pid,
			   const struct collector_mapping *mapping)
{
	struct fake_sink *fs = self(sink);

	begin(fs, time_ns);
	buffer_printf(&fs->log, "map %u %" PRIx64 "-%" PRIx64 " +%" PRIx64, pid, mapping->start,
		      mapping->end, mapping->file_offset);
	if (mapping->build_id) {
		buffer_puts(&fs->log, " build-id=");
		for (uint8_t i = 0; i < mapping->build_id_size; i++)
			buffer_printf(&fs->log, "%02x", mapping->build_id[i]);
	}
	if (mapping->symbol_file)
		put_text(fs, " symbol-file=", mapping->symbol_file);
	if (mapping->inode)
		buffer_printf(&fs->log, " dev=%" PRIx64 " ino=%" PRIu64, mapping->device,
			      mapping->inode);
	if (mapping->type)
		buffer_puts(&fs->log, mapping->type == COLLECTOR_KERNEL ? " kernel"
				      : mapping->type == COLLECTOR_FILE ? " file"
									: " anon");
	put_text(fs, " ", mapping->path);
	end(fs);
	if (array_reserve(&fs->mappings, &fs->mappings_cap, fs->nr_mappings + 1,
			  sizeof(*fs->mappings))) {
		fs->sink.error = -ENOMEM;
		return;
	}
	fs->mappings[fs->nr_mappings++] = (struct fake_mapping){
		.process = find_process(fs, pid),
		.start = mapping->start,
		.end = mapping->end,
	};
}

static bool on_mapping_next(struct sink *sink, sink_process process, uint64_t address,
			    struct sink_mapping *ret_mapping)
{
	const struct fake_sink *fs = self(sink);
	const struct fake_mapping *best = NULL;

	for (size_t i = 0; i < fs->nr_mappings; i++) {
		const struct fake_mapping *mapping = &fs->mappings[i];

		if (mapping->process == process && mapping->end > address &&
		    (!best || mapping->start < best->start))
			best = mapping;
	}
	if (best)
		*ret_mapping = (struct sink_mapping){ .start = best->start, .end = best->end };
	return best != NULL;
}

static void on_mapping_remove(struct sink *sink, uint64_t time_ns, uint32_t pid, uint64_t start,
			      uint64_t stop)
{
	struct fake_sink *fs = self(sink);

	begin(fs, time_ns);
	buffer_printf(&fs->log, "unmap %u %" PRIx64 "-%" PRIx64, pid, start, stop);
	end(fs);
}

static void on_code_add(struct sink *sink, uint64_t time_ns, uint32_t pid,
			const struct collector_code *code)
{
	struct fake_sink *fs = self(sink);

	begin(fs, time_ns);
	buffer_printf(&fs->log, "code %u %" PRIx64 "-%" PRIx64 " %s", pid, code->start,
		      code->start + code->size, code->name);
	end(fs);
}

static void on_stack_define(struct sink *sink, uint64_t id, const uint64_t *addresses, uint32_t nr,
			    bool kernel)
{
	struct fake_sink *fs = self(sink);

	begin(fs, 0);
	buffer_printf(&fs->log, "stack %" PRIx64 " %s", id, kernel ? "kernel" : "user");
	for (uint32_t i = 0; i < nr; i++)
		buffer_printf(&fs->log, " %" PRIx64, addresses[i]);
	end(fs);
}

static void on_sample(struct sink *sink, const struct collector_sample *sample)
{
	struct fake_sink *fs = self(sink);
	uint32_t tid = sample->thread && sample->thread <= fs->nr_threads
			       ? fs->threads[sample->thread - 1].tid
			       : 0;

	begin(fs, sample->time_ns);
	buffer_printf(&fs->log,
		      "sample %u/%u kind=%u cpu=%d count=%" PRIu64 " value=%" PRIu64
		      " kernel=%" PRIx64 " user=%" PRIx64 "%s",
		      pid_of(fs, sample->process), tid, sample->kind, (int)sample->cpu,
		      sample->count, sample->value, sample->kernel_stack, sample->user_stack,
		      sample->has_user_part ? "" : " no-user");
	if (sample->ip)
		buffer_printf(&fs->log, " ip=%" PRIx64, sample->ip);
	if (sample->wait)
		buffer_printf(&fs->log, " wait=%s waker=%u", sample->wait->reason,
			      sample->wait->waker && sample->wait->waker <= fs->nr_threads
				      ? fs->threads[sample->wait->waker - 1].tid
				      : 0);
	end(fs);
}

static void on_lost(struct sink *sink, uint32_t kind, enum oc_loss reason, uint64_t count)
{
	struct fake_sink *fs = self(sink);

	begin(fs, 0);
	buffer_printf(&fs->log, "lost %u %s %" PRIu64, kind, oc_loss_name(reason), count);
	end(fs);
}

static void on_note(struct sink *sink, enum oc_note note, uint64_t count)
{
	struct fake_sink *fs = self(sink);

	begin(fs, 0);
	buffer_printf(&fs->log, "note %s %" PRIu64, oc_note_name(note), count);
	end(fs);
}

static const struct sink_ops fake_ops = {
	.process_start = on_process_start,
	.process_exec = on_process_exec,
	.process_exit = on_process_exit,
	.process_now = on_process_now,
	.process_is_now = on_process_is_now,
	.process_facts = on_process_facts,
	.thread = on_thread,
	.mapping_add = on_mapping_add,
	.mapping_remove = on_mapping_remove,
	.mapping_next = on_mapping_next,
	.code_add = on_code_add,
	.stack_define = on_stack_define,
	.sample = on_sample,
	.lost = on_lost,
	.note = on_note,
};

void fake_sink_init(struct fake_sink *fs)
{
	*fs = (struct fake_sink){ .sink.ops = &fake_ops };
}

void fake_sink_done(struct fake_sink *fs)
{
	buffer_done(&fs->log);
	free(fs->processes);
	free(fs->threads);
	free(fs->mappings);
}

const char *fake_sink_take(struct fake_sink *fs)
{
	fs->log.len = 0; /* the bytes stay until the next line is written */
	return fs->log.data ? fs->log.data : "";
}
