/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a Windows trace with what is known beside it.
 * Used by src/recording_win32.c; whoever has but a file goes through onecollect/reader.h.
 */
#ifndef ETL_INPUT_H
#define ETL_INPUT_H

#include <onecollect/input.h>
#include <onecollect/machine.h>

struct etw_paths;

/*
 * As struct oc_reader's read(). add_volumes: tells what the prefixes of paths stand for where the trace itself does not;
 * returns 0 or -ENOMEM. NULL = nothing is known.
 */
int etl_input_read(const struct oc_input *in, struct oc_machine *m,
		   int (*add_volumes)(struct etw_paths *paths), struct oc_error *err);

#endif
