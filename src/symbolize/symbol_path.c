/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists folders of symbol files and finds files in them: lying there, or in the layout of a symbol server's cache.
 * Called by windows_symbols.c.
 * Must not know modules or symbols. Source of the layout: Microsoft's "Using SymStore" and "Symbol Store Folder Tree".
 */
#include "symbolize/symbol_path.h"

#include <errno.h>
#include <strings.h>
#include <unistd.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/os.h"
#include "symbolize/pdb_file.h"
#include "symbolize/pe_file.h"

/* Entries of a folder that are looked at; opening one takes some 20 us. */
#define ENTRIES_MAX 65536u
/* A store with this file has its folders in folders of their first two letters. */
#define TWO_TIERS "index2.txt"
/* Longer paths are not looked at. */
#define PATH_BYTES 4096u

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len > suffix_len && !strcasecmp(name + len - suffix_len, suffix);
}

/* ---- the list of folders ----------------------------------------------------------------------------------- */

static int add_folder(struct symbol_path *sp, const char *path, size_t len)
{
	struct symbol_folder *folder;

	if (!len)
		return 0;
	if (array_reserve(&sp->folders, &sp->folders_cap, sp->nr_folders + 1, sizeof(*folder)))
		return -ENOMEM;
	folder = &sp->folders[sp->nr_folders];
	*folder = (struct symbol_folder){ .path = malloc(len + 1) };
	if (!folder->path)
		return -ENOMEM;
	memcpy(folder->path, path, len);
	folder->path[len] = '\0';
	sp->nr_folders++;
	return 0;
}

int symbol_path_add(struct symbol_path *sp, const char *list)
{
	for (;;) {
		size_t len = strcspn(list, ";");
		int rc = add_folder(sp, list, len);

		if (rc || !list[len])
			return rc;
		list += len + 1;
	}
}

int symbol_path_add_folder(struct symbol_path *sp, const char *path)
{
	return add_folder(sp, path, strlen(path));
}

void symbol_path_check(struct symbol_path *sp)
{
	for (size_t i = 0; i < sp->nr_folders; i++) {
		struct symbol_folder *folder = &sp->folders[i];
		struct os_file file;
		int rc = os_file_at(folder->path, true, &file);

		if (!rc && file.type == OS_FILE_DIRECTORY)
			continue;
		folder->is_listed = true;
		sp->tell(sp->arg, folder->path,
			 rc && rc != -ENOENT ? strerror(-rc) : "there is no such folder");
	}
}

static void folder_done(struct symbol_folder *folder)
{
	for (size_t i = 0; i < folder->nr_files; i++)
		free(folder->files[i].name);
	for (size_t i = 0; i < folder->nr_stores; i++)
		free(folder->stores[i]);
	free(folder->files);
	free(folder->stores);
	free(folder->path);
}

void symbol_path_done(struct symbol_path *sp)
{
	for (size_t i = 0; i < sp->nr_folders; i++)
		folder_done(&sp->folders[i]);
	free(sp->folders);
	*sp = (struct symbol_path){ 0 };
}

/* ---- listing ----------------------------------------------------------------------------------------------- */

/* Opens ret->path, when it is a regular file. Returns 0, -EINVAL (it is not), -EFBIG, or what open(2) says. */
static int open_found(const struct symbol_path *sp, struct symbol_found *ret)
{
	struct os_file file;
	/* Asked first: opening a named pipe would wait for its writer. */
	int rc = os_file_at(ret->path, true, &file);

	if (rc)
		return rc;
	if (file.type != OS_FILE_REGULAR)
		return -EINVAL;
	if (file.size > sp->max_file_bytes)
		return -EFBIG;
	ret->fd = os_open_read(ret->path);
	ret->size = file.size;
	return ret->fd < 0 ? ret->fd : 0;
}

/* Returns as open_found(), or -ENAMETOOLONG. */
static int open_file(const struct symbol_path *sp, const char *folder, const char *name,
		     struct symbol_found *ret)
{
	int len = snprintf(ret->path, sizeof(ret->path), "%s/%s", folder, name);

	ret->fd = -1;
	return len < 0 || (size_t)len >= sizeof(ret->path) ? -ENAMETOOLONG : open_found(sp, ret);
}

int symbol_path_open(const struct symbol_path *sp, const char *path, struct symbol_found *ret)
{
	int len = snprintf(ret->path, sizeof(ret->path), "%s", path);

	ret->fd = -1;
	return len < 0 || (size_t)len >= sizeof(ret->path) ? -ENAMETOOLONG : open_found(sp, ret);
}

static bool exists(const char *path)
{
	struct os_file file;

	return !os_file_at(path, true, &file);
}

static int identify_pdb(const struct byte_source *source, struct symbol_file *ret,
			struct oc_error *err)
{
	struct pdb_file pdb;
	int rc = pdb_open(&pdb, source, err);

	if (rc)
		return rc;
	memcpy(ret->id, pdb.id, PDB_ID_SIZE);
	ret->has_id = true;
	pdb_close(&pdb);
	return 1;
}

