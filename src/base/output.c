/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output files that appear whole or not at all.
 * Called by the command line (open, commit) and by format writers (write).
 * Must not know any format.
 */
#include <onecollect/output.h>

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/os.h"
#include "base/output.h"

#define FLUSH_BYTES (256 * 1024)
#define WRITE_MAX   ((size_t)1 << 30) /* of one call; Windows counts in 32 bits */

enum output_kind { OUTPUT_FILE, OUTPUT_STDOUT, OUTPUT_MEMORY };

struct oc_output {
	enum output_kind kind;
	bool force;
	int fd;
	int error;
	char *path;
	char *temp_path; /* exists in the file system while not NULL */
	uint64_t bytes;
	struct buffer pending;
};

/* Set by oc_output_cancel_all(), possibly in a signal handler; never cleared. */
static atomic_bool cancelled;

static void output_free(struct oc_output *out)
{
	if (out->kind == OUTPUT_FILE && out->fd >= 0)
		close(out->fd);
	if (out->temp_path) {
		os_remove(out->temp_path);
		free(out->temp_path);
	}
	free(out->path);
	buffer_done(&out->pending);
	free(out);
}

/* Refuses what could never be replaced by a regular file, before any work is done. */
static int check_target(const char *path, bool force, struct oc_error *err)
{
	struct os_file file;
	int rc;

	if (!*path)
		return oc_error_set(err, -EINVAL,
				    "the output file has no name; give one with -o FILE");
	rc = os_file_at(path, false, &file);
	if (rc == -ENOENT)
		return 0;
	if (rc)
		return oc_error_set(err, rc, "cannot look at output '%s': %s", path, strerror(-rc));
	if (file.type == OS_FILE_DIRECTORY)
		return oc_error_set(err, -EISDIR, "output '%s' is a directory; name a file in it",
				    path);
	if (file.type != OS_FILE_REGULAR && file.type != OS_FILE_LINK)
		return oc_error_set(
			err, -EINVAL,
			"output '%s' is not a regular file; use '-' for standard output", path);
	if (!force)
		return oc_error_set(
			err, -EEXIST,
			"output '%s' exists; use --force to replace it, or another name", path);
	return 0;
}

static int open_temp(struct oc_output *out, struct oc_error *err)
{
	struct buffer name = BUFFER_INIT;
	int rc = -EEXIST;

	for (unsigned int attempt = 0; attempt < 100; attempt++) {
		buffer_clear(&name);
		buffer_printf(&name, "%s.%d-%llx.part", out->path, (int)getpid(),
			      (unsigned long long)clock_monotonic_ns() & 0xffffff);
		if (name.error)
			return oc_error_set(err, -ENOMEM, "out of memory");
		rc = os_open_new(name.data);
		if (rc >= 0) {
			out->fd = rc;
			out->temp_path = take_ptr(&name.data);
			return 0;
		}
		if (rc != -EEXIST)
			break;
	}
	buffer_done(&name);
	return oc_error_set(err, rc, "cannot write output '%s': %s", out->path, strerror(-rc));
}

int oc_output_open(const char *path, bool force, struct oc_output **ret_output,
		   struct oc_error *err)
{
	struct oc_output *out = calloc(1, sizeof(*out));
	int rc;

	if (!out)
		return oc_error_set(err, -ENOMEM, "out of memory");
	out->fd = -1;
	out->force = force;
	out->path = strdup(path);
	if (!out->path) {
		output_free(out);
		return oc_error_set(err, -ENOMEM, "out of memory");
	}
	if (!strcmp(path, "-")) {
		out->kind = OUTPUT_STDOUT;
		out->fd = STDOUT_FILENO;
		*ret_output = out;
		return 0;
	}
	out->kind = OUTPUT_FILE;
	rc = check_target(path, force, err);
	if (!rc)
		rc = open_temp(out, err);
	if (rc) {
		output_free(out);
		return rc;
	}
	*ret_output = out;
	return 0;
}

int oc_output_open_memory(struct oc_output **ret_output)
{
	struct oc_output *out = calloc(1, sizeof(*out));

	if (!out)
		return -ENOMEM;
	out->kind = OUTPUT_MEMORY;
	out->fd = -1;
	*ret_output = out;
	return 0;
}

static void write_all(struct oc_output *out, const char *data, size_t size)
{
	while (size && !out->error) {
		ssize_t n;

		if (atomic_load(&cancelled)) {
			out->error = -ECANCELED;
			return;
		}
		n = write(out->fd, data, MIN(size, WRITE_MAX));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			out->error = -errno;
			return;
		}
		data += n;
		size -= (size_t)n;
	}
}

int oc_output_write(struct oc_output *out, const void *data, size_t size)
{
	if (!out->error && atomic_load(&cancelled))
		out->error = -ECANCELED;
	if (out->error)
		return out->error;
	out->bytes += size;
	if (out->kind == OUTPUT_MEMORY || out->pending.len + size <= FLUSH_BYTES) {
		buffer_append(&out->pending, data, size);
		return out->error = out->pending.error;
	}
	write_all(out, out->pending.data, out->pending.len);
	buffer_clear(&out->pending);
	if (size > FLUSH_BYTES)
		write_all(out, data, size);
	else
		buffer_append(&out->pending, data, size);
	if (!out->error)
		out->error = out->pending.error;
	return out->error;
}

int oc_output_flush(struct oc_output *out)
{
	if (out->kind == OUTPUT_MEMORY)
		return out->error;
	write_all(out, out->pending.data, out->pending.len);
	buffer_clear(&out->pending);
	return out->error;
}

uint64_t oc_output_bytes(const struct oc_output *out)
{
	return out->bytes;
}

const void *oc_output_memory(const struct oc_output *out, size_t *ret_size)
{
	if (out->kind != OUTPUT_MEMORY)
		return NULL;
	*ret_size = out->pending.len;
	return out->pending.data ? out->pending.data : "";
}

static int publish(struct oc_output *out)
{
	int rc = os_publish(out->fd, out->temp_path, out->path, out->force);

	if (!rc)
		free(take_ptr(&out->temp_path));
	return rc;
}

int oc_output_commit(struct oc_output *out, struct oc_error *err)
{
	int rc;

	if (out->kind != OUTPUT_MEMORY)
		write_all(out, out->pending.data, out->pending.len);
	if (!out->error && atomic_load(&cancelled))
		out->error = -ECANCELED;
	if (!out->error && out->kind == OUTPUT_FILE)
		out->error = publish(out);
	rc = out->error;
	if (rc == -ENOSPC)
		oc_error_set(err, rc,
			     "no space left for output '%s' (%llu bytes so far); nothing was "
			     "written there",
			     out->path, (unsigned long long)out->bytes);
	else if (rc)
		oc_error_set(err, rc, "cannot write output '%s': %s",
			     out->path ? out->path : "memory", strerror(-rc));
	output_free(out);
	return rc;
}

void oc_output_abort(struct oc_output *out)
{
	if (out)
		output_free(out);
}

int output_pass_on(struct oc_output *out, struct buffer *b, size_t at_least)
{
	int rc = b->error;

	if (rc || b->len < at_least)
		return rc;
	rc = oc_output_write(out, b->data, b->len);
	buffer_clear(b);
	return rc;
}

void oc_output_cancel_all(void)
{
	atomic_store(&cancelled, true);
}
