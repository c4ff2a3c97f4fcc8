/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbolize/running_kernel.h: which recordings the running kernel's symbols are taken for.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/macros.h"
#include "machine_parts.h"
#include "symbolize/running_kernel.h"

#define TEXT 0xffffffff81000000ULL

static const char kallsyms[] = "ffffffff80000000 A fixed_percpu_data\n"
			       "ffffffff81000000 T _text\n"
			       "ffffffff81000000 T _stext\n";

/* An ELF note: "GNU", NT_GNU_BUILD_ID, four bytes. */
static const uint8_t notes[] = { 4, 0, 0,   0,   4,   0, 0,    0,    3,    0,
				 0, 0, 'G', 'N', 'U', 0, 0xa1, 0xb2, 0xc3, 0xd4 };

static struct oc_machine *machine_of(uint64_t kernel_text, const char *host,
				     const uint8_t *build_id)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_module kernel = { .type = OC_MODULE_KERNEL };
	struct oc_recording_info info = { .kernel_text = kernel_text };
	struct utsname here;
	char os[sizeof(here)];

	cr_assert_eq(uname(&here), 0);
	snprintf(os, sizeof(os), "%s %s %s", here.sysname, here.release, here.machine);
	info.os = intern(m, os);
	info.hostname = intern(m, host ? host : here.nodename);
	oc_machine_set_info(m, &info);
	kernel.path = intern(m, "[kernel]");
	if (build_id) {
		kernel.build_id_size = 4;
		memcpy(kernel.build_id, build_id, 4);
	}
	cr_assert_gt(oc_machine_add_module(m, &kernel), 0);
	return m;
}

static bool is_running(struct oc_machine *m)
{
	struct buffer text = BUFFER_INIT;
	char path[] = "/tmp/onecollect-unit-XXXXXX";
	int fd = mkstemp(path);
	bool is;

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, notes, sizeof(notes)), (ssize_t)sizeof(notes));
	close(fd);
	buffer_puts(&text, kallsyms);
	is = running_kernel_is(m, &text, path);
	unlink(path);
	buffer_done(&text);
	oc_machine_free(m);
	return is;
}

Test(running_kernel, is_known_by_build_id_and_place)
{
	const uint8_t *same = &notes[16], other[4] = { 1, 2, 3, 4 };

	cr_assert(is_running(machine_of(TEXT, "elsewhere", same)));
	cr_assert_not(is_running(machine_of(TEXT, NULL, other)));
	cr_assert_not(is_running(machine_of(TEXT + 0x200000, NULL, same)), "it has moved");
	cr_assert_not(is_running(machine_of(0, NULL, same)), "where it was is not known");
}

Test(running_kernel, without_build_id_the_host_counts)
{
	struct oc_machine *m = machine_of(TEXT, NULL, NULL);

	cr_assert(running_kernel_is_of_host(m));
	cr_assert(is_running(m));
	m = machine_of(TEXT, "elsewhere", NULL);
	cr_assert_not(running_kernel_is_of_host(m));
	cr_assert_not(is_running(m));
}

static bool has(const char *path, const char *kmod)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_module module = { .type = OC_MODULE_KERNEL, .path = intern(m, path) };
	bool is = running_kernel_has(m, &module, kmod, strlen(kmod));

	oc_machine_free(m);
	return is;
}

Test(running_kernel, modules_have_their_own_symbols)
{
	cr_assert(has("[kernel]", ""));
	cr_assert_not(has("[kernel]", "bpf"), "a program that came later");
	cr_assert(has("/lib/modules/6.1/kernel/net/nf-tables.ko", "nf_tables"));
	cr_assert(has("/lib/modules/6.1/nf_tables.ko.xz", "nf_tables"));
	cr_assert(has("[nf_tables]", "nf_tables"));
	cr_assert_not(has("/lib/modules/6.1/nf_tables.ko", "nf_table"));
	cr_assert_not(has("/lib/modules/6.1/nf_tables.ko", "nf_tables_2"));
	cr_assert_not(has("/lib/modules/6.1/nf_tables.ko", ""));
	cr_assert_not(has("[nf_tables]", "nf_tables_2"));
	cr_assert_not(has("bpf_prog_1", "bpf"));
}
