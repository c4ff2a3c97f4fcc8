/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries of call frame information: where they are, and what stands in the heads of CIEs and FDEs.
 * Called by the table compiler.
 * Must not know files, pages or rows.
 */
#include "unwind/cfi.h"

#include <elf.h>
#include <errno.h>

#include "base/macros.h"
#include "unwind/cfi_reader.h"

/* Versions of the CIE: 1 in .eh_frame and DWARF 2, 3 in DWARF 3, 4 in DWARF 4 and 5. */
#define CIE_VERSION_DWARF2 1
#define CIE_VERSION_DWARF3 3
#define CIE_VERSION_DWARF4 4
#define ADDRESS_BYTES      8

/* A length with this value says that a length of 64 bits follows. */
#define LENGTH_64 0xffffffffu
/* The id of a CIE in .debug_frame; in .eh_frame it is 0. */
#define CIE_ID_32 0xffffffffu
#define CIE_ID_64 0xffffffffffffffffULL

static const struct cfi_arch arches[] = {
	{ .machine = EM_X86_64, .fp = 6, .sp = 7, .ra = 16, .nr_registers = 16 },
	{ .machine = EM_AARCH64, .fp = 29, .sp = 31, .ra = 30, .nr_registers = 31 },
};

const struct cfi_arch *cfi_arch_of(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		if (arches[i].machine == machine)
			return &arches[i];
	}
	return NULL;
}

static struct cfi_reader reader_at(const struct cfi_section *section, size_t from, size_t to)
{
	return (struct cfi_reader){ .at = section->data + from, .end = section->data + to };
}

static size_t offset_of(const struct cfi_section *section, const struct cfi_reader *r)
{
	return (size_t)(r->at - section->data);
}

/* ---- entries ---------------------------------------------------------------------------------------------------- */

/* Reads the id: whether the entry is a CIE, or where the CIE of the FDE is. */
static int read_id(const struct cfi_section *section, struct cfi_reader *r, bool is_64,
		   struct cfi_entry *entry)
{
	size_t here = offset_of(section, r);
	/* .eh_frame has ids of 32 bits, whatever the length has (LSB 10.6.1). */
	uint64_t id = cfi_fixed(r, is_64 && !section->is_eh ? 8 : 4);

	if (r->failed)
		return -EBADMSG;
	entry->body = offset_of(section, r);
	if (section->is_eh) {
		entry->is_cie = !id;
		if (id > here)
			return -EBADMSG;
		entry->cie = here - (size_t)id;
		return 0;
	}
	entry->is_cie = id == (is_64 ? CIE_ID_64 : CIE_ID_32);
	if (!entry->is_cie && id >= section->size)
		return -EBADMSG;
	entry->cie = (size_t)id;
	return 0;
}

int cfi_next_entry(const struct cfi_section *section, size_t *at, struct cfi_entry *ret_entry)
{
	struct cfi_reader r = reader_at(section, *at, section->size);
	struct cfi_entry entry = { 0 };
	uint64_t length;
	bool is_64;

	/* An end mark amid a section comes from an object file that should have been the last; others follow. */
	do {
		if (!cfi_left(&r))
			return 0;
		entry.offset = offset_of(section, &r);
		length = cfi_fixed(&r, 4);
		if (!length && !r.failed && section->ends_at_zero)
			return 0;
	} while (!length && !r.failed);
	is_64 = length == LENGTH_64;
	if (is_64)
		length = cfi_fixed(&r, 8);
	if (r.failed || length > cfi_left(&r))
		return -EBADMSG;
	entry.end = offset_of(section, &r) + (size_t)length;
	r.end = section->data + entry.end;
	*at = entry.end;
	if (read_id(section, &r, is_64, &entry)) {
		/* The entry is bad, but its length holds: an FDE without a CIE. */
		entry.is_cie = false;
		entry.body = entry.end;
		entry.cie = section->size;
	}
	*ret_entry = entry;
	return 1;
}

/* ---- CIE -------------------------------------------------------------------------------------------------------- */

/* True when addresses can be read in this encoding: absolute, or relative to themselves. */
static bool encoding_is_known(uint8_t encoding)
{
	uint8_t application = encoding & ~CFI_PTR_FORMAT;
	uint8_t format = encoding & CFI_PTR_FORMAT;

	return (application == CFI_PTR_ABSOLUTE || application == CFI_PTR_PCREL) &&
	       (format <= CFI_PTR_U64 || (format >= CFI_PTR_SLEB && format <= CFI_PTR_S64));
}

