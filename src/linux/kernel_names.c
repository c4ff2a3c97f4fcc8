/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the program that names kernel addresses, one address at a time: 2 us each.
 * Called by src/linux/bpf_collector.c when a recording is over.
 * Must not know what the names are for.
 */
#include "linux/kernel_names.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "bpf/wire.h"
#include "names.skel.h"

struct kernel_names {
	struct names_bpf *skel;
};

int kernel_names_open(struct kernel_names **ret_names)
{
	struct kernel_names *names = calloc(1, sizeof(*names));
	int rc = 0;

	if (!names)
		return -ENOMEM;
	names->skel = names_bpf__open();
	if (!names->skel)
		rc = -errno;
	rc = rc ? rc : names_bpf__load(names->skel);
	if (rc) {
		kernel_names_close(names);
		return rc;
	}
	*ret_names = names;
	return 0;
}

void kernel_names_close(struct kernel_names *names)
{
	if (!names)
		return;
	names_bpf__destroy(names->skel);
	free(names);
}

/* Reads "0x" and hexadecimal digits. False = that is not there, or more than 64 bits. */
static bool read_hex(const char **text, uint64_t *ret_value)
{
	const char *at = *text;
	uint64_t value = 0;
	size_t nr = 0;

	if (strncmp(at, "0x", 2))
		return false;
	for (at += 2; nr <= 16; at++, nr++) {
		int digit = hex_digit(*at);

		if (digit < 0)
			break;
		value = value << 4 | (uint64_t)digit;
	}
	*text = at;
	*ret_value = value;
	return nr && nr <= 16;
}

int kernel_names_parse(const char *text, uint64_t address, struct oc_kernel_symbol *ret_symbol)
{
	struct oc_kernel_symbol symbol = { .name = text, .name_len = strcspn(text, "+ ") };
	const char *at = text + symbol.name_len;
	uint64_t offset;

	if (!symbol.name_len || *at++ != '+' || !read_hex(&at, &offset) || *at++ != '/' ||
	    !read_hex(&at, &symbol.size) || offset > address || offset >= symbol.size)
		return -ENOENT;
	symbol.start = address - offset;
	if (!strncmp(at, " [", 2)) {
		symbol.module = at + 2;
		symbol.module_len = strcspn(symbol.module, " ]");
	}
	*ret_symbol = symbol;
	return 0;
}

int kernel_names_find(struct kernel_names *names, uint64_t address,
		      struct oc_kernel_symbol *ret_symbol)
{
	struct names_bpf *skel = names->skel;
	int rc;

	skel->bss->address = address;
	rc = bpf_prog_test_run_opts(
		bpf_program__fd(skel->progs.kernel_name),
		&(struct bpf_test_run_opts){ .sz = sizeof(struct bpf_test_run_opts) });
	if (rc)
		return rc;
	skel->bss->text[WIRE_KERNEL_NAME_SIZE - 1] = '\0';
	return kernel_names_parse(skel->bss->text, address, ret_symbol);
}
