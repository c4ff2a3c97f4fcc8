/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sink that fills an export machine.
 * Called by collectors through src/collector.h and by src/recording.c.
 * Must not know any operating system.
 */
#include "machine_sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "completeness.h"
#include "named_code.h"
#include "stack_parts.h"

/* The upper half of the address space is the kernel's on every 64-bit machine we know. */
#define KERNEL_START 0xff00000000000000ULL

struct machine_sink {
	struct sink sink;
	struct oc_machine *machine;
	struct oc_symbolizer *symbolizer;
	bool outlives_losses;
	uint32_t nr_kinds;
	oc_kind_id kinds[OC_KINDS_MAX];

	struct stack_parts parts;
	struct named_code code;
	struct completeness completeness;
};

static struct machine_sink *self(struct sink *sink)
{
	return container_of(sink, struct machine_sink, sink);
}

/* Keeps the first error; returns the value when it is an id, else 0. */
static uint32_t keep(struct machine_sink *ms, int64_t rc)
{
	if (rc >= 0)
		return (uint32_t)rc;
	if (!ms->sink.error)
		ms->sink.error = (int)rc;
	return 0;
}

static oc_string_id intern(struct machine_sink *ms, const char *text)
{
	return text ? keep(ms, oc_machine_intern(ms->machine, text, strlen(text))) : 0;
}

/* ---- processes ---------------------------------------------------------------------------------------------- */

static void set_facts(struct machine_sink *ms, oc_process_id id,
		      const struct collector_process *facts)
{
	struct oc_process process = {
		.ns_pid = facts->ns_pid,
		.comm = intern(ms, facts->comm),
		.exe = intern(ms, facts->exe),
		.cgroup = intern(ms, facts->cgroup),
		.container = intern(ms, facts->container),
	};

	keep(ms, oc_machine_process_set(ms->machine, id, &process));
}

/* What a child or a new image has in common with where it comes from. */
static void inherit_facts(struct machine_sink *ms, oc_process_id id, oc_process_id from,
			  bool is_exec)
{
	const struct oc_process *old = oc_machine_process(ms->machine, from);
	struct oc_process facts = { 0 };

	if (!old)
		return;
	facts.cgroup = old->cgroup;
	facts.container = old->container;
	if (is_exec) {
		facts.ns_pid = old->ns_pid;
	} else {
		facts.comm = old->comm;
		facts.exe = old->exe;
	}
	keep(ms, oc_machine_process_set(ms->machine, id, &facts));
}

static sink_process on_process_start(struct sink *sink, uint64_t time_ns,
				     const struct collector_process *process)
{
	struct machine_sink *ms = self(sink);
	oc_process_id parent = 0, id;

	if (process->parent_pid) {
		parent = oc_machine_process_now(ms->machine, process->parent_pid);
	} else {
		/* Found by a scan; it may be known already. */
		id = oc_machine_process_now(ms->machine, process->pid);
		if (id) {
			set_facts(ms, id, process);
			return id;
		}
	}
	id = keep(ms, oc_machine_process_start(ms->machine, process->pid, parent, time_ns));
	if (!id)
		return 0;
	if (parent)
		inherit_facts(ms, id, parent, false);
	set_facts(ms, id, process);
	return id;
}

static void tell_symbolizer_of_end(struct machine_sink *ms, uint32_t pid)
{
	oc_process_id id = oc_machine_process_now(ms->machine, pid);

	if (id && ms->symbolizer)
		keep(ms, oc_symbolizer_process_exit(ms->symbolizer, ms->machine, id));
}

static sink_process on_process_exec(struct sink *sink, uint64_t time_ns, uint32_t pid,
				    const char *comm)
{
	struct machine_sink *ms = self(sink);
	oc_process_id before = oc_machine_process_now(ms->machine, pid), id;

	tell_symbolizer_of_end(ms, pid);
	id = keep(ms, oc_machine_process_exec(ms->machine, pid, time_ns, intern(ms, comm)));
	if (id && before)
		inherit_facts(ms, id, before, true);
	return id;
}

static void on_process_exit(struct sink *sink, uint64_t time_ns, uint32_t pid)
{
	struct machine_sink *ms = self(sink);

	tell_symbolizer_of_end(ms, pid);
	oc_machine_process_exit(ms->machine, pid, time_ns);
}

