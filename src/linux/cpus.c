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

/* Reads digits at *pos. Returns 0 with *pos behind them, -EINVAL without a digit, -ERANGE above CPU_MAX. */
static int parse_number(const char **pos, uint32_t *ret_number)
{
	const char *p = *pos;
	uint32_t number = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		number = number * 10 + (uint32_t)(*p - '0');
		if (number > CPU_MAX)
			return -ERANGE;
	}
	*pos = p;
	*ret_number = number;
	return 0;
}

static int parse_bits(const char *text, struct cpu_bits *bits)
{
	uint32_t first, last;
	int r;

	for (;; text++) {
		r = parse_number(&text, &first);
		if (r)
			return r;
		last = first;
		if (*text == '-') {
			text++;
			r = parse_number(&text, &last);
			if (r)
				return r;
			if (last < first)
				return -EINVAL;
		}
		for (uint32_t cpu = first; cpu <= last; cpu++)
			bits->words[cpu / 64] |= UINT64_C(1) << (cpu % 64);
		if (*text != ',')
			break;
	}
	/* sysfs ends its line with a newline. */
	if (*text == '\n')
		text++;
	return *text ? -EINVAL : 0;
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
	text[len] = '\0';
	return cpu_list_parse(text, ret);
}

bool cpu_list_has(const struct cpu_list *list, uint32_t cpu)
{
	uint32_t low = 0, high = list->nr;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (list->cpus[middle] == cpu)
			return true;
		if (list->cpus[middle] < cpu)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}
