/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads and writes unwind tables as files.
 * Called by whoever needs the table of a module.
 * Must not know ELF or processes.
 */
#include "unwind/table_cache.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <onecollect/output.h>

#include "base/buffer.h"
#include "base/hex.h"
#include "base/id_table.h"
#include "base/macros.h"
#include "unwind/table_build.h"

static const char cache_magic[8] = "OCUNWIND";

/* The file: this, then segments, rules, page_rows (one more than there are pages) and rows. Little-endian. */
struct cache_header {
	char magic[8];
	uint32_t version;
	uint32_t machine;
	uint64_t checksum; /* hash_bytes() of all that follows */
	uint8_t id[TABLE_CACHE_ID_MAX];
	uint32_t id_size;
	uint64_t first_page;
	uint32_t nr_pages;
	uint32_t nr_rows;
	uint32_t nr_rules;
	uint32_t nr_segments;
	struct unwind_table_stats stats;
};

struct cache_segment {
	uint64_t vaddr;
	uint64_t file_offset;
	uint64_t file_size;
	uint64_t executable; /* 0 or 1 */
};

#define CHECKSUM_FROM offsetof(struct cache_header, id)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are stored as they are");
_Static_assert(sizeof(struct cache_header) == 104, "file format: no padding");
_Static_assert(sizeof(struct cache_segment) == 32, "file format");
_Static_assert(sizeof(struct unwind_table_stats) == 32, "file format: no padding");

/* ---- decoding --------------------------------------------------------------------------------------------------- */

/* Bytes of a file with this header; the counts are within their limits, so the sum cannot overflow. */
static uint64_t file_size_of(const struct cache_header *h)
{
	return sizeof(*h) + (uint64_t)h->nr_segments * sizeof(struct cache_segment) +
	       (uint64_t)h->nr_rules * sizeof(struct unwind_rule) +
	       ((uint64_t)h->nr_pages + 1 + h->nr_rows) * sizeof(uint32_t);
}

static int check_header(const struct cache_header *h, size_t size, const uint8_t *id,
			size_t id_size)
{
	uint8_t wanted[TABLE_CACHE_ID_MAX] = { 0 };

	if (memcmp(h->magic, cache_magic, sizeof(h->magic)))
		return -EBADMSG;
	if (h->version != TABLE_CACHE_VERSION)
		return -ESTALE;
	memcpy(wanted, id, MIN(id_size, sizeof(wanted)));
	if (h->id_size != id_size || memcmp(h->id, wanted, sizeof(wanted)))
		return -EBADMSG;
	if (h->machine != EM_X86_64 && h->machine != EM_AARCH64)
		return -EBADMSG;
	if (h->nr_pages > UNWIND_TABLE_PAGES_MAX || h->nr_rows > UNWIND_TABLE_ROWS_MAX ||
	    !h->nr_rules || h->nr_rules > UNWIND_RULES_MAX ||
	    h->nr_segments > UNWIND_TABLE_SEGMENTS_MAX)
		return -EBADMSG;
	/* The last page ends within the address space. */
	if (h->first_page > (UINT64_MAX >> UNWIND_PAGE_SHIFT) - h->nr_pages)
		return -EBADMSG;
	return file_size_of(h) == size ? 0 : -EBADMSG;
}

static bool decode_segments(const char *data, uint32_t nr, struct unwind_segment *segments)
{
	for (uint32_t i = 0; i < nr; i++) {
		struct cache_segment s;

		memcpy(&s, data + i * sizeof(s), sizeof(s));
		if (s.executable > 1 || s.vaddr + s.file_size < s.vaddr ||
		    s.file_offset + s.file_size < s.file_offset)
			return false;
		segments[i] = (struct unwind_segment){ .vaddr = s.vaddr,
						       .file_offset = s.file_offset,
						       .file_size = s.file_size,
						       .executable = s.executable };
	}
	return true;
}

/* True when the rows of a page are in order, begin at its start and name rules that are there. */
static bool page_is_sound(const struct unwind_table *t, uint32_t from, uint32_t to)
{
	if (from > to || to > t->nr_rows || to - from > UNWIND_PAGE_ROWS_MAX)
		return false;
	for (uint32_t i = from; i < to; i++) {
		uint32_t low = UNWIND_ROW_LOW(t->rows[i]);

		if (UNWIND_ROW_RULE(t->rows[i]) >= t->nr_rules)
			return false;
		if (i == from ? low != 0 : low <= UNWIND_ROW_LOW(t->rows[i - 1]))
			return false;
	}
	return true;
}

/* True when the arrays keep what unwind/table.h promises, so that nobody who reads them has to check again. */
static bool table_is_sound(const struct unwind_table *t)
{
	for (uint32_t i = 0; i < t->nr_rules; i++) {
		const struct unwind_rule *rule = &t->rules[i];

		if (rule->cfa > UNWIND_CFA_LAST || rule->fp > UNWIND_SAVED_AT_FP ||
		    rule->ra > UNWIND_SAVED_AT_FP || (rule->cfa == UNWIND_CFA_GAP) != !i)
			return false;
	}
	if (t->page_rows[0] || t->page_rows[t->nr_pages] != t->nr_rows)
		return false;
	for (uint32_t i = 0; i < t->nr_pages; i++) {
		if (!page_is_sound(t, t->page_rows[i], t->page_rows[i + 1]))
			return false;
	}
	return true;
}

int table_cache_decode(const void *data, size_t size, const uint8_t *id, size_t id_size,
		       struct unwind_table **ret_table)
{
	const char *at = (const char *)data + sizeof(struct cache_header);
	struct table_counts counts;
	struct table_arrays arrays;
	struct unwind_table *t;
	struct cache_header h;
	int rc;