static sink_process on_process_now(struct sink *sink, uint64_t time_ns, uint32_t pid)
{
	struct machine_sink *ms = self(sink);
	oc_process_id id = oc_machine_process_now(ms->machine, pid);

	return id ? id : keep(ms, oc_machine_process_start(ms->machine, pid, 0, time_ns));
}

static bool on_process_is_now(struct sink *sink, sink_process process)
{
	const struct oc_machine *m = self(sink)->machine;
	const struct oc_process *p = oc_machine_process(m, process);

	return p && oc_machine_process_now(m, p->pid) == process;
}

static void on_process_facts(struct sink *sink, sink_process process,
			     const struct collector_process *facts)
{
	set_facts(self(sink), process, facts);
}

static sink_thread on_thread(struct sink *sink, sink_process process, uint32_t tid, uint32_t ns_tid,
			     const char *name)
{
	struct machine_sink *ms = self(sink);
	oc_thread_id id = keep(ms, oc_machine_add_thread(ms->machine, process, tid));

	if (id && ns_tid)
		keep(ms, oc_machine_thread_set_ns_tid(ms->machine, id, ns_tid));
	if (id && name)
		keep(ms, oc_machine_thread_set_name(ms->machine, id, intern(ms, name)));
	return id;
}

/* ---- mappings ----------------------------------------------------------------------------------------------- */

static bool has_prefix(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* Memory without a file of its own that could be opened again by name. */
static bool is_anonymous(const char *path)
{
	static const char *const prefixes[] = { "//anon", "/dev/zero", "/SYSV", "/[aio]",
						"anon_inode:" };

	if (path[0] != '/')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (has_prefix(path, prefixes[i]))
			return true;
	}
	return false;
}

static void set_build_id(struct oc_module *module, const struct collector_mapping *mapping)
{
	if (!mapping->build_id || mapping->build_id_size > OC_BUILD_ID_MAX)
		return;
	module->build_id_size = mapping->build_id_size;
	memcpy(module->build_id, mapping->build_id, mapping->build_id_size);
}

static void describe_module(struct machine_sink *ms, oc_process_id process,
			    const struct collector_mapping *mapping, struct oc_module *ret_module)
{
	static const char deleted[] = " (deleted)";
	const char *path = mapping->path;
	size_t len = strlen(path);

	*ret_module = (struct oc_module){ .type = OC_MODULE_FILE };
	if (mapping->type == COLLECTOR_KERNEL)
		ret_module->type = OC_MODULE_KERNEL;
	if (mapping->type == COLLECTOR_BY_PATH && !strcmp(path, "[vdso]")) {
		ret_module->type = OC_MODULE_VDSO;
		ret_module->path = intern(ms, path);
		set_build_id(ret_module, mapping);
		return;
	}
	if (mapping->type == COLLECTOR_ANON ||
	    (mapping->type == COLLECTOR_BY_PATH && is_anonymous(path))) {
		ret_module->type = OC_MODULE_ANON;
		ret_module->process = process;
		ret_module->path = intern(ms, "[anon]");
		if (mapping->type == COLLECTOR_ANON) {
			ret_module->device = mapping->device;
			ret_module->inode = mapping->inode;
		}
		return;
	}
	if (len > sizeof(deleted) && !strcmp(path + len - (sizeof(deleted) - 1), deleted)) {
		ret_module->deleted = true;
		len -= sizeof(deleted) - 1;
	}
	ret_module->path = keep(ms, oc_machine_intern(ms->machine, path, len));
	ret_module->device = mapping->device;
	ret_module->inode = mapping->inode;
	set_build_id(ret_module, mapping);
	if (mapping->symbol_file)
		ret_module->symbol_file = intern(ms, mapping->symbol_file);
}

static void on_mapping_add(struct sink *sink, uint64_t time_ns, uint32_t pid,
			   const struct collector_mapping *mapping)
{
	struct machine_sink *ms = self(sink);
	bool in_kernel = mapping->type == COLLECTOR_KERNEL;
	oc_process_id process = in_kernel ? 0 : on_process_now(sink, time_ns, pid);
	struct oc_module module;
	struct oc_mapping added;
	oc_module_id id;

	if ((!process && !in_kernel) || mapping->start >= mapping->end)
		return;
	describe_module(ms, process, mapping, &module);
	id = keep(ms, oc_machine_add_module(ms->machine, &module));
	if (!id)
		return;
	if (ms->symbolizer && !in_kernel)
		keep(ms, oc_symbolizer_keep(ms->symbolizer, ms->machine, id, pid));
	added = (struct oc_mapping){
		.process = process,
		.module = id,
		.start = mapping->start,
		.end = mapping->end,
		.file_offset =
			module.type == OC_MODULE_ANON ? mapping->start : mapping->file_offset,
		.since_ns = time_ns,
		.until_ns = UINT64_MAX,
	};
	keep(ms, oc_machine_add_mapping(ms->machine, &added));
}

