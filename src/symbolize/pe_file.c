/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads headers, exports and bounds of functions of PE files.
 * Called by the symbolizer.
 * Must not know modules or symbol files. Source of all layouts: Microsoft's "PE Format".
 */
#include "symbolize/pe_file.h"

#include <errno.h>

#include "base/array.h"
#include "base/le.h"
#include "base/macros.h"

#define DOS_HEADER_SIZE   64u
#define FILE_HEADER_SIZE  24u  /* with the signature in front of it */
#define OPTIONAL_SIZE_MAX 512u /* 240 with all sixteen directories */
#define MAGIC_32          0x10bu
#define MAGIC_64          0x20bu
#define SECTIONS_MAX      96u /* the loader of Windows takes no more */
#define EXPORTS_SIZE      40u
#define DEBUG_ENTRY_SIZE  28u
#define DEBUG_ENTRIES_MAX 64u
#define DEBUG_CODEVIEW    2u
#define RSDS_SIZE         24u
/* An export's number has 16 bits, and a name of each is enough. */
#define EXPORTS_MAX 65536u
/* Longer names of exports are cut; Microsoft's compiler itself cuts names at this length. */
#define NAME_MAX_BYTES 4096u
/* Flag of an unwinding record; pieces of one function. */
#define UNWIND_CHAINED 4u
#define CHAIN_MAX      32
/* Entries of tables read at once. */
#define CHUNK 4096u

enum { DIRECTORY_EXPORT = 0, DIRECTORY_EXCEPTION = 3, DIRECTORY_DEBUG = 6 };

static int damaged(struct oc_error *err, const char *what, uint64_t offset)
{
	return oc_error_set(err, -EBADMSG, "%s at offset 0x%llx", what, (unsigned long long)offset);
}

static int read_file(const struct pe_file *pe, uint64_t offset, void *buf, size_t size,
		     struct oc_error *err)
{
	int rc = byte_source_read(&pe->source, offset, buf, size);

	if (rc == -EBADMSG)
		return damaged(err, "the file is cut: it ends before what is", offset);
	return rc ? oc_error_set(err, rc, "cannot be read: %s", strerror(-rc)) : 0;
}

static struct pe_range directory(const uint8_t *optional, uint32_t size, uint32_t first,
				 uint32_t index)
{
	uint32_t nr = le32(optional + first - 4), at = first + index * 8;

	if (index >= nr || at + 8 > size)
		return (struct pe_range){ 0 };
	return (struct pe_range){ .address = le32(optional + at), .size = le32(optional + at + 4) };
}

static int read_optional_header(struct pe_file *pe, uint64_t offset, uint32_t size,
				struct oc_error *err)
{
	uint8_t raw[OPTIONAL_SIZE_MAX];
	uint32_t first;
	int rc;

	size = MIN(size, OPTIONAL_SIZE_MAX);
	rc = read_file(pe, offset, raw, size, err);
	if (rc)
		return rc;
	if (size < 2 || (le16(raw) != MAGIC_32 && le16(raw) != MAGIC_64))
		return damaged(err, "an optional header of unknown kind", offset);
	pe->is_64 = le16(raw) == MAGIC_64;
	first = pe->is_64 ? 112 : 96;
	if (size < first)
		return damaged(err, "an optional header that is too short", offset);
	pe->version.size = le32(raw + 56);
	pe->header_size = le32(raw + 60);
	pe->version.checksum = le32(raw + 64);
	pe->exports = directory(raw, size, first, DIRECTORY_EXPORT);
	pe->functions = directory(raw, size, first, DIRECTORY_EXCEPTION);
	pe->debug = directory(raw, size, first, DIRECTORY_DEBUG);
	return 0;
}

void pe_section_parse(const uint8_t *raw, struct pe_section *ret_section)
{
	*ret_section = (struct pe_section){
		.address = le32(raw + 12),
		.size = le32(raw + 8),
		.offset = le32(raw + 20),
		.file_size = le32(raw + 16),
		.flags = le32(raw + 36),
	};
	/* Old linkers leave the size in memory at 0. */
	if (!ret_section->size)
		ret_section->size = ret_section->file_size;
	if (ret_section->size > UINT32_MAX - ret_section->address)
		ret_section->size = UINT32_MAX - ret_section->address;
}

static int read_sections(struct pe_file *pe, uint64_t offset, uint32_t nr, struct oc_error *err)
{
	uint8_t raw[PE_SECTION_HEADER_SIZE];

	if (nr > SECTIONS_MAX)
		return damaged(err, "more sections than a program can have", offset);
	pe->sections = calloc(nr + 1, sizeof(*pe->sections));
	if (!pe->sections)
		return oc_error_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < nr; i++) {
		int rc = read_file(pe, offset + i * sizeof(raw), raw, sizeof(raw), err);

		if (rc)
			return rc;
		pe_section_parse(raw, &pe->sections[i]);
	}
	pe->nr_sections = nr;
	return 0;
}

