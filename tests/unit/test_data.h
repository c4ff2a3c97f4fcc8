/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that tests read and the project does not hold: real recordings of others.
 * They are looked for in $ONECOLLECT_TEST_DATA, default ../shared/data seen from the project's folder.
 */
#ifndef TESTS_TEST_DATA_H
#define TESTS_TEST_DATA_H

#include "base/buffer.h"

/*
 * Reads a file; when there is only `name`.xz, that one, unpacked. When there is neither, the calling test is skipped
 * and says so.
 */
void test_data_read(const char *name, struct buffer *ret_bytes);

#endif
