/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interning locations by the names of their lines, and processes by theirs.
 * Called by readers of formats.
 * Must not know any format.
 */
#include "export/named.h"

#include <errno.h>

#include "base/macros.h"

/* 64-bit hashes of different names are equal only when somebody made them so. */
#define TRIES_MAX 64

static uint64_t mix_text(const struct oc_machine *m, uint64_t hash, oc_string_id id)
{
	size_t len;
	const char *text = oc_machine_string(m, id, &len);

	return hash_u64(hash ^ hash_bytes(text, len));
}

/* Of the names and not of their ids, which are others in each machine. */
static uint64_t hash_lines(const struct oc_machine *m, const struct oc_line *lines, uint32_t nr)
{
	uint64_t hash = nr;

	for (uint32_t i = 0; i < nr; i++) {
		const struct oc_function *function = oc_machine_function(m, lines[i].function);

		hash = mix_text(m, hash, function->name);
		hash = mix_text(m, hash, function->system_name);
		hash = mix_text(m, hash, function->file);
		hash = hash_u64(hash ^ ((uint64_t)function->start_line << 32 | lines[i].line));
	}
	return hash;
}

static bool lines_equal(const struct oc_line *a, const struct oc_line *b, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		if (a[i].function != b[i].function || a[i].line != b[i].line)
			return false;
	}
	return true;
}

/* Returns 1 when the location has these lines now, 0 when it has others, or a negative errno value. */
static int claim(struct oc_machine *m, oc_location_id id, const struct oc_line *lines, uint32_t nr)
{
	uint32_t nr_old;
	const struct oc_line *old = oc_machine_location_lines(m, id, &nr_old);
	int rc;

	if (!nr)
		return 1;
	if (old)
		return nr_old == nr && lines_equal(old, lines, nr);
	rc = oc_machine_set_lines(m, id, lines, nr);
	return rc ? rc : 1;
}

int64_t named_location(struct oc_machine *m, const struct oc_location *at,
		       const struct oc_line *lines, uint32_t nr)
{
	struct oc_location place = *at;
	int64_t id = 0;
	int rc = 0;

	if (nr > OC_STACK_FRAMES_MAX || (!nr && !at->address))
		return -EINVAL;
	for (uint32_t i = 0; i < nr; i++) {
		if (!oc_machine_function(m, lines[i].function))
			return -EINVAL;
	}
	if (at->address) {
		id = location_intern(m, &place);
		rc = id < 0 ? (int)id : claim(m, (oc_location_id)id, lines, nr);
	}
	if (!rc)
		place.offset = hash_lines(m, lines, nr);
	for (unsigned int i = 0; !rc && i < TRIES_MAX; i++, place.offset++) {
		id = location_intern(m, &place);
		rc = id < 0 ? (int)id : claim(m, (oc_location_id)id, lines, nr);
	}
	if (rc < 0)
		return rc;
	return rc ? id : -EBADMSG;
}

int64_t named_module(struct oc_machine *m, enum oc_module_type type)
{
	const char *name = type == OC_MODULE_KERNEL ? "[kernel]"
			   : type == OC_MODULE_ANON ? "[anon]"
						    : "[unknown]";
	int64_t path = oc_machine_intern(m, name, strlen(name));
	struct oc_module module = { .type = type };

	if (path < 0)
		return path;
	module.path = (oc_string_id)path;
	return oc_machine_add_module(m, &module);
}

int64_t named_process(struct oc_machine *m, uint32_t pid, oc_string_id comm, oc_string_id container)
{
	uint64_t hash = mix_text(m, mix_text(m, 0, comm), container);
	const struct oc_process facts = { .comm = comm, .container = container };
	/* Nanoseconds: none is as much as 5 s after the beginning of time. */
	int64_t id = oc_machine_process_start(m, pid, 0, hash & UINT32_MAX);

	if (id > 0 && oc_machine_process_set(m, (oc_process_id)id, &facts))
		return -ENOMEM;
	return id;
}