static int read_headers(struct pe_file *pe, struct oc_error *err)
{
	uint8_t dos[DOS_HEADER_SIZE], header[FILE_HEADER_SIZE];
	uint32_t at, optional_size;
	int rc;

	if (pe->source.size < sizeof(dos))
		return oc_error_set(err, -ENOEXEC, "not a PE file");
	rc = read_file(pe, 0, dos, sizeof(dos), err);
	if (rc)
		return rc;
	if (dos[0] != 'M' || dos[1] != 'Z')
		return oc_error_set(err, -ENOEXEC, "not a PE file");
	at = le32(dos + 60);
	rc = read_file(pe, at, header, sizeof(header), err);
	if (rc)
		return rc;
	if (memcmp(header, "PE\0\0", 4))
		return oc_error_set(err, -ENOEXEC, "not a PE file");
	pe->machine = le16(header + 4);
	pe->version.time_stamp = le32(header + 8);
	optional_size = le16(header + 20);
	rc = read_optional_header(pe, (uint64_t)at + sizeof(header), optional_size, err);
	if (rc)
		return rc;
	return read_sections(pe, (uint64_t)at + sizeof(header) + optional_size, le16(header + 6),
			     err);
}

int pe_open(struct pe_file *pe, const struct byte_source *source, struct oc_error *err)
{
	int rc;

	*pe = (struct pe_file){ .source = *source };
	rc = read_headers(pe, err);
	if (rc)
		pe_close(pe);
	return rc;
}

void pe_close(struct pe_file *pe)
{
	free(pe->sections);
	*pe = (struct pe_file){ 0 };
}

/* ---- addresses --------------------------------------------------------------------------------------------- */

const struct pe_section *pe_section_at(const struct pe_file *pe, uint32_t address)
{
	for (uint32_t i = 0; i < pe->nr_sections; i++) {
		const struct pe_section *s = &pe->sections[i];

		if (address >= s->address && address - s->address < s->size)
			return s;
	}
	return NULL;
}

int pe_read(const struct pe_file *pe, uint32_t address, void *buf, size_t size,
	    struct oc_error *err)
{
	const struct pe_section *s = pe_section_at(pe, address);
	uint32_t inside;
	size_t stored;
	int rc;

	if (!s && address < pe->header_size && size <= pe->header_size - address)
		return read_file(pe, address, buf, size, err);
	if (!s)
		return oc_error_set(err, -EBADMSG, "address 0x%x is in no section", address);
	inside = address - s->address;
	if (size > s->size - inside)
		return oc_error_set(err, -EBADMSG, "%llu bytes at address 0x%x leave their section",
				    (unsigned long long)size, address);
	stored = inside < s->file_size ? MIN(size, (size_t)(s->file_size - inside)) : 0;
	rc = stored ? read_file(pe, (uint64_t)s->offset + inside, buf, stored, err) : 0;
	memset((char *)buf + stored, 0, size - stored);
	return rc;
}

/* Reads the text at an address, to its NUL or `max` bytes of it. */
static int read_text(const struct pe_file *pe, uint32_t address, size_t max, struct buffer *out,
		     struct oc_error *err)
{
	const struct pe_section *s = pe_section_at(pe, address);
	char piece[256];
	size_t left;

	buffer_clear(out);
	if (!s)
		return oc_error_set(err, -EBADMSG, "address 0x%x is in no section", address);
	left = MIN(max, (size_t)(s->size - (address - s->address)));
	while (left) {
		size_t size = MIN(left, sizeof(piece)), len;
		int rc = pe_read(pe, address, piece, size, err);

		if (rc)
			return rc;
		len = strnlen(piece, size);
		buffer_append(out, piece, len);
		if (len < size)
			break;
		address += (uint32_t)size;
		left -= size;
	}
	/* An empty text is text as well. */
	return buffer_reserve(out, 1) ? oc_error_set(err, -ENOMEM, "out of memory") : 0;
}

/* ---- the symbol file --------------------------------------------------------------------------------------- */

/* Reads an entry of the debug directory. Returns 1, 0 = not of the kind, or an error. */
static int read_codeview(const struct pe_file *pe, const uint8_t *entry, struct pe_symbol_file *ret,
			 struct oc_error *err)
{
	uint8_t raw[RSDS_SIZE];
	uint32_t size = le32(entry + 16), offset = le32(entry + 24), path_size;
	int rc;

