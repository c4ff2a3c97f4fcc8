/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The identity that a Windows program shares with its symbol file: a GUID and an age.
 * Used by the reader of Windows traces and by the symbolizer; the same 20 bytes are the build-id of the module.
 */
#ifndef BASE_PDB_ID_H
#define BASE_PDB_ID_H

#include <stdint.h>

#include "base/buffer.h"

#define PDB_ID_SIZE   20
#define PDB_GUID_SIZE 16 /* at its beginning */
/* 32 digits of the GUID, up to 8 of the age, a NUL. */
#define PDB_ID_KEY_SIZE 41

/*
 * Puts GUID and age together: the GUID's numbers in reading order, then the age, highest byte first.
 * guid: [16] as stored, that is with its first three numbers little-endian.
 */
void pdb_id_make(const uint8_t *guid, uint32_t age, uint8_t ret_id[PDB_ID_SIZE]);

/* The name that symbol servers give to it: the GUID in capital digits, then the age without leading zeros. */
void pdb_id_key(const uint8_t id[PDB_ID_SIZE], char ret_key[PDB_ID_KEY_SIZE]);

/* The age, which is at its end. */
uint32_t pdb_id_age(const uint8_t id[PDB_ID_SIZE]);

/*
 * Appends what the PDB file of an image is called.
 * told: its name, "" = nothing told it: then it is what such a file is mostly called. path: of the image, on either system.
 */
void pdb_put_name(struct buffer *out, const char *told, const char *path);

#endif
