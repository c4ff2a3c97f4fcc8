/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modules: what is mapped, each once, found by build-id, by device and inode, or by path.
 * Called by collectors' sinks for each mapping, by callstacks.c for unknown addresses, and by symbolizers.
 * Must not know what is inside a file.
 */
#include "export/machine_private.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"

static bool has_file_id(const struct oc_module *module)
{
	return module->device && module->inode;
}

/* The identity that onecollect/machine.h defines. */
static bool modules_equal(const struct oc_module *a, const struct oc_module *b)
{
	if (a->type != b->type || a->process != b->process)
		return false;
	if (a->build_id_size && b->build_id_size)
		return a->build_id_size == b->build_id_size &&
		       !memcmp(a->build_id, b->build_id, a->build_id_size);
	if (has_file_id(a) && has_file_id(b))
		return a->device == b->device && a->inode == b->inode;
	return a->path == b->path;
}

struct module_lookup {
	const struct oc_machine *m;
	const struct module_index *index;
};

static bool index_entry_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct module_lookup *lookup = owner;
	oc_module_id module = lookup->index->modules[id - 1];

	return modules_equal(stable_array_at(&lookup->m->modules, module - 1), wanted);
}

/* What all three keys have in common is mixed into the hash, so that each process's "[anon]" has its own place. */
static uint64_t key_hash(const struct oc_module *module, const void *key, size_t size)
{
	return hash_bytes(key, size) ^
	       hash_u64((uint64_t)module->process << 8 | (uint64_t)module->type);
}

static uint64_t build_id_hash(const struct oc_module *module)
{
	return key_hash(module, module->build_id, module->build_id_size);
}

static uint64_t inode_hash(const struct oc_module *module)
{
	const uint64_t key[] = { module->device, module->inode };

	return key_hash(module, key, sizeof(key));
}

static uint64_t path_hash(const struct oc_module *module)
{
	return key_hash(module, &module->path, sizeof(module->path));
}

static oc_module_id index_find(const struct oc_machine *m, const struct module_index *index,
			       uint64_t hash, const struct oc_module *wanted)
{
	const struct module_lookup lookup = { .m = m, .index = index };
	uint32_t entry = id_table_find(&index->table, hash, index_entry_equal, &lookup, wanted);

	return entry ? index->modules[entry - 1] : 0;
}

static int index_add(struct module_index *index, uint64_t hash, oc_module_id id)
{
	size_t nr = index->table.count;

	if (nr >= UINT32_MAX ||
	    array_reserve(&index->modules, &index->cap, nr + 1, sizeof(*index->modules)))
		return -ENOMEM;
	index->modules[nr] = id;
	return id_table_add(&index->table, hash, (uint32_t)nr + 1);
}

static oc_module_id find_module(const struct oc_machine *m, const struct oc_module *wanted)
{
	oc_module_id id = 0;

	if (wanted->build_id_size)
		id = index_find(m, &m->modules_by_build_id, build_id_hash(wanted), wanted);
	if (!id && has_file_id(wanted))
		id = index_find(m, &m->modules_by_inode, inode_hash(wanted), wanted);
	if (!id)
		id = index_find(m, &m->modules_by_path, path_hash(wanted), wanted);
	return id;
}

/* Facts that the known module lacks are taken from the equal one, so that it is found by them from now on. */
int module_learn(struct oc_machine *m, oc_module_id id, const struct oc_module *from)
{
	struct oc_module *module = stable_array_at(&m->modules, id - 1);

	if (from->build_id_size && !module->build_id_size) {
		int rc = oc_machine_set_build_id(m, id, from->build_id, from->build_id_size);

		if (rc)
			return rc;
	}
	if (has_file_id(from) && !has_file_id(module)) {
		if (index_add(&m->modules_by_inode, inode_hash(from), id))
			return -ENOMEM;
		module->device = from->device;
		module->inode = from->inode;
	}
	if (!module->symbol_file)
		module->symbol_file = from->symbol_file;
	return 0;
}

static bool is_valid(const struct oc_machine *m, const struct oc_module *module)
{
	return (unsigned int)module->type <= OC_MODULE_UNKNOWN &&
	       module->build_id_size <= OC_BUILD_ID_MAX && string_exists(m, module->path) &&
	       string_exists(m, module->symbol_file) && module->process <= m->processes.count;
}

int64_t oc_machine_add_module(struct oc_machine *m, const struct oc_module *module)
{
	oc_module_id id;

	if (!is_valid(m, module))
		return -EINVAL;
	id = find_module(m, module);
	if (id) {
		int rc = module_learn(m, id, module);

		return rc ? rc : (int64_t)id;
	}
	if (stable_array_reserve(&m->modules, 1))
		return -ENOMEM;
	/* The module is added before its index entries: an entry must never name what does not exist. */
	*(struct oc_module *)stable_array_add(&m->modules) = *module;
	id = m->modules.count;
	if ((module->build_id_size &&
	     index_add(&m->modules_by_build_id, build_id_hash(module), id)) ||
	    (has_file_id(module) && index_add(&m->modules_by_inode, inode_hash(module), id)) ||
	    index_add(&m->modules_by_path, path_hash(module), id))
		return -ENOMEM;
	return id;
}

int oc_machine_set_build_id(struct oc_machine *m, oc_module_id id, const uint8_t *build_id,
			    uint8_t size)
{
	struct oc_module *module = stable_array_by_id(&m->modules, id);
	struct oc_module changed;

	if (!module || !size || size > OC_BUILD_ID_MAX)
		return -EINVAL;
	changed = *module;
	memset(changed.build_id, 0, sizeof(changed.build_id));
	memcpy(changed.build_id, build_id, size);
	changed.build_id_size = size;
	if (index_add(&m->modules_by_build_id, build_id_hash(&changed), id))
		return -ENOMEM;
	*module = changed;
	return 0;
}

const struct oc_module *oc_machine_module(const struct oc_machine *m, oc_module_id id)
{
	return stable_array_by_id(&m->modules, id);
}

uint32_t oc_machine_nr_modules(const struct oc_machine *m)
{
	return m->modules.count;
}