static void on_mapping_remove(struct sink *sink, uint64_t time_ns, uint32_t pid, uint64_t start,
			      uint64_t end)
{
	struct machine_sink *ms = self(sink);
	oc_process_id process = oc_machine_process_now(ms->machine, pid);

	if (process && start < end)
		keep(ms, oc_machine_remove_mapping(ms->machine, process, start, end, time_ns));
}

static bool on_mapping_next(struct sink *sink, sink_process process, uint64_t address,
			    struct sink_mapping *ret_mapping)
{
	struct machine_sink *ms = self(sink);
	const struct oc_mapping *mapping = oc_machine_mapping(
		ms->machine, oc_machine_next_mapping(ms->machine, process, address));
	const struct oc_module *module;

	if (!mapping)
		return false;
	*ret_mapping = (struct sink_mapping){
		.start = mapping->start,
		.end = mapping->end,
		.file_offset = mapping->file_offset,
		.module = mapping->module,
		.type = SINK_MAPPING_ANON,
	};
	module = oc_machine_module(ms->machine, mapping->module);
	ret_mapping->build_id = module->build_id;
	ret_mapping->build_id_size = module->build_id_size;
	switch (module->type) {
	case OC_MODULE_FILE:
		ret_mapping->type = SINK_MAPPING_FILE;
		break;
	case OC_MODULE_VDSO:
		ret_mapping->type = SINK_MAPPING_VDSO;
		break;
	default:
		break;
	}
	return true;
}

static int on_module_open(struct sink *sink, uint32_t module, uint32_t pid)
{
	struct machine_sink *ms = self(sink);

	return ms->symbolizer ? oc_symbolizer_open(ms->symbolizer, ms->machine, module, pid)
			      : -ENOENT;
}

static int on_module_open_frames(struct sink *sink, uint32_t module, uint32_t pid)
{
	struct machine_sink *ms = self(sink);

	return ms->symbolizer ? oc_symbolizer_open_frames(ms->symbolizer, ms->machine, module, pid)
			      : -ENOENT;
}

static int add_kernel(struct machine_sink *ms)
{
	struct oc_module module = { .type = OC_MODULE_KERNEL, .path = intern(ms, "[kernel]") };
	struct oc_mapping mapping = {
		.module = keep(ms, oc_machine_add_module(ms->machine, &module)),
		.start = KERNEL_START,
		.end = UINT64_MAX,
		.file_offset = KERNEL_START,
		.until_ns = UINT64_MAX,
	};

	keep(ms, oc_machine_add_mapping(ms->machine, &mapping));
	return ms->sink.error;
}

/* ---- named code --------------------------------------------------------------------------------------------- */

static void on_code_add(struct sink *sink, uint64_t time_ns, uint32_t pid,
			const struct collector_code *code)
{
	struct machine_sink *ms = self(sink);
	oc_process_id process = on_process_now(sink, time_ns, pid);
	oc_string_id name = intern(ms, code->name);

	if (process && name)
		keep(ms,
		     named_code_add(&ms->code, process, time_ns, code->start, code->size, name));
}

int machine_sink_name_code(struct sink *sink)
{
	struct machine_sink *ms = self(sink);

	keep(ms, named_code_apply(&ms->code, ms->machine));
	return ms->sink.error;
}

static void on_stack_define(struct sink *sink, uint64_t id, const uint64_t *addresses, uint32_t nr,
			    bool kernel)
{
	struct machine_sink *ms = self(sink);

	(void)kernel;
	keep(ms, stack_parts_define(&ms->parts, id, addresses, nr));
}

/* ---- samples ------------------------------------------------------------------------------------------------ */

static struct oc_ledger_kind *ledger_kind(struct machine_sink *ms, uint32_t kind)
{
	return &oc_machine_ledger(ms->machine)->kinds[ms->kinds[kind] - 1];
}

static void on_lost(struct sink *sink, uint32_t kind, enum oc_loss reason, uint64_t count)
{
	struct machine_sink *ms = self(sink);

	if (kind < ms->nr_kinds && reason < OC_LOSS_COUNT)
		ledger_kind(ms, kind)->lost[reason] += count;
}

