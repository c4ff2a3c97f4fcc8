/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fuzz target over stored inputs, without libFuzzer: each argument is a file.
 * Prints how many there were. A target that finds something wrong ends the program by a signal.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/macros.h"

#define INPUT_MAX ((size_t)64 * 1024 * 1024)

int main(int argc, char **argv)
{
	struct buffer input = BUFFER_INIT;

	for (int i = 1; i < argc; i++) {
		int fd = open(argv[i], O_RDONLY | O_CLOEXEC);

		buffer_clear(&input);
		if (fd < 0 || buffer_read_fd(&input, fd, INPUT_MAX)) {
			perror(argv[i]);
			return 1;
		}
		close(fd);
		LLVMFuzzerTestOneInput((const uint8_t *)input.data, input.len);
	}
	buffer_done(&input);
	printf("%d inputs\n", argc - 1);
	return 0;
}