	if (le32(entry + 12) != DEBUG_CODEVIEW || size < sizeof(raw))
		return 0;
	rc = read_file(pe, offset, raw, sizeof(raw), err);
	if (rc)
		return rc;
	if (memcmp(raw, "RSDS", 4))
		return 0;
	pdb_id_make(raw + 4, le32(raw + 20), ret->id);
	path_size = MIN(size - (uint32_t)sizeof(raw), (uint32_t)sizeof(ret->path) - 1);
	memset(ret->path, 0, sizeof(ret->path));
	rc = read_file(pe, (uint64_t)offset + sizeof(raw), ret->path, path_size, err);
	return rc ? rc : 1;
}

int pe_symbol_file(const struct pe_file *pe, struct pe_symbol_file *ret, struct oc_error *err)
{
	uint32_t nr = MIN(pe->debug.size / DEBUG_ENTRY_SIZE, DEBUG_ENTRIES_MAX);
	uint8_t entry[DEBUG_ENTRY_SIZE];
	int rc = 0;

	for (uint32_t i = 0; !rc && i < nr; i++) {
		if (i * DEBUG_ENTRY_SIZE > UINT32_MAX - pe->debug.address)
			return 0;
		rc = pe_read(pe, pe->debug.address + i * DEBUG_ENTRY_SIZE, entry, sizeof(entry),
			     err);
		if (!rc)
			rc = read_codeview(pe, entry, ret, err);
	}
	return rc;
}

/* ---- exports ----------------------------------------------------------------------------------------------- */

/* The export directory, its three tables loaded. */
struct exports {
	const struct pe_file *pe;
	uint32_t base; /* number of the first */
	uint32_t nr;
	uint32_t nr_names;
	uint8_t *addresses; /* [nr] of 4 bytes */
	uint8_t *names;     /* [nr_names] addresses of texts, 4 bytes each */
	uint8_t *numbers;   /* [nr_names] indices into `addresses`, 2 bytes each */
	struct buffer name;
	struct buffer forward;
};

static void exports_done(struct exports *x)
{
	free(x->addresses);
	free(x->names);
	free(x->numbers);
	buffer_done(&x->name);
	buffer_done(&x->forward);
}

static int load_table(const struct exports *x, uint32_t address, uint32_t nr, uint32_t size,
		      uint8_t **ret_table, struct oc_error *err)
{
	*ret_table = calloc((size_t)nr + 1, size);
	if (!*ret_table)
		return oc_error_set(err, -ENOMEM, "out of memory");
	return nr ? pe_read(x->pe, address, *ret_table, (size_t)nr * size, err) : 0;
}

static int load_exports(struct exports *x, struct oc_error *err)
{
	uint8_t raw[EXPORTS_SIZE];
	int rc = pe_read(x->pe, x->pe->exports.address, raw, sizeof(raw), err);

	if (rc)
		return rc;
	x->base = le32(raw + 16);
	x->nr = le32(raw + 20);
	x->nr_names = le32(raw + 24);
	if (x->nr > EXPORTS_MAX || x->nr_names > EXPORTS_MAX)
		return oc_error_set(err, -EBADMSG,
				    "%u exports with %u names in the directory at address 0x%x",
				    x->nr, x->nr_names, x->pe->exports.address);
	rc = load_table(x, le32(raw + 28), x->nr, 4, &x->addresses, err);
	if (!rc)
		rc = load_table(x, le32(raw + 32), x->nr_names, 4, &x->names, err);
	if (!rc)
		rc = load_table(x, le32(raw + 36), x->nr_names, 2, &x->numbers, err);
	return rc;
}

/* Completes export `index`, whose name is in x->name, and hands it out. */
static int hand_out(struct exports *x, uint32_t index, pe_export_fn fn, void *arg,
		    struct oc_error *err)
{
	const struct pe_range *directory_ = &x->pe->exports;
	struct pe_export out = { .address = le32(x->addresses + (size_t)index * 4),
				 .name = x->name.data };
	int rc;

	if (!out.address)
		return 0;
	/* An address inside the directory is that of a text which names what it stands for. */
	if (out.address >= directory_->address &&
	    out.address - directory_->address < directory_->size) {
		rc = read_text(x->pe, out.address, NAME_MAX_BYTES, &x->forward, err);
		if (rc)
			return rc;
		out.forward = x->forward.data;
	}
	return fn(arg, &out);
}

static int each_named(struct exports *x, uint8_t *seen, pe_export_fn fn, void *arg,
		      struct oc_error *err)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < x->nr_names; i++) {
		uint32_t index = le16(x->numbers + (size_t)i * 2);

		if (index >= x->nr)
			return oc_error_set(err, -EBADMSG,
					    "the name of export %u of %u in the directory at "
					    "address 0x%x",
					    index, x->nr, x->pe->exports.address);
		seen[index] = 1;
		rc = read_text(x->pe, le32(x->names + (size_t)i * 4), NAME_MAX_BYTES, &x->name,
			       err);
		if (!rc)
			rc = hand_out(x, index, fn, arg, err);
	}
	return rc;
}

