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
#include "base/buffer.h"
#include "base/image_id.h"
#include "base/macros.h"
#include "base/utf16.h"

/* A machine has at most a few dozen; only a trace made for it says more. */
#define VOLUMES_MAX 1024

/* As many as a busy machine has loaded; only a trace made for it says more, and then they are found anew. */
#define FILES_MAX 32768

struct etw_volume_name {
	struct buffer nt;
	struct buffer dos;
};

struct etw_known_file {
	struct etw_text raw; /* as in the trace */
	struct etw_file file;
};

static void forget_files(struct etw_paths *paths)
{
	id_table_done(&paths->index);
	arena_done(&paths->texts);
}

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
	forget_files(paths);
	free(paths->files);
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

/* Appends a path as UTF-8. A failure sticks in out->error. */
static void print(const struct etw_paths *paths, struct buffer *out, struct etw_text path)
{
	const struct etw_volume_name *volume;

	utf16_to_utf8(out, path.data, path.size);
	volume = out->len ? find_volume(paths, out->data, out->len) : NULL;
	if (!volume || buffer_reserve(out, volume->dos.len))
		return;
	memmove(out->data + volume->dos.len, out->data + volume->nt.len,
		out->len - volume->nt.len + 1);
	if (volume->dos.len)
		memcpy(out->data, volume->dos.data, volume->dos.len);
	out->len += volume->dos.len - volume->nt.len;
}

static bool file_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct etw_text *have = &((const struct etw_paths *)owner)->files[id - 1].raw;
	const struct etw_text *want = wanted;

	return have->size == want->size && !memcmp(have->data, want->data, want->size);
}

static const struct etw_file *add_file(struct etw_paths *paths, struct etw_text path, uint64_t hash)
{
	struct buffer text __cleanup(buffer_done) = BUFFER_INIT;
	struct etw_known_file *file;
	uint32_t id;

	if (paths->index.count == FILES_MAX)
		forget_files(paths);
	id = (uint32_t)paths->index.count + 1;
	print(paths, &text, path);
	if (text.error || array_reserve(&paths->files, &paths->files_cap, id, sizeof(*file)))
		return NULL;
	file = &paths->files[id - 1];
	file->raw.data = (const uint8_t *)arena_copy(&paths->texts, path.data, path.size);
	file->raw.size = path.size;
	file->file.path = arena_copy(&paths->texts, text.len ? text.data : "", text.len);
	if (!file->raw.data || !file->file.path || id_table_add(&paths->index, hash, id))
		return NULL;
	file->file.name = image_id_name(file->file.path);
	return &file->file;
}

const struct etw_file *etw_paths_find(struct etw_paths *paths, struct etw_text path)
{
	uint64_t hash = hash_bytes(path.data, path.size);
	uint32_t id = id_table_find(&paths->index, hash, file_equal, paths, &path);

	return id ? &paths->files[id - 1].file : add_file(paths, path, hash);
}
