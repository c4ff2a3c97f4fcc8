/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The folders that symbol files of Windows programs are looked for in, and what is in them.
 * Used by windows_symbols.c. A file is told by its content, and found by the identity that it shares with its program.
 */
#ifndef SYMBOLIZE_SYMBOL_PATH_H
#define SYMBOLIZE_SYMBOL_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/image_id.h"
#include "base/pdb_id.h"

enum symbol_file_kind { SYMBOL_FILE_PDB, SYMBOL_FILE_IMAGE };

/* A file that lies in a folder itself. */
struct symbol_file {
	char *name;
	enum symbol_file_kind kind;
	bool has_id;
	bool has_image_id; /* images only */
	uint8_t id[PDB_ID_SIZE];
	uint8_t image_id[IMAGE_ID_SIZE];
};

struct symbol_folder {
	char *path;
	bool is_listed;
	struct symbol_file *files; /* [nr_files] */
	size_t nr_files;
	size_t files_cap;
	char **stores; /* [nr_stores] folders called NAME.pdb, or "na/NAME.pdb", as symbol servers have them */
	size_t nr_stores;
	size_t stores_cap;
};

/* A reason, for files that have the right name only. */
#define SYMBOL_FILE_ANOTHER_BUILD "it is of another build than the program"

/* Told, for people, why a file is not used. `path`: of the file. */
typedef void (*symbol_path_tell)(void *arg, const char *path, const char *reason);

struct symbol_path {
	struct symbol_folder
		*folders; /* [nr_folders], in the order in which they are looked into */
	size_t nr_folders;
	size_t folders_cap;
	uint64_t max_file_bytes;
	symbol_path_tell tell;
	void *arg;
};

/* Adds the folders of a list that is separated by semicolons. Returns 0 or -ENOMEM. */
int symbol_path_add(struct symbol_path *sp, const char *list);
/* Adds one folder, whatever is in its name. Returns 0 or -ENOMEM. */
int symbol_path_add_folder(struct symbol_path *sp, const char *path);
/* Tells of folders that are not there; they are not looked into. To be called before anything is looked for. */
void symbol_path_check(struct symbol_path *sp);
/* Accepts all zero. */
void symbol_path_done(struct symbol_path *sp);

/* An open file; path is for people. */
struct symbol_found {
	int fd; /* owned by who asked */
	uint64_t size;
	char path[4096];
};

/*
 * Looks for the PDB file, or for the image, of an identity. The folders are listed when something is looked for first.
 * What is found has to be opened once more by its reader, who then proves the identity.
 * id: [id_size], PDB_ID_SIZE or, of images only, IMAGE_ID_SIZE.
 * Returns 1 with *ret, 0 = there is none, or -ENOMEM.
 */
int symbol_path_find(struct symbol_path *sp, enum symbol_file_kind kind, const uint8_t *id,
		     uint8_t id_size, struct symbol_found *ret);

/* Opens a file of a folder outside the path, with the same care. Returns 0 or a negative errno value. */
int symbol_path_open(const struct symbol_path *sp, const char *path, struct symbol_found *ret);

/* Tells of files that have the name of the image `image_name`, or the one its PDB file would have, why they are not used. */
void symbol_path_tell_others(struct symbol_path *sp, enum symbol_file_kind kind,
			     const char *image_name, const char *reason);

#endif
