/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts the identity of Windows symbol files together.
 * Called by the reader of Windows traces and by the symbolizer.
 * Must not know where a GUID comes from.
 */
#include "base/pdb_id.h"

#include "base/macros.h"
#include "base/text.h"

void pdb_id_make(const uint8_t *guid, uint32_t age, uint8_t ret_id[PDB_ID_SIZE])
{
	static const uint8_t order[PDB_GUID_SIZE] = { 3, 2, 1,  0,  5,  4,  7,  6,
						      8, 9, 10, 11, 12, 13, 14, 15 };

	for (size_t i = 0; i < PDB_GUID_SIZE; i++)
		ret_id[i] = guid[order[i]];
	for (size_t i = 0; i < PDB_ID_SIZE - PDB_GUID_SIZE; i++)
		ret_id[PDB_GUID_SIZE + i] = (uint8_t)(age >> (24 - 8 * i));
}

uint32_t pdb_id_age(const uint8_t id[PDB_ID_SIZE])
{
	const uint8_t *age = id + PDB_GUID_SIZE;

	return (uint32_t)age[0] << 24 | (uint32_t)age[1] << 16 | (uint32_t)age[2] << 8 | age[3];
}

void pdb_id_key(const uint8_t id[PDB_ID_SIZE], char ret_key[PDB_ID_KEY_SIZE])
{
	for (size_t i = 0; i < PDB_GUID_SIZE; i++)
		snprintf(ret_key + 2 * i, 3, "%02X", id[i]);
	snprintf(ret_key + 2 * PDB_GUID_SIZE, PDB_ID_KEY_SIZE - 2 * PDB_GUID_SIZE, "%X",
		 pdb_id_age(id));
}

void pdb_put_name(struct buffer *out, const char *told, const char *path)
{
	const char *name = text_base_name(path), *dot = strrchr(name, '.');

	if (*told) {
		buffer_puts(out, told);
		return;
	}
	buffer_append(out, name, dot ? (size_t)(dot - name) : strlen(name));
	buffer_puts(out, ".pdb");
}
