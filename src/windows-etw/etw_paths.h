/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File names as the Windows kernel says them, made into those that people know.
 * Used by etw_facts.c and etw_tell.c.
 */
#ifndef ETW_PATHS_H
#define ETW_PATHS_H

#include "base/arena.h"
#include "base/id_table.h"
#include "windows-etw/etw_decode.h"

struct etw_volume_name;
struct etw_known_file;

/* Embedded; start with all zero. */
struct etw_paths {
	struct etw_volume_name *volumes; /* [nr] */
	size_t nr;
	size_t cap;
	/* Files that were found before: the same libraries are loaded into all processes. */
	struct id_table index;
	struct etw_known_file *files; /* by id - 1 */
	size_t files_cap;
	struct arena texts;
};

struct etw_file {
	const char *path; /* UTF-8 */
	uint32_t name;    /* see image_id_name() */
};

void etw_paths_done(struct etw_paths *paths);
/* Learns what a prefix stands for; the first word on each counts. Returns 0 or -ENOMEM. */
int etw_paths_add(struct etw_paths *paths, const struct etw_volume *volume);
/*
 * The file that `path` (UTF-16) is the name of, with its volume's drive letter where that is known:
 * \Device\HarddiskVolume2\Windows\x.dll becomes C:\Windows\x.dll. To be called when all volumes were added.
 * Returns it, valid until the next call, or NULL = no memory.
 */
const struct etw_file *etw_paths_find(struct etw_paths *paths, struct etw_text path);

#endif
