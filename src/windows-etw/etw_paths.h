/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File names as the Windows kernel says them, made into those that people know.
 * Used by etw_facts.c and etw_tell.c.
 */
#ifndef ETW_PATHS_H
#define ETW_PATHS_H

#include "base/buffer.h"
#include "windows-etw/etw_decode.h"

struct etw_volume_name;

/* Embedded; start with all zero. */
struct etw_paths {
	struct etw_volume_name *volumes; /* [nr] */
	size_t nr;
	size_t cap;
};

void etw_paths_done(struct etw_paths *paths);
/* Learns what a prefix stands for; the first word on each counts. Returns 0 or -ENOMEM. */
int etw_paths_add(struct etw_paths *paths, const struct etw_volume *volume);
/*
 * Appends a path (UTF-16) to `out` as UTF-8, with its volume's drive letter where that is known:
 * \Device\HarddiskVolume2\Windows\x.dll becomes C:\Windows\x.dll. A failure sticks in out->error.
 */
void etw_paths_print(const struct etw_paths *paths, struct buffer *out, struct etw_text path);

#endif
