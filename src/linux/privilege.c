/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this process may do.
 * Called by the collectors' probes and by the feature check.
 * Must not change any privilege.
 */
#include "linux/privilege.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/capability.h>
#include <unistd.h>

#include "base/macros.h"

static bool is_effective(int cap)
{
	cap_flag_value_t value = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	if (!caps)
		return false;
	if (cap_get_flag(caps, cap, CAP_EFFECTIVE, &value))
		value = CAP_CLEAR;
	cap_free(caps);
	return value == CAP_SET;
}

bool privilege_has(int cap)
{
	if (is_effective(cap))
		return true;
	return (cap == CAP_BPF || cap == CAP_PERFMON) && is_effective(CAP_SYS_ADMIN);
}

size_t privilege_missing(const int *caps, size_t nr, char *text, size_t size)
{
	size_t nr_missing = 0;
	size_t len = 0;

	if (size)
		text[0] = '\0';
	for (size_t i = 0; i < nr; i++) {
		char *name;
		int n;

		if (privilege_has(caps[i]))
			continue;
		name = cap_to_name(caps[i]);
		for (char *c = name; c && *c; c++)
			*c = (char)toupper((unsigned char)*c);
		n = snprintf(text + len, size - len, "%s%s", nr_missing ? " and " : "",
			     name ? name : "?");
		cap_free(name);
		if (n > 0 && (size_t)n < size - len)
			len += (size_t)n;
		nr_missing++;
	}
	return nr_missing;
}

long privilege_sysctl(const char *path, long otherwise)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n;

	if (fd < 0)
		return otherwise;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return otherwise;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}
