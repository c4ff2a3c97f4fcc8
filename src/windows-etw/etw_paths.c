/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Volumes and drive letters.
 * Called by etw_facts.c and etw_tell.c.
 * Must not know what the paths are of.
 */
#include "windows-etw/etw_paths.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/utf16.h"

/* A machine has at most a few dozen; only a trace made for it says more. */
#define VOLUMES_MAX 1024

struct etw_volume_name {
	struct buffer nt;
	struct buffer dos;
};

static void volume_done(struct etw_volume_name *volume)
{
	buffer_done(&volume->nt);
	buffer_done(&volume->dos);
}

void etw_paths_done(struct etw_paths *paths)
{
	for (size_t i = 0; i < paths->nr; i++)
		volume_done(&paths->volumes[i]);
	free(paths->volumes);
	*paths = (struct etw_paths){ 0 };
}

/* The volume whose prefix `path` has; upper and lower case are the same to Windows. */
static const struct etw_volume_name *find_volume(const struct etw_paths *paths, const char *path,
						 size_t len)
{
	for (size_t i = 0; i < paths->nr; i++) {
		const struct buffer *nt = &paths->volumes[i].nt;

		if (nt->len <= len && !strncasecmp(path, nt->data, nt->len))
			return &paths->volumes[i];
	}
	return NULL;
}

static int add_name(struct etw_paths *paths, struct etw_volume_name *name)
{
	if (name->nt.error || name->dos.error ||
	    array_reserve(&paths->volumes, &paths->cap, paths->nr + 1, sizeof(*paths->volumes))) {
		volume_done(name);
		return -ENOMEM;
	}
	paths->volumes[paths->nr++] = *name;
	return 0;
}

static bool is_text(const struct buffer *text, const char *wanted)
{
	return text->len == strlen(wanted) && !strncasecmp(text->data, wanted, text->len);
}

/* Windows 8 tells some files without their volume; of those in the folder of Windows the drive is known all the same. */
static int add_system_drive(struct etw_paths *paths, const struct buffer *system_root)
{
	struct etw_volume_name name = { 0 };

	if (system_root->len <= strlen("C:\\") || system_root->data[1] != ':')
		return 0;
	buffer_append(&name.nt, system_root->data + 2, system_root->len - 2);
	buffer_append(&name.dos, system_root->data, system_root->len);
	return add_name(paths, &name);
}

int etw_paths_add(struct etw_paths *paths, const struct etw_volume *volume)
{
	struct etw_volume_name name = { 0 };
	struct buffer *dos;
	int rc;

	if (!volume->nt_prefix.size || paths->nr >= VOLUMES_MAX)
		return 0;
	utf16_to_utf8(&name.nt, volume->nt_prefix.data, volume->nt_prefix.size);
	utf16_to_utf8(&name.dos, volume->dos_prefix.data, volume->dos_prefix.size);
	rc = add_name(paths, &name);
	if (rc)
		return rc;
	dos = &paths->volumes[paths->nr - 1].dos;
	return is_text(&paths->volumes[paths->nr - 1].nt, "\\SystemRoot\\")
		       ? add_system_drive(paths, dos)
		       : 0;
}

void etw_paths_print(const struct etw_paths *paths, struct buffer *out, struct etw_text path)
{
	const struct etw_volume_name *volume;
	size_t start = out->len, len;

	utf16_to_utf8(out, path.data, path.size);
	len = out->len - start;
	volume = len ? find_volume(paths, out->data + start, len) : NULL;
	if (!volume || buffer_reserve(out, volume->dos.len))
		return;
	memmove(out->data + start + volume->dos.len, out->data + start + volume->nt.len,
		len - volume->nt.len + 1);
	if (volume->dos.len)
		memcpy(out->data + start, volume->dos.data, volume->dos.len);
	out->len += volume->dos.len - volume->nt.len;
}
