/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU lists in the kernel's text form.
 * Called by both Linux collectors and, for --cpus, before they start.
 * Must not know what is done with the CPUs.
 */
#include "linux/cpus.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/search.h"
#include "base/text.h"

#define ONLINE_PATH "/sys/devices/system/cpu/online"
/* NR_CPUS is at most 8192 in any kernel configuration; the margin only bounds hostile text. */
#define CPU_MAX 65535u

/* One bit per CPU number: sorting and removing duplicates come for free. */
struct cpu_bits {
	uint64_t words[(CPU_MAX + 1) / 64];
};

void cpu_list_done(struct cpu_list *list)
{
	free(list->cpus);
	*list = (struct cpu_list){ 0 };
}

static int parse_bits(const char *text, struct cpu_bits *bits)
{
	while (text) {
		uint64_t first, last;
		int r = text_parse_range(&text, CPU_MAX, &first, &last);

		if (r)
			return r;
		for (uint64_t cpu = first; cpu <= last; cpu++)
			bits->words[cpu / 64] |= UINT64_C(1) << (cpu % 64);
	}
	return 0;
}

int cpu_list_parse(const char *text, struct cpu_list *ret)
{
	struct cpu_bits bits = { 0 };
	struct cpu_list list = { 0 };
	uint32_t nr = 0;
	int r;

	r = parse_bits(text, &bits);
	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(bits.words); i++)
		nr += (uint32_t)__builtin_popcountll(bits.words[i]);
	list.cpus = calloc(nr, sizeof(*list.cpus));
	if (!list.cpus)
		return -ENOMEM;
	for (uint32_t i = 0; i < ARRAY_SIZE(bits.words); i++)
		for (uint64_t word = bits.words[i]; word; word &= word - 1)
			list.cpus[list.nr++] = i * 64 + (uint32_t)__builtin_ctzll(word);
	*ret = list;
	return 0;
}

int cpu_list_online(struct cpu_list *ret)
{
	__cleanup(cleanup_close) int fd = open(ONLINE_PATH, O_RDONLY | O_CLOEXEC);
	char text[4096]; /* sysfs gives at most one page */
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	if (len < 0)
		return -errno;
	/* The line ends with a newline. */
	if (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	return cpu_list_parse(text, ret);
}

bool cpu_list_has(const struct cpu_list *list, uint32_t cpu)
{
	size_t at = PARTITION_POINT(i, list->nr, list->cpus[i] < cpu);

	return at < list->nr && list->cpus[at] == cpu;
}