	if (size < sizeof(h))
		return -EBADMSG;
	memcpy(&h, data, sizeof(h));
	rc = check_header(&h, size, id, id_size);
	if (rc)
		return rc;
	if (hash_bytes((const char *)data + CHECKSUM_FROM, size - CHECKSUM_FROM) != h.checksum)
		return -EBADMSG;
	counts = (struct table_counts){ .nr_pages = h.nr_pages,
					.nr_rows = h.nr_rows,
					.nr_rules = h.nr_rules,
					.nr_segments = h.nr_segments };
	t = table_new(&counts, &arrays);
	if (!t)
		return -ENOMEM;
	t->machine = (uint16_t)h.machine;
	t->first_page = h.first_page;
	t->stats = h.stats;
	rc = decode_segments(at, h.nr_segments, arrays.segments) ? 0 : -EBADMSG;
	at += h.nr_segments * sizeof(struct cache_segment);
	memcpy(arrays.rules, at, h.nr_rules * sizeof(*arrays.rules));
	at += h.nr_rules * sizeof(*arrays.rules);
	memcpy(arrays.page_rows, at, ((size_t)h.nr_pages + 1) * sizeof(*arrays.page_rows));
	at += ((size_t)h.nr_pages + 1) * sizeof(*arrays.page_rows);
	memcpy(arrays.rows, at, (size_t)h.nr_rows * sizeof(*arrays.rows));
	if (rc || !table_is_sound(t)) {
		unwind_table_free(t);
		return -EBADMSG;
	}
	*ret_table = t;
	return 0;
}

/* ---- encoding --------------------------------------------------------------------------------------------------- */

void table_cache_encode(const struct unwind_table *table, const uint8_t *id, size_t id_size,
			struct buffer *out)
{
	struct cache_header h = { .version = TABLE_CACHE_VERSION,
				  .machine = table->machine,
				  .id_size = (uint32_t)id_size,
				  .first_page = table->first_page,
				  .nr_pages = table->nr_pages,
				  .nr_rows = table->nr_rows,
				  .nr_rules = table->nr_rules,
				  .nr_segments = table->nr_segments,
				  .stats = table->stats };
	memcpy(h.magic, cache_magic, sizeof(h.magic));
	memcpy(h.id, id, MIN(id_size, sizeof(h.id)));
	buffer_append(out, &h, sizeof(h));
	for (uint32_t i = 0; i < table->nr_segments; i++) {
		const struct unwind_segment *s = &table->segments[i];
		struct cache_segment stored = { .vaddr = s->vaddr,
						.file_offset = s->file_offset,
						.file_size = s->file_size,
						.executable = s->executable };

		buffer_append(out, &stored, sizeof(stored));
	}
	buffer_append(out, table->rules, table->nr_rules * sizeof(*table->rules));
	buffer_append(out, table->page_rows,
		      ((size_t)table->nr_pages + 1) * sizeof(*table->page_rows));
	buffer_append(out, table->rows, (size_t)table->nr_rows * sizeof(*table->rows));
	if (out->error)
		return;
	h.checksum = hash_bytes(out->data + CHECKSUM_FROM, out->len - CHECKSUM_FROM);
	memcpy(out->data, &h, sizeof(h));
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* True when nobody but the effective user, or root, could have changed it. */
static bool is_ours(const struct stat *st)
{
	return (st->st_uid == geteuid() || !st->st_uid) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* Checks the directory and makes the name of a file in it. Returns 0 or an error. */
static int file_name(const char *dir, const uint8_t *id, size_t id_size, struct buffer *ret_name)
{
	char hex[2 * TABLE_CACHE_ID_MAX + 1];
	struct stat st;

	if (id_size < TABLE_CACHE_ID_MIN || id_size > TABLE_CACHE_ID_MAX)
		return -EINVAL;
	if (stat(dir, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode) || !is_ours(&st))
		return -EPERM;
	hex_text(id, id_size, hex);
	buffer_printf(ret_name, "%s/%s.unwind", dir, hex);
	return ret_name->error;
}

static int read_file(const char *name, struct buffer *out)
{
	/* Without O_NONBLOCK a pipe under this name would hold us up before we know that it is one. */
	int fd __cleanup(cleanup_close) =
		open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ELOOP ? -EPERM : -errno;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || !is_ours(&st))
		return -EPERM;
	if (st.st_size > (off_t)TABLE_CACHE_FILE_MAX)
		return -EFBIG;
	if (buffer_reserve(out, (size_t)st.st_size))
		return -ENOMEM;
	return buffer_read_fd(out, fd, TABLE_CACHE_FILE_MAX);
}

int table_cache_load(const char *dir, const uint8_t *id, size_t id_size,
		     struct unwind_table **ret_table)
{
	struct buffer name __cleanup(buffer_done) = BUFFER_INIT;
	struct buffer data __cleanup(buffer_done) = BUFFER_INIT;
	int rc;

	rc = file_name(dir, id, id_size, &name);
	if (!rc)
		rc = read_file(name.data, &data);
	return rc ? rc : table_cache_decode(data.data, data.len, id, id_size, ret_table);
}

int table_cache_store(const char *dir, const uint8_t *id, size_t id_size,
		      const struct unwind_table *table)
{
	struct buffer name __cleanup(buffer_done) = BUFFER_INIT;
	struct buffer data __cleanup(buffer_done) = BUFFER_INIT;
	struct oc_output *file;
	int rc;

	rc = file_name(dir, id, id_size, &name);
	if (rc)
		return rc;
	table_cache_encode(table, id, id_size, &data);
	if (data.error)
		return data.error;
	rc = oc_output_open(name.data, true, &file, NULL);
	if (rc)
		return rc;
	oc_output_write(file, data.data, data.len);
	return oc_output_commit(file, NULL);
}
