/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searches code for the two instructions that end a signal handler.
 * Called by the table compiler.
 * Must not know tables.
 */
#include "unwind/sigreturn.h"

#include <elf.h>
#include <errno.h>

#include "base/macros.h"

/* Read at once. */
#define WINDOW_BYTES (256u * 1024)

struct pattern {
	uint16_t machine;
	uint8_t size;
	uint8_t code[10];
};

/* No pattern is part of another. */
static const struct pattern patterns[] = {
	/* mov $15, %rax; syscall */
	{ EM_X86_64, 9, { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 } },
	/* mov $15, %eax; syscall */
	{ EM_X86_64, 7, { 0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05 } },
	/* mov x8, #139; svc #0 */
	{ EM_AARCH64, 8, { 0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4 } },
};
#define PATTERN_MAX 9

void sigreturn_search_done(struct sigreturn_search *search)
{
	free(search->window);
	search->window = NULL;
}

/* Windows overlap, so one may be seen twice. */
static bool is_found(const struct sigreturn_search *search, uint64_t end)
{
	for (size_t i = 0; i < search->nr; i++) {
		if (search->found[i].end == end)
			return true;
	}
	return false;
}

/* Searches code[size], which is at `address`; nothing before `gap` may be covered. */
static void search_window(struct sigreturn_search *search, size_t size, uint64_t address,
			  uint64_t gap)
{
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		const struct pattern *p = &patterns[i];
		const uint8_t *at = search->window, *end = search->window + size;

		if (p->machine != search->machine)
			continue;
		while ((at = memmem(at, (size_t)(end - at), p->code, p->size))) {
			uint64_t start = address + (uint64_t)(at - search->window);

			at += p->size;
			if (is_found(search, start + p->size))
				continue;
			if (search->nr == SIGRETURN_MAX)
				return;
			search->found[search->nr++] = (struct sigreturn){
				.start = start > gap ? start - 1 : start,
				.end = start + p->size,
			};
		}
	}
}

int sigreturn_find(struct sigreturn_search *search, const struct unwind_segment *segment,
		   uint64_t start, uint64_t end)
{
	uint64_t at = start;

	if (end - start < SIGRETURN_GAP_MIN)
		return 0;
	if (!search->window)
		search->window = malloc(WINDOW_BYTES);
	if (!search->window)
		return -ENOMEM;
	while (search->nr < SIGRETURN_MAX && search->bytes < SIGRETURN_BYTES_MAX) {
		size_t size = (size_t)MIN(end - at, (uint64_t)WINDOW_BYTES);
		int rc = elf_file_read(search->elf, segment->file_offset + (at - segment->vaddr),
				       search->window, size);

		if (rc == -EBADMSG)
			return 0; /* there is no code behind the end of the file */
		if (rc)
			return rc;
		search->bytes += size;
		search_window(search, size, at, start);
		if (size == end - at)
			break;
		at += size - (PATTERN_MAX - 1);
	}
	return 0;
}
