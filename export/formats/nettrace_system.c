/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The threads of a nettrace file, and its events of the provider Universal.System, symbols aside.
 * Called by the nettrace writer.
 * Must not know samples.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/array.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/pdb_id.h"
#include "base/text.h"
#include "export/formats/nettrace_private.h"

/* Two texts share the payload of a process. */
#define PROCESS_TEXT_MAX (NETTRACE_TEXT_MAX / 2)

void nettrace_put_id(struct buffer *b, const struct oc_machine *m, oc_string_id id)
{
	size_t len;
	const char *text = oc_machine_string(m, id, &len);

	nettrace_put_string(b, text, len);
}

void nettrace_put_short_id(struct buffer *b, const struct oc_machine *m, oc_string_id id,
			   size_t max)
{
	size_t len;
	const char *text = oc_machine_string(m, id, &len);

	nettrace_put_short_string(b, text, len, max);
}

/* ---- threads ------------------------------------------------------------------------------------------------ */

/* Kinds of what a thread's row tells. */
enum { THREAD_NAME = 1, THREAD_PROCESS_ID = 2, THREAD_ID = 3, THREAD_PAIR = 4 };

static void put_number_pair(struct buffer *row, const char *key, uint32_t value)
{
	char text[12];
	int len = snprintf(text, sizeof(text), "%u", value);

	buffer_putc(row, THREAD_PAIR);
	nettrace_put_string(row, key, strlen(key));
	nettrace_put_string(row, text, (size_t)len);
}

/* thread: NULL for what belongs to a process and to none of its threads. */
static void put_thread_row(struct nettrace *n, uint32_t index, const struct oc_process *process,
			   const struct oc_thread *thread)
{
	struct buffer *row = &n->row;

	buffer_clear(row);
	nettrace_put_varuint(row, index);
	buffer_putc(row, THREAD_PROCESS_ID);
	nettrace_put_varuint(row, process->pid);
	buffer_putc(row, THREAD_ID);
	nettrace_put_varuint(row, thread ? thread->tid : 0);
	if (thread && thread->ns_tid && thread->ns_tid != thread->tid)
		put_number_pair(row, "NamespaceThreadId", thread->ns_tid);
	if (thread && thread->name) {
		buffer_putc(row, THREAD_NAME);
		nettrace_put_id(row, n->m, thread->name);
	}
}

/* Index 0 is the recorder, then come the machine's threads, then its processes. */
uint32_t nettrace_declare_thread(struct nettrace *n, oc_process_id process, oc_thread_id id)
{
	const struct oc_thread *thread = oc_machine_thread(n->m, id);
	uint32_t index = id;

	if (!process)
		return 0;
	if (!thread || thread->process != process) {
		thread = NULL;
		index = oc_machine_nr_threads(n->m) + process;
	}
	if (n->thread_groups[index] == n->stream.group)
		return index;
	n->thread_groups[index] = n->stream.group;
	put_thread_row(n, index, oc_machine_process(n->m, process), thread);
	if (n->row.error)
		nettrace_fail(n, n->row.error);
	else
		nettrace_stream_thread(&n->stream, n->row.data, n->row.len);
	return index;
}

void nettrace_write_system_event(struct nettrace *n, enum system_event event, oc_process_id process)
{
	struct nettrace_event e = {
		.time = n->now,
		.metadata = nettrace_system_metadata(n, event),
		.cpu = NETTRACE_CPU_UNKNOWN,
	};

	nettrace_stream_make_room(&n->stream, n->now);
	e.thread = nettrace_declare_thread(n, process, 0);
	if (n->payload.error)
		nettrace_fail(n, n->payload.error);
	else
		nettrace_stream_event(&n->stream, &e, n->payload.data, n->payload.len);
	buffer_clear(&n->payload);
}

/* ---- processes ---------------------------------------------------------------------------------------------- */