static int identify_image(const struct byte_source *source, struct symbol_file *ret,
			  struct oc_error *err)
{
	struct pe_symbol_file symbols;
	struct pe_file pe;
	int rc = pe_open(&pe, source, err);

	if (rc)
		return rc;
	rc = pe_symbol_file(&pe, &symbols, err);
	ret->has_id = rc == 1;
	ret->has_image_id = image_id_make(&pe.version, image_id_name(ret->name), ret->image_id);
	pe_close(&pe);
	if (ret->has_id)
		memcpy(ret->id, symbols.id, PDB_ID_SIZE);
	return rc < 0 ? rc : ret->has_id || ret->has_image_id;
}

/* What kind of file it is, and its identity. Returns 1, 0 = neither, -EBADMSG (damaged, with *err), -ENOMEM, ... */
static int identify(const struct symbol_found *file, struct symbol_file *ret, struct oc_error *err)
{
	const struct byte_source source = { .fd = file->fd, .size = file->size };
	int rc = identify_pdb(&source, ret, err);

	ret->kind = SYMBOL_FILE_PDB;
	if (rc != -ENOEXEC)
		return rc;
	ret->kind = SYMBOL_FILE_IMAGE;
	rc = identify_image(&source, ret, err);
	return rc == -ENOEXEC ? 0 : rc;
}

/* Adds the file to the list when it is one of ours. Returns 0 or -ENOMEM. */
static int list_found(struct symbol_path *sp, struct symbol_folder *folder,
		      const struct symbol_found *found, struct symbol_file *file)
{
	struct oc_error err = { 0 };
	int rc = identify(found, file, &err);

	if (rc < 0 && rc != -ENOMEM)
		sp->tell(sp->arg, found->path, err.message);
	if (rc <= 0)
		return rc == -ENOMEM ? rc : 0;
	if (array_reserve(&folder->files, &folder->files_cap, folder->nr_files + 1, sizeof(*file)))
		return -ENOMEM;
	folder->files[folder->nr_files++] = *file;
	file->name = NULL;
	return 0;
}

static int list_file(struct symbol_path *sp, struct symbol_folder *folder, const char *name)
{
	struct symbol_file file = { 0 };
	struct symbol_found found;
	int rc;

	if (open_file(sp, folder->path, name, &found))
		return 0;
	file.name = strdup(name);
	rc = file.name ? list_found(sp, folder, &found, &file) : -ENOMEM;
	free(file.name);
	close(found.fd);
	return rc;
}

static int list_store(struct symbol_folder *folder, const char *tier, const char *name)
{
	size_t size = strlen(tier) + strlen(name) + 2;
	char *path;

	if (array_reserve(&folder->stores, &folder->stores_cap, folder->nr_stores + 1,
			  sizeof(*folder->stores)))
		return -ENOMEM;
	path = malloc(size);
	if (!path)
		return -ENOMEM;
	snprintf(path, size, "%s%s%s", tier, *tier ? "/" : "", name);
	folder->stores[folder->nr_stores++] = path;
	return 0;
}

/* A folder while it is listed; tier: "", or the folder in it that is looked into. */
struct listing {
	struct symbol_path *sp;
	struct symbol_folder *folder;
	const char *tier;
	uint32_t nr;
};

/* Returns 0, -E2BIG (there are too many) or -ENOMEM. */
static int list_name(void *arg, const char *name)
{
	struct listing *l = arg;
	char path[PATH_BYTES];
	struct os_file file;

	if (++l->nr > ENTRIES_MAX)
		return -E2BIG;
	snprintf(path, sizeof(path), "%s/%s/%s", l->folder->path, l->tier, name);
	if (os_file_at(path, true, &file))
		return 0;
	if (file.type == OS_FILE_DIRECTORY)
		return has_suffix(name, ".pdb") ? list_store(l->folder, l->tier, name) : 0;
	return *l->tier ? 0 : list_file(l->sp, l->folder, name);
}

/* Lists a folder, or its folder `tier`. One that cannot be read is told of. Returns 0 or -ENOMEM. */
static int list_tier(struct symbol_path *sp, struct symbol_folder *folder, const char *tier)
{
	struct listing listing = { .sp = sp, .folder = folder, .tier = tier };
	char path[PATH_BYTES];
	int rc;

	snprintf(path, sizeof(path), "%s/%s", folder->path, tier);
	rc = os_each_name(path, list_name, &listing);
	if (rc == -ENOMEM)
		return rc;
	if (rc)
		sp->tell(sp->arg, path,
			 rc == -E2BIG ? "it has too many files; only some were looked at"
				      : strerror(-rc));
	return 0;
}

/* In a store of two tiers the folders of two letters hold those of the files. */
static int list_if_tier(void *arg, const char *name)
{
	struct listing *l = arg;
	char path[PATH_BYTES];
	struct os_file file;

	if (++l->nr > ENTRIES_MAX)
		return -E2BIG;
	if (strlen(name) != 2)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", l->folder->path, name);
	if (os_file_at(path, true, &file) || file.type != OS_FILE_DIRECTORY)
		return 0;
	return list_tier(l->sp, l->folder, name);
}

