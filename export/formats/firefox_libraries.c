/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The libraries of a Firefox profile, with the identities by which symbol servers know them.
 * Called by firefox.c.
 * Must not know what code is in them.
 */
#include "export/formats/firefox_private.h"

#include "base/buffer.h"
#include "base/hex.h"
#include "base/macros.h"
#include "base/pdb_id.h"
#include "base/text.h"

/*
 * The id that symbol servers know an ELF file by: the first 16 bytes of the build-id as a GUID, whose first three parts
 * are numbers and so come with their bytes turned round, and an age of 0. Source: Breakpad's symbol files.
 */
static void write_debug_id(struct json *j, const struct oc_module *module)
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	char id[2 * sizeof(order) + 2];

	for (size_t i = 0; i < sizeof(order); i++)
		snprintf(id + 2 * i, 3, "%02X",
			 order[i] < module->build_id_size ? module->build_id[order[i]] : 0);
	id[2 * sizeof(order)] = '0';
	id[2 * sizeof(order) + 1] = '\0';
	json_key_string(j, "breakpadId", module->build_id_size ? id : "");
}

/* Of Windows, symbol servers know the PDB file, by GUID and age. */
static void write_pdb(struct json *j, const struct oc_module *module, const char *told,
		      const char *path)
{
	char key[PDB_ID_KEY_SIZE] = "";
	struct buffer name = BUFFER_INIT;

	if (module->build_id_size == PDB_ID_SIZE)
		pdb_id_key(module->build_id, key);
	pdb_put_name(&name, told, path);
	json_key_string(j, "debugName", name.error ? "" : name.data);
	json_key_string(j, "debugPath", name.error ? "" : name.data);
	json_key_string(j, "breakpadId", key);
	buffer_done(&name);
}

static void write_library(struct firefox *f, const struct oc_module *module)
{
	struct json *j = &f->out.json;
	char hex[2 * OC_BUILD_ID_MAX + 1];
	const char *path = oc_machine_string(f->m, module->path, NULL);
	const char *name = module_base_name(f->m, module);

	hex_text(module->build_id, module->build_id_size, hex);
	json_object_begin(j);
	json_key_string(j, "name", name);
	json_key_string(j, "path", path);
	if (text_is_windows_path(path)) {
		write_pdb(j, module, oc_machine_string(f->m, module->symbol_file, NULL), path);
	} else {
		json_key_string(j, "debugName", name);
		json_key_string(j, "debugPath", path);
		write_debug_id(j, module);
	}
	json_key(j, "codeId");
	if (*hex && !text_is_windows_path(path))
		json_string(j, hex);
	else
		json_null(j);
	json_key(j, "arch");
	json_null(j);
	json_object_end(j);
}

void firefox_write_libraries(struct firefox *f)
{
	struct json *j = &f->out.json;

	json_key(j, "libs");
	json_array_begin(j);
	for (uint32_t i = 0; i < f->modules.nr; i++)
		write_library(f, oc_machine_module(f->m, f->modules.ids[i]));
	json_array_end(j);
}
