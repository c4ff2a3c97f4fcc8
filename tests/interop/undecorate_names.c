/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Undecorates names of Microsoft's compilers, for test_pdb.py, which compares them with llvm-undname.
 * Reads one name per line from standard input; prints what it became, "-" = it stays as it is.
 */
#include "base/macros.h"
#include "symbolize/undecorate.h"

int main(void)
{
	struct buffer out = BUFFER_INIT;
	char line[8192];

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		printf("%s\n", undecorate(line, false, &out) ? out.data : "-");
	}
	buffer_done(&out);
	return 0;
}
