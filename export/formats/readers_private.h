/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of the table of input formats. One is a file that defines a struct oc_reader, and one row in readers.c.
 */
#ifndef READERS_PRIVATE_H
#define READERS_PRIVATE_H

#include <onecollect/reader.h>

extern const struct oc_reader oc_reader_octrace;   /* octrace_read.c */
extern const struct oc_reader oc_reader_etl;       /* src/etl_input.c */
extern const struct oc_reader oc_reader_perf_data; /* src/perf_data_input.c */
extern const struct oc_reader oc_reader_pprof;     /* pprof_read.c */
extern const struct oc_reader oc_reader_folded;    /* folded_read.c */

#endif