static int each_nameless(struct exports *x, const uint8_t *seen, pe_export_fn fn, void *arg,
			 struct oc_error *err)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < x->nr; i++) {
		if (seen[i])
			continue;
		buffer_clear(&x->name);
		buffer_printf(&x->name, "#%llu", (unsigned long long)x->base + i);
		if (x->name.error)
			return oc_error_set(err, -ENOMEM, "out of memory");
		rc = hand_out(x, i, fn, arg, err);
	}
	return rc;
}

int pe_each_export(const struct pe_file *pe, pe_export_fn fn, void *arg, struct oc_error *err)
{
	struct exports x __cleanup(exports_done) = { .pe = pe };
	uint8_t *seen __cleanup(cleanup_free) = NULL;
	int rc;

	if (!pe->exports.size)
		return 0;
	rc = load_exports(&x, err);
	if (rc)
		return rc;
	seen = calloc((size_t)x.nr + 1, 1);
	if (!seen)
		return oc_error_set(err, -ENOMEM, "out of memory");
	rc = each_named(&x, seen, fn, arg, err);
	return rc ? rc : each_nameless(&x, seen, fn, arg, err);
}

/* ---- bounds of functions ----------------------------------------------------------------------------------- */

/*
 * The size of an arm64 function, from its unwinding entry: packed into the entry, or in the header of its record; in
 * units of 4 bytes. Source: Microsoft's "ARM64 exception handling".
 */
static int arm64_size(const struct pe_file *pe, uint32_t unwind, uint32_t *ret_size,
		      struct oc_error *err)
{
	uint8_t raw[4];
	int rc;

	if (unwind & 3) {
		*ret_size = (unwind >> 2 & 0x7ff) * 4;
		return 0;
	}
	rc = pe_read(pe, unwind, raw, sizeof(raw), err);
	if (!rc)
		*ret_size = (le32(raw) & 0x3ffff) * 4;
	return rc;
}

static int parse_function(const struct pe_file *pe, const uint8_t *raw, struct pe_function *ret,
			  struct oc_error *err)
{
	bool is_arm64 = pe->machine == PE_MACHINE_ARM64;

	ret->address = le32(raw);
	ret->unwind = le32(raw + (is_arm64 ? 4 : 8));
	if (is_arm64)
		return arm64_size(pe, ret->unwind, &ret->size, err);
	ret->size = le32(raw + 4) > ret->address ? le32(raw + 4) - ret->address : 0;
	return 0;
}

/*
 * On x86-64 a later piece's unwinding record ends with the entry of the piece that it follows. Source: Microsoft's "x64
 * exception handling".
 */
uint32_t pe_function_start(const struct pe_file *pe, const struct pe_function *function)
{
	uint32_t address = function->address, unwind = function->unwind;

	for (int i = 0; pe->machine == PE_MACHINE_X64 && i < CHAIN_MAX; i++) {
		uint8_t header[4], parent[12];
		uint32_t codes;

		if (pe_read(pe, unwind, header, sizeof(header), NULL) ||
		    !(header[0] >> 3 & UNWIND_CHAINED))
			break;
		codes = (header[2] + 1u) & ~1u;
		if (unwind > UINT32_MAX - 4 - codes * 2 ||
		    pe_read(pe, unwind + 4 + codes * 2, parent, sizeof(parent), NULL))
			break;
		address = le32(parent);
		unwind = le32(parent + 8);
	}
	return address;
}

int pe_each_function(const struct pe_file *pe, pe_function_fn fn, void *arg, struct oc_error *err)
{
	uint32_t entry = pe->machine == PE_MACHINE_ARM64 ? 8 : 12, nr = pe->functions.size / entry;
	uint8_t *raw __cleanup(cleanup_free) = NULL;
	uint32_t address = pe->functions.address;
	int rc = 0;

	if (pe->machine != PE_MACHINE_ARM64 && pe->machine != PE_MACHINE_X64)
		return 0;
	/* What is in memory only is zero, and gigabytes of it cost the file nothing. */
	if (pe->functions.size > pe->source.size)
		return oc_error_set(
			err, -EBADMSG,
			"bounds of functions of %u bytes at address 0x%x, more than the "
			"file",
			pe->functions.size, pe->functions.address);
	raw = malloc((size_t)CHUNK * entry);
	if (!raw)
		return oc_error_set(err, -ENOMEM, "out of memory");
	for (uint32_t done = 0, n; !rc && done < nr; done += n, address += n * entry) {
		n = MIN(nr - done, CHUNK);
		rc = pe_read(pe, address, raw, (size_t)n * entry, err);
		for (uint32_t i = 0; !rc && i < n; i++) {
			struct pe_function function;

			rc = parse_function(pe, raw + (size_t)i * entry, &function, err);
			if (!rc && function.address)
				rc = fn(arg, &function);
		}
	}
	return rc;
}
