/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounds-checked reader of the parts of PE files (Windows programs, libraries, drivers) that name code: sections, the
 * identity of the symbol file, exports, bounds of functions. 32- and 64-bit, any machine.
 * Used by the symbolizer; knows no symbol files. Nobody vouches for the file.
 */
#ifndef SYMBOLIZE_PE_FILE_H
#define SYMBOLIZE_PE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onecollect/error.h>

#include "base/buffer.h"
#include "base/byte_source.h"
#include "base/image_id.h"
#include "base/pdb_id.h"

/* All addresses count from the image's base. */
struct pe_section {
	uint32_t address;
	uint32_t size; /* in memory */
	uint32_t offset;
	uint32_t file_size;
	uint32_t flags;
};

#define PE_SECTION_EXECUTE 0x20000000u
/* Bytes of a section header as stored; symbol files have copies of them. */
#define PE_SECTION_HEADER_SIZE 40u

#define PE_MACHINE_X86   0x014cu
#define PE_MACHINE_X64   0x8664u
#define PE_MACHINE_ARM64 0xaa64u

struct pe_range {
	uint32_t address;
	uint32_t size;
};

/* An open file. All zero = closed. */
struct pe_file {
	struct byte_source source;
	uint16_t machine;
	bool is_64;
	struct image_version version;
	uint32_t header_size;        /* bytes at address 0, outside any section */
	struct pe_section *sections; /* [nr_sections], owned */
	uint32_t nr_sections;
	struct pe_range exports; /* what the optional header says; size 0 = none */
	struct pe_range functions;
	struct pe_range debug;
};

/* Reads one section header, as stored in PE_SECTION_HEADER_SIZE bytes. */
void pe_section_parse(const uint8_t *raw, struct pe_section *ret_section);

/*
 * Reads the headers.
 * source: copied; its descriptor or memory has to stay until pe_close().
 * Returns 0, -ENOEXEC (not a PE file), -EBADMSG (damaged, *err tells where), -ENOMEM, or an error of pread(2).
 * After an error there is nothing to close. Source: Microsoft's "PE Format".
 */
int pe_open(struct pe_file *pe, const struct byte_source *source, struct oc_error *err);
/* Accepts all zero. */
void pe_close(struct pe_file *pe);

/*
 * Reads bytes at an address; what a section has in memory only is zero.
 * Returns 0, -EBADMSG (in no section, or beyond its end), or an error of pread(2).
 */
int pe_read(const struct pe_file *pe, uint32_t address, void *buf, size_t size,
	    struct oc_error *err);

/* The section that holds an address; NULL = none. */
const struct pe_section *pe_section_at(const struct pe_file *pe, uint32_t address);

/* Which symbol file belongs to an image. */
struct pe_symbol_file {
	uint8_t id[PDB_ID_SIZE];
	char path[512]; /* as the linker wrote it, cut when it is longer */
};

/* Returns 1 with *ret, 0 = the image names none, or an error as pe_read(). */
int pe_symbol_file(const struct pe_file *pe, struct pe_symbol_file *ret, struct oc_error *err);

struct pe_export {
	uint32_t address;
	const char *name; /* of its name, or "#NUMBER" for one that has none; valid for the call */
	const char
		*forward; /* "LIBRARY.NAME" it stands for, and then no code of its own; or NULL */
};

/* A function, or a piece of one. */
struct pe_function {
	uint32_t address;
	uint32_t size;
	uint32_t unwind; /* what tells how to unwind it, as stored */
};

typedef int (*pe_export_fn)(void *arg, const struct pe_export *export_);
typedef int (*pe_function_fn)(void *arg, const struct pe_function *function);

/*
 * Calls fn for each export, those with names first; fn's nonzero result stops and is returned.
 * Returns 0, fn's result, or an error as pe_read() or -ENOMEM.
 */
int pe_each_export(const struct pe_file *pe, pe_export_fn fn, void *arg, struct oc_error *err);

/*
 * Calls fn for each function whose bounds the image tells for unwinding (x86-64 and arm64; functions that call none may
 * be left out, and one that lies in several pieces is told piece by piece). Errors as pe_each_export().
 */
int pe_each_function(const struct pe_file *pe, pe_function_fn fn, void *arg, struct oc_error *err);

/* Where the function begins that a piece belongs to; the piece's own address when it is not a later piece. */
uint32_t pe_function_start(const struct pe_file *pe, const struct pe_function *function);

#endif