static void write_create(struct nettrace *n, oc_process_id id)
{
	const struct oc_process *process = oc_machine_process(n->m, id);
	bool existed = process->start_ns < n->start;

	nettrace_put_varuint(&n->payload, process->ns_pid);
	nettrace_put_short_id(&n->payload, n->m, process->comm, PROCESS_TEXT_MAX);
	nettrace_put_short_id(&n->payload, n->m, process->container, PROCESS_TEXT_MAX);
	nettrace_write_system_event(n, existed ? EXISTING_PROCESS : PROCESS_CREATE, id);
}

void nettrace_advance(struct nettrace *n, uint64_t time)
{
	while (n->next_change < n->nr_changes && n->changes[n->next_change].time <= time) {
		const struct change *change = &n->changes[n->next_change++];

		n->now = change->time;
		if (change->type == CHANGE_CREATE)
			write_create(n, change->process);
		else if (change->type == CHANGE_EXIT)
			nettrace_write_system_event(n, PROCESS_EXIT, change->process);
		else
			nettrace_declare_mapping(n, change->process, change->mapping);
	}
	n->now = time;
}

/* ---- what a mapping's metadata says ------------------------------------------------------------------------- */

/* Puts the text of n->json into the payload and empties it. */
static void put_json(struct nettrace *n)
{
	if (n->json.error)
		nettrace_fail(n, n->json.error);
	else
		nettrace_put_short_string(&n->payload, n->json.data, n->json.len,
					  NETTRACE_TEXT_MAX);
	buffer_clear(&n->json);
}

static void put_hex(struct json *j, const char *key, const uint8_t *bytes, size_t nr)
{
	char hex[2 * OC_BUILD_ID_MAX + 1];

	hex_text(bytes, nr, hex);
	json_key(j, key);
	json_string(j, hex);
}

/* Where the ELF file wants its code is not known here; the usual layout, address equal to offset in the file, is assumed. */
static void put_elf(struct json *j, const struct oc_module *module, uint64_t offset)
{
	char number[24];

	snprintf(number, sizeof(number), "0x%" PRIx64, offset);
	json_key(j, "type");
	json_string(j, "ELF");
	put_hex(j, "build_id", module->build_id, module->build_id_size);
	json_key(j, "p_vaddr");
	json_string(j, number);
	json_key(j, "p_offset");
	json_string(j, number);
}

/* The PDB file, as it is told, or mostly, called. */
static void put_pe(struct nettrace *n, struct json *j, const struct oc_module *module,
		   const char *path)
{
	struct buffer name = BUFFER_INIT;

	pdb_put_name(&name, oc_machine_string(n->m, module->symbol_file, NULL), path);
	if (name.error)
		nettrace_fail(n, name.error);
	json_key(j, "type");
	json_string(j, "PE");
	json_key(j, "name");
	json_string(j, name.data ? name.data : "");
	put_hex(j, "signature", module->build_id, PDB_GUID_SIZE);
	json_key(j, "age");
	json_u64(j, pdb_id_age(module->build_id) & INT32_MAX);
	buffer_done(&name);
}

/* What lets a reader find the file's symbols by itself. Only tools that look symbols up on their own depend on it. */
static void put_symbol_metadata(struct nettrace *n, const struct oc_module *module, uint64_t offset)
{
	const char *path = oc_machine_string(n->m, module->path, NULL);
	struct json j;

	json_init(&j, &n->json);
	json_object_begin(&j);
	if (text_is_windows_path(path))
		put_pe(n, &j, module, path);
	else
		put_elf(&j, module, offset);
	json_object_end(&j);
	put_json(n);
}

static void put_version_metadata(struct nettrace *n, const struct oc_module *module)
{
	struct json j;

	json_init(&j, &n->json);
	json_object_begin(&j);
	if (module->deleted) {
		json_key(&j, "deleted");
		json_bool(&j, true);
	}
	json_object_end(&j);
	put_json(n);
}

static bool metadata_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct nettrace_metadata *have = &((const struct nettrace_metadata *)owner)[id - 1];
	const struct nettrace_metadata *want = wanted;

	return have->module == want->module && have->file_offset == want->file_offset;
}