static bool root_is_unmapped(const struct machine_sink *ms, oc_stack_id stack)
{
	uint32_t nr;
	const oc_location_id *locations = oc_machine_stack(ms->machine, stack, &nr);
	const struct oc_location *root =
		nr ? oc_machine_location(ms->machine, locations[nr - 1]) : NULL;

	return root && oc_machine_module(ms->machine, root->module)->type == OC_MODULE_UNKNOWN;
}

/*
 * Resolves a callstack. A walk by frame pointers through code that has none ends in whatever the register held: root
 * frames where nothing is mapped are cut off, which *ret_cut tells; the first user frame is the sample itself and stays.
 * Returns the stack's id or a negative errno value.
 */
static int64_t resolve_cut(struct machine_sink *ms, oc_process_id process,
			   oc_callstack_id callstack, bool *ret_cut)
{
	*ret_cut = false;
	for (;;) {
		int64_t stack = oc_machine_resolve(ms->machine, process, callstack);
		uint32_t nr, nr_kernel;
		const uint64_t *addresses;
		int64_t shorter;

		if (stack <= 0 || !root_is_unmapped(ms, (oc_stack_id)stack))
			return stack;
		addresses = oc_machine_callstack(ms->machine, callstack, &nr, &nr_kernel);
		if (nr <= nr_kernel + 1)
			return stack;
		shorter = oc_machine_intern_callstack(ms->machine, addresses, nr - 1, nr_kernel);
		if (shorter < 0)
			return shorter;
		callstack = (oc_callstack_id)shorter;
		*ret_cut = true;
	}
}

/*
 * Cuts a callstack before the first user frame that may have been resolved or walked by the wrong mapping, and what came
 * of it. Returns the callstack, 0 when nothing is left, or a negative errno value.
 */
static int64_t cut_unsure(struct machine_sink *ms, const struct collector_sample *in,
			  oc_callstack_id callstack, bool *ret_cut)
{
	uint32_t nr, nr_kernel;
	const uint64_t *addresses = oc_machine_callstack(ms->machine, callstack, &nr, &nr_kernel);

	*ret_cut = false;
	for (uint32_t i = nr_kernel; i < nr && !*ret_cut; i++) {
		if (addresses[i] < in->unsure_start || addresses[i] >= in->unsure_end)
			continue;
		*ret_cut = true;
		nr = i;
	}
	return *ret_cut ? oc_machine_intern_callstack(ms->machine, addresses, nr, nr_kernel)
			: callstack;
}

static oc_attrs_id wait_attrs(struct machine_sink *ms, const struct collector_wait *wait)
{
	const struct oc_process *process = oc_machine_process(ms->machine, wait->waker_process);
	const struct oc_thread *thread = oc_machine_thread(ms->machine, wait->waker);
	struct oc_attr attrs[4];
	size_t nr = 0;

	if (wait->reason)
		attrs[nr++] = (struct oc_attr){ intern(ms, "wait_reason"), OC_ATTR_STRING,
						intern(ms, wait->reason) };
	if (process)
		attrs[nr++] =
			(struct oc_attr){ intern(ms, "waker_pid"), OC_ATTR_NUMBER, process->pid };
	if (thread)
		attrs[nr++] =
			(struct oc_attr){ intern(ms, "waker_tid"), OC_ATTR_NUMBER, thread->tid };
	if (process && (process->comm || (thread && thread->name)))
		attrs[nr++] =
			(struct oc_attr){ intern(ms, "waker"), OC_ATTR_STRING,
					  thread && thread->name ? thread->name : process->comm };
	return keep(ms, oc_machine_intern_attrs(ms->machine, attrs, nr, 0));
}

/* A sample whose stack does not reach its root, for a reason that its collector could not know. copy: may be in. */
static const struct collector_sample *incomplete(const struct collector_sample *in,
						 enum oc_stack_reason reason,
						 struct collector_sample *copy)
{
	*copy = *in;
	copy->is_complete = false;
	copy->incomplete = reason;
	return copy;
}

