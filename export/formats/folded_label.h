/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How frames are written in folded stacks.
 * Used by the writers of folded stacks and of their differences.
 */
#ifndef EXPORT_FORMATS_FOLDED_LABEL_H
#define EXPORT_FORMATS_FOLDED_LABEL_H

#include <stddef.h>
#include <string.h>

#include <onecollect/graph.h>

/* The mark that flame graph tools colour a frame by. */
static inline const char *folded_suffix(enum oc_frame_kind kind)
{
	switch (kind) {
	case OC_FRAME_KERNEL:
		return "_[k]";
	case OC_FRAME_JIT:
		return "_[j]";
	case OC_FRAME_INLINE:
		return "_[i]";
	default:
		return "";
	}
}

/* Readers split a line at its last blank and trim what is before it, and frames have names. */
static inline void folded_label_trim(const char **name, size_t *len)
{
	while (*len && (*name)[*len - 1] == ' ')
		--*len;
	if (!*len) {
		*name = "[unknown]";
		*len = strlen(*name);
	}
}

/*
 * Byte i of a name, in which U+2028 and U+2029 are U+2424: readers made with JavaScript's regular expressions take them
 * for ends of the line, and lose what is before them.
 */
static inline unsigned char folded_byte_of_line(const char *name, size_t len, size_t i)
{
	static const char shown[] = "\xe2\x90\xa4";

	for (size_t back = 0; back <= 2 && back <= i; back++) {
		const char *at = name + i - back;

		if (len - (i - back) >= 3 &&
		    (!memcmp(at, "\xe2\x80\xa8", 3) || !memcmp(at, "\xe2\x80\xa9", 3)))
			return (unsigned char)shown[back];
	}
	return (unsigned char)name[i];
}

/* Byte i of the label of a trimmed name; 0 behind its last. A ';' would end the frame. */
static inline unsigned char folded_label_byte(const char *name, size_t len, enum oc_frame_kind kind,
					      size_t i)
{
	if (i >= len)
		return (unsigned char)folded_suffix(kind)[i - len];
	if ((unsigned char)name[i] >= 0x80)
		return folded_byte_of_line(name, len, i);
	return name[i] == ';' ? ':' : (unsigned char)name[i];
}

#endif