/* Is there something to say of a module's symbols: a file of Linux, or a file or driver of Windows with its PDB file? */
static bool has_metadata(const struct nettrace *n, const struct oc_module *module)
{
	if (text_is_windows_path(oc_machine_string(n->m, module->path, NULL)))
		return module->build_id_size == PDB_ID_SIZE;
	return module->type == OC_MODULE_FILE && module->build_id_size;
}

/* Describes a module, once for each offset that it is mapped from. Returns the id; 0 = nothing to say. */
static uint32_t write_metadata(struct nettrace *n, oc_process_id process,
			       const struct oc_mapping *mapping)
{
	const struct oc_module *module = oc_machine_module(n->m, mapping->module);
	struct nettrace_metadata wanted = { mapping->module, mapping->file_offset };
	uint64_t hash = hash_u64(wanted.file_offset ^ hash_u64(wanted.module));
	size_t nr = n->metadata_ids.count;
	uint32_t id;

	if (!has_metadata(n, module))
		return 0;
	id = id_table_find(&n->metadata_ids, hash, metadata_equal, n->metadata, &wanted);
	if (id)
		return id;
	id = (uint32_t)nr + 1;
	if (array_reserve(&n->metadata, &n->metadata_cap, nr + 1, sizeof(*n->metadata)) ||
	    id_table_add(&n->metadata_ids, hash, id)) {
		nettrace_fail(n, -ENOMEM);
		return 0;
	}
	n->metadata[nr] = wanted;
	nettrace_put_varuint(&n->payload, id);
	put_symbol_metadata(n, module, mapping->file_offset);
	put_version_metadata(n, module);
	nettrace_write_system_event(n, PROCESS_MAPPING_METADATA, process);
	return id;
}

/* ---- mappings ----------------------------------------------------------------------------------------------- */

/* True when a process has not declared a mapping before; now it has. */
static bool is_new_mapping(struct nettrace *n, oc_process_id process, uint32_t trace_mapping)
{
	uint64_t key = (uint64_t)process << 32 | trace_mapping;

	if (key == n->last_declared)
		return false;
	n->last_declared = key;
	if (u64_map_find(&n->declared, key))
		return false;
	if (u64_map_set(&n->declared, key, 1))
		nettrace_fail(n, -ENOMEM);
	return true;
}

/* first and last: its first and last byte. */
static void write_mapping(struct nettrace *n, oc_process_id process, uint32_t trace_mapping,
			  oc_module_id module, const struct oc_mapping *range, uint32_t metadata)
{
	struct buffer *payload = &n->payload;

	nettrace_put_varuint(payload, trace_mapping);
	nettrace_put_varuint(payload, range->start);
	nettrace_put_varuint(payload, range->end - 1);
	nettrace_put_varuint(payload, range->file_offset);
	nettrace_put_short_id(payload, n->m, oc_machine_module(n->m, module)->path,
			      NETTRACE_TEXT_MAX);
	nettrace_put_varuint(payload, metadata);
	nettrace_write_system_event(n, PROCESS_MAPPING, process);
}

void nettrace_declare_mapping(struct nettrace *n, oc_process_id process, oc_mapping_id id)
{
	const struct oc_mapping *mapping;
	uint32_t metadata;

	if (!is_new_mapping(n, process, id))
		return;
	mapping = oc_machine_mapping(n->m, id);
	metadata = write_metadata(n, process, mapping);
	write_mapping(n, process, id, mapping->module, mapping, metadata);
}

/* They have the file name of their module. */
void nettrace_declare_inlined(struct nettrace *n, oc_process_id process, oc_module_id module)
{
	uint32_t id = nettrace_inlined_mapping(n, module);
	struct oc_mapping range = { 0 };
	uint32_t first, nr;

	if (!is_new_mapping(n, process, id))
		return;
	first = addresses_inlined_of_module(&n->addresses, module, &nr);
	range.start = addresses_inlined_address(first);
	range.end = addresses_inlined_address(first + nr);
	write_mapping(n, process, id, module, &range, 0);
}
