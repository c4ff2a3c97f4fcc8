/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inputs with random access: files, pipes read into memory, memory.
 * Called by readers of formats and by whoever opens their files.
 * Must not know any format.
 */
#include <onecollect/input.h>

#include <errno.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file_io.h"
#include "base/macros.h"
#include "base/os.h"

#define PIPE_MAX ((size_t)1 << 30)

struct oc_input {
	int fd; /* -1: `data` is all there is */
	const uint8_t *data;
	uint64_t size;
	struct buffer pipe; /* owns `data` when it came through a pipe */
	char *name;
};

static int input_new(const char *name, struct oc_input **ret_input)
{
	struct oc_input *in = calloc(1, sizeof(*in));

	if (!in)
		return -ENOMEM;
	in->fd = -1;
	in->name = strdup(name);
	if (!in->name) {
		free(in);
		return -ENOMEM;
	}
	*ret_input = in;
	return 0;
}

static int read_pipe(struct oc_input *in, struct oc_error *err)
{
	int rc = buffer_read_fd(&in->pipe, in->fd, PIPE_MAX);

	if (rc == -EFBIG)
		return oc_error_set(
			err, rc,
			"more than 1 GiB came through the pipe '%s'; write it to a file "
			"first",
			in->name);
	if (rc)
		return oc_error_set(err, rc, "cannot read '%s': %s", in->name, strerror(-rc));
	if (in->fd != STDIN_FILENO)
		close(in->fd);
	in->fd = -1;
	in->data = (const uint8_t *)in->pipe.data;
	in->size = in->pipe.len;
	return 0;
}

static int open_file(struct oc_input *in, const char *path, struct oc_error *err)
{
	struct os_file file;
	int rc = strcmp(path, "-") ? os_open_read(path) : STDIN_FILENO;

	if (rc >= 0) {
		in->fd = rc;
		rc = os_file_of(in->fd, &file);
	}
	if (rc < 0 && rc != -EISDIR)
		return oc_error_set(err, rc, "cannot read '%s': %s", path, strerror(-rc));
	if (rc == -EISDIR || file.type == OS_FILE_DIRECTORY)
		return oc_error_set(err, -EISDIR, "'%s' is a directory; name a file in it", path);
	if (file.type == OS_FILE_PIPE || (in->fd == STDIN_FILENO && file.type != OS_FILE_REGULAR))
		return read_pipe(in, err);
	if (file.type != OS_FILE_REGULAR)
		return oc_error_set(err, -EINVAL, "'%s' is neither a file nor a pipe", path);
	in->size = file.size;
	return 0;
}

int oc_input_open(const char *path, struct oc_input **ret_input, struct oc_error *err)
{
	struct oc_input *in;
	int rc = input_new(path, &in);

	if (rc)
		return oc_error_set(err, rc, "out of memory");
	rc = open_file(in, path, err);
	if (rc) {
		oc_input_close(in);
		return rc;
	}
	*ret_input = in;
	return 0;
}

int oc_input_open_memory(const void *data, size_t size, struct oc_input **ret_input)
{
	int rc = input_new("memory", ret_input);

	if (rc)
		return rc;
	(*ret_input)->data = data;
	(*ret_input)->size = size;
	return 0;
}

int64_t oc_input_read_at(const struct oc_input *in, uint64_t offset, void *data, size_t size)
{
	if (offset >= in->size)
		return 0;
	size = (size_t)MIN((uint64_t)size, in->size - offset);
	if (in->fd < 0) {
		memcpy(data, in->data + offset, size);
		return (int64_t)size;
	}
	return file_read_at(in->fd, data, size, offset);
}

uint64_t oc_input_size(const struct oc_input *in)
{
	return in->size;
}

const char *oc_input_name(const struct oc_input *in)
{
	return in->name;
}

void oc_input_close(struct oc_input *in)
{
	if (!in)
		return;
	if (in->fd >= 0 && in->fd != STDIN_FILENO)
		close(in->fd);
	buffer_done(&in->pipe);
	free(in->name);
	free(in);
}