static void on_sample(struct sink *sink, const struct collector_sample *in)
{
	struct machine_sink *ms = self(sink);
	struct oc_sample sample = {
		.time_ns = in->time_ns,
		.count = in->count,
		.value = in->value,
		.process = in->process,
		.thread = in->thread,
		.cpu = in->cpu,
	};
	struct collector_sample copy;
	int64_t callstack;
	bool is_cut = false;
	int rc;

	if (in->kind >= ms->nr_kinds)
		return;
	sample.kind = ms->kinds[in->kind];
	callstack = stack_parts_join(&ms->parts, ms->machine, in, &is_cut);
	if (callstack == -ENOENT) {
		on_lost(sink, in->kind, OC_LOSS_UNKNOWN_STACK, in->count);
		return;
	}
	if (is_cut)
		in = incomplete(in, OC_STACK_TRUNCATED, &copy);
	if (callstack > 0 && in->unsure_end) {
		callstack = cut_unsure(ms, in, (oc_callstack_id)callstack, &is_cut);
		if (is_cut)
			in = incomplete(in, OC_STACK_REMAPPED, &copy);
	}
	if (callstack > 0)
		callstack = resolve_cut(ms, in->process, (oc_callstack_id)callstack, &is_cut);
	sample.stack = keep(ms, callstack);
	if (in->wait)
		sample.attrs = wait_attrs(ms, in->wait);
	if (ms->sink.error) {
		on_lost(sink, in->kind, OC_LOSS_MEMORY, in->count);
		return;
	}
	rc = oc_machine_add_sample(ms->machine, &sample);
	/* What the temporary file has no room for, the machine has counted as lost. */
	if (!ms->outlives_losses || rc >= 0 || rc == -ENOMEM || rc == -EINVAL)
		keep(ms, rc);
	if (rc > 0)
		keep(ms, completeness_note(&ms->completeness, ms->machine, &sample, in, is_cut));
}

static void on_note(struct sink *sink, enum oc_note note, uint64_t count)
{
	if (note < OC_NOTE_COUNT)
		oc_machine_ledger(self(sink)->machine)->notes[note] += count;
}

/* ---- completeness ------------------------------------------------------------------------------------------- */

void machine_sink_judge_stacks(struct sink *sink)
{
	struct machine_sink *ms = self(sink);

	keep(ms, completeness_judge(&ms->completeness, ms->machine));
}

/* ---- life --------------------------------------------------------------------------------------------------- */

static const struct sink_ops machine_sink_ops = {
	.process_start = on_process_start,
	.process_exec = on_process_exec,
	.process_exit = on_process_exit,
	.process_now = on_process_now,
	.process_is_now = on_process_is_now,
	.process_facts = on_process_facts,
	.thread = on_thread,
	.mapping_add = on_mapping_add,
	.mapping_remove = on_mapping_remove,
	.code_add = on_code_add,
	.mapping_next = on_mapping_next,
	.module_open = on_module_open,
	.module_open_frames = on_module_open_frames,
	.stack_define = on_stack_define,
	.sample = on_sample,
	.lost = on_lost,
	.note = on_note,
};

struct sink *machine_sink_new(struct oc_machine *machine, struct oc_symbolizer *symbolizer)
{
	struct machine_sink *ms = calloc(1, sizeof(*ms));

	if (!ms)
		return NULL;
	ms->sink.ops = &machine_sink_ops;
	ms->machine = machine;
	ms->symbolizer = symbolizer;
	if (add_kernel(ms)) {
		machine_sink_free(&ms->sink);
		return NULL;
	}
	return &ms->sink;
}

void machine_sink_outlive_losses(struct sink *sink)
{
	self(sink)->outlives_losses = true;
}

int machine_sink_set_kinds(struct sink *sink, const struct collector_kind *kinds, uint32_t nr)
{
	struct machine_sink *ms = self(sink);

	if (nr > OC_KINDS_MAX)
		return -ENOSPC;
	for (uint32_t i = 0; i < nr; i++) {
		struct oc_kind kind = { .unit = kinds[i].unit, .period_ns = kinds[i].period_ns };
		int64_t id;

		snprintf(kind.name, sizeof(kind.name), "%s", kinds[i].name);
		id = oc_machine_add_kind(ms->machine, &kind);
		if (id < 0)
			return (int)id;
		ms->kinds[i] = (oc_kind_id)id;
	}
	ms->nr_kinds = nr;
	return 0;
}

void machine_sink_free(struct sink *sink)
{
	struct machine_sink *ms;

	if (!sink)
		return;
	ms = self(sink);
	stack_parts_done(&ms->parts);
	named_code_done(&ms->code);
	completeness_done(&ms->completeness);
	free(ms);
}