static int list_folder(struct symbol_path *sp, struct symbol_folder *folder)
{
	struct listing listing = { .sp = sp, .folder = folder };
	char path[PATH_BYTES];
	int rc;

	if (folder->is_listed)
		return 0;
	folder->is_listed = true;
	rc = list_tier(sp, folder, "");
	snprintf(path, sizeof(path), "%s/%s", folder->path, TWO_TIERS);
	if (!rc && exists(path))
		rc = os_each_name(folder->path, list_if_tier, &listing);
	return rc == -ENOMEM ? rc : 0;
}

/* ---- finding ----------------------------------------------------------------------------------------------- */

/*
 * A store has NAME.pdb/KEY/NAME.pdb; or NAME.pd_, which is compressed; or file.ptr, which says where the file is.
 * Returns 1, or 0 = not there; what is there and not read is told.
 */
static int find_in_store(struct symbol_path *sp, const struct symbol_folder *folder,
			 const char *store, const char *key, struct symbol_found *ret)
{
	const char *slash = strrchr(store, '/'), *base = slash ? slash + 1 : store;
	char path[PATH_BYTES];
	int len = snprintf(path, sizeof(path), "%s/%s/%s", folder->path, store, key), rc;

	if (len < 0 || (size_t)len >= sizeof(path) || !exists(path))
		return 0;
	rc = open_file(sp, path, base, ret);
	if (!rc)
		return 1;
	if (rc != -ENOENT) {
		sp->tell(sp->arg, ret->path, strerror(-rc));
		return 0;
	}
	len = snprintf(ret->path, sizeof(ret->path), "%s/%.*s_", path, (int)strlen(base) - 1, base);
	if (len > 0 && (size_t)len < sizeof(ret->path) && exists(ret->path))
		sp->tell(sp->arg, ret->path, "it is compressed; unpack it with cabextract");
	len = snprintf(ret->path, sizeof(ret->path), "%s/file.ptr", path);
	if (len > 0 && (size_t)len < sizeof(ret->path) && exists(ret->path))
		sp->tell(sp->arg, ret->path,
			 "it says only where the file is; name that folder in the symbol path");
	return 0;
}

static bool has_identity(const struct symbol_file *file, const uint8_t *id, uint8_t id_size)
{
	if (id_size == PDB_ID_SIZE)
		return file->has_id && !memcmp(file->id, id, PDB_ID_SIZE);
	return file->has_image_id && !memcmp(file->image_id, id, IMAGE_ID_SIZE);
}

static int find_in_folder(struct symbol_path *sp, const struct symbol_folder *folder,
			  enum symbol_file_kind kind, const uint8_t *id, uint8_t id_size,
			  struct symbol_found *ret)
{
	char key[PDB_ID_KEY_SIZE];

	for (size_t i = 0; i < folder->nr_files; i++) {
		const struct symbol_file *file = &folder->files[i];

		if (file->kind == kind && has_identity(file, id, id_size) &&
		    !open_file(sp, folder->path, file->name, ret))
			return 1;
	}
	if (kind != SYMBOL_FILE_PDB)
		return 0;
	pdb_id_key(id, key);
	for (size_t i = 0; i < folder->nr_stores; i++) {
		if (find_in_store(sp, folder, folder->stores[i], key, ret))
			return 1;
	}
	return 0;
}

int symbol_path_find(struct symbol_path *sp, enum symbol_file_kind kind, const uint8_t *id,
		     uint8_t id_size, struct symbol_found *ret)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < sp->nr_folders; i++) {
		rc = list_folder(sp, &sp->folders[i]);
		if (!rc)
			rc = find_in_folder(sp, &sp->folders[i], kind, id, id_size, ret);
	}
	return rc;
}

/* The name of a PDB file is that of its image with another ending. */
static bool belongs_to(const struct symbol_file *file, const char *image_name)
{
	const char *dot = strrchr(image_name, '.');
	size_t stem = dot && dot != image_name ? (size_t)(dot - image_name) : strlen(image_name);

	if (file->kind == SYMBOL_FILE_IMAGE)
		return !strcasecmp(file->name, image_name);
	return strlen(file->name) == stem + 4 && has_suffix(file->name, ".pdb") &&
	       !strncasecmp(file->name, image_name, stem);
}

void symbol_path_tell_others(struct symbol_path *sp, enum symbol_file_kind kind,
			     const char *image_name, const char *reason)
{
	char path[PATH_BYTES];

	for (size_t i = 0; i < sp->nr_folders; i++) {
		const struct symbol_folder *folder = &sp->folders[i];

		for (size_t k = 0; k < folder->nr_files; k++) {
			const struct symbol_file *file = &folder->files[k];

			if (file->kind != kind || !belongs_to(file, image_name))
				continue;
			snprintf(path, sizeof(path), "%s/%s", folder->path, file->name);
			sp->tell(sp->arg, path, reason);
		}
	}
}
