/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the SVG and the HTML flame graph agree on: the letter of each kind of frame and its shade.
 * Used by their writers; the colours themselves stand in svg/style.css and html/viewer.js.
 */
#ifndef EXPORT_FORMATS_FLAME_H
#define EXPORT_FORMATS_FLAME_H

#include <stddef.h>

#include <onecollect/graph.h>

#include "base/id_table.h"

/* Shades of one hue; neighbours of different name are told apart by them. */
#define FLAME_SHADES 8

/* One letter per kind of frame: root and groups, user, kernel, inlined, JIT. */
static inline char flame_letter(enum oc_frame_kind kind)
{
	static const char letters[] = {
		[OC_FRAME_ROOT] = 'g',   [OC_FRAME_GROUP] = 'g',  [OC_FRAME_USER] = 'u',
		[OC_FRAME_KERNEL] = 'k', [OC_FRAME_INLINE] = 'i', [OC_FRAME_JIT] = 'j'
	};

	return (size_t)kind < sizeof(letters) ? letters[kind] : 'u';
}

/* The shade of a name, 0..FLAME_SHADES-1: the same in every recording and on every machine. */
static inline unsigned int flame_shade(const char *name, size_t len)
{
	return (unsigned int)(hash_bytes(name, len) % FLAME_SHADES);
}

#endif