/* Passes over the personality routine's address. */
static void skip_personality(const struct cfi_section *section, struct cfi_reader *r)
{
	uint8_t encoding = (uint8_t)cfi_fixed(r, 1);

	if (encoding == CFI_PTR_OMIT)
		return;
	if (encoding == CFI_PTR_ALIGNED) {
		uint64_t here = section->address + offset_of(section, r);

		cfi_skip(r, -here & (ADDRESS_BYTES - 1));
		cfi_skip(r, ADDRESS_BYTES);
		return;
	}
	cfi_format(r, encoding);
}

/* What the letters behind 'z' announce. Returns false for a letter that we do not know. */
static bool read_augmentation(const struct cfi_section *section, struct cfi_reader *r,
			      const char *letters, struct cfi_cie *cie)
{
	for (; *letters; letters++) {
		switch (*letters) {
		case 'R':
			cie->encoding = (uint8_t)cfi_fixed(r, 1);
			break;
		case 'P':
			skip_personality(section, r);
			break;
		case 'L':
			cfi_fixed(r, 1);
			break;
		case 'S':
			cie->signal = true;
			break;
		case 'B': /* return addresses are signed with the B key: the mask is the same */
		case 'G': /* the stack is tagged: registers hold plain addresses at calls */
			break;
		default:
			return false;
		}
	}
	return !r->failed && encoding_is_known(cie->encoding);
}

/* The fields between version and instructions. Leaves *r at the instructions. */
static int read_cie_head(const struct cfi_section *section, struct cfi_reader *r,
			 struct cfi_cie *cie)
{
	uint8_t version = (uint8_t)cfi_fixed(r, 1);
	const char *letters = (const char *)r->at;
	const void *nul = memchr(r->at, 0, cfi_left(r));
	struct cfi_reader data;
	uint64_t size;

	if (!nul || (version != CIE_VERSION_DWARF2 && version != CIE_VERSION_DWARF3 &&
		     version != CIE_VERSION_DWARF4))
		return -EBADMSG;
	r->at = (const uint8_t *)nul + 1;
	if (version == CIE_VERSION_DWARF4 && (cfi_fixed(r, 1) != ADDRESS_BYTES || cfi_fixed(r, 1)))
		return -EBADMSG; /* other addresses than ours, or segments */
	cie->code_align = cfi_uleb(r);
	cie->data_align = cfi_sleb(r);
	cie->ra_reg = version == CIE_VERSION_DWARF2 ? cfi_fixed(r, 1) : cfi_uleb(r);
	if (!*letters)
		return r->failed ? -EBADMSG : 0;
	if (*letters != 'z')
		return -EBADMSG;
	cie->has_data = true;
	size = cfi_uleb(r);
	if (r->failed || size > cfi_left(r))
		return -EBADMSG;
	data = (struct cfi_reader){ .at = r->at, .end = r->at + size };
	r->at += size;
	return read_augmentation(section, &data, letters + 1, cie) ? 0 : -EBADMSG;
}

int cfi_read_cie(const struct cfi_section *section, const struct cfi_entry *entry,
		 const struct cfi_arch *arch, struct cfi_cie *ret_cie)
{
	struct cfi_reader r = reader_at(section, entry->body, entry->end);
	struct cfi_cie cie = { .offset = entry->offset, .is_eh = section->is_eh };
	struct cfi_program program;
	struct cfi_fde none = { 0 };
	int rc;

	rc = read_cie_head(section, &r, &cie);
	if (rc)
		return rc;
	cie.initial.expr = UNWIND_CFA_UNKNOWN; /* until an instruction says it */
	none.program = offset_of(section, &r);
	none.program_end = entry->end;
	cfi_program_begin(&program, section, arch, &cie, &none);
	rc = cfi_program_next(&program);
	if (rc < 0)
		return rc;
	cie.initial = program.state;
	*ret_cie = cie;
	return 0;
}

/* ---- FDE -------------------------------------------------------------------------------------------------------- */

int cfi_read_fde(const struct cfi_section *section, const struct cfi_entry *entry,
		 const struct cfi_cie *cie, struct cfi_fde *ret_fde)
{
	struct cfi_reader r = reader_at(section, entry->body, entry->end);
	struct cfi_fde fde;
	uint64_t size;

	fde.start = cfi_address(&r, cie->encoding, section->address + entry->body);
	size = cfi_format(&r, cie->encoding);
	if (cie->has_data)
		cfi_skip(&r, cfi_uleb(&r));
	if (r.failed || __builtin_add_overflow(fde.start, size, &fde.end))
		return -EBADMSG;
	fde.program = offset_of(section, &r);
	fde.program_end = entry->end;
	*ret_fde = fde;
	return 0;
}
