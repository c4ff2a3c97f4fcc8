/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of the format table. A format is one file that defines a struct oc_format, and one row in registry.c.
 */
#ifndef FORMATS_PRIVATE_H
#define FORMATS_PRIVATE_H

#include <onecollect/format.h>

extern const struct oc_format oc_format_callgrind;        /* callgrind.c */
extern const struct oc_format oc_format_chrome;           /* chrome.c */
extern const struct oc_format oc_format_cpuprofile;       /* cpuprofile.c */
extern const struct oc_format oc_format_firefox;          /* firefox.c */
extern const struct oc_format oc_format_firefox_gz;       /* firefox.c */
extern const struct oc_format oc_format_folded;           /* folded.c */
extern const struct oc_format oc_format_html;             /* html.c */
extern const struct oc_format oc_format_jsonl;            /* jsonl.c */
extern const struct oc_format oc_format_perf_data;        /* perf_data.c */
extern const struct oc_format oc_format_perf_script;      /* perf_script.c */
extern const struct oc_format oc_format_nettrace;         /* nettrace.c */
extern const struct oc_format oc_format_octrace;          /* octrace.c */
extern const struct oc_format oc_format_otlp;             /* otlp.c */
extern const struct oc_format oc_format_parquet;          /* parquet.c */
extern const struct oc_format oc_format_perfetto;         /* perfetto.c */
extern const struct oc_format oc_format_perfview_xml;     /* perfview_xml.c */
extern const struct oc_format oc_format_perfview_xml_zip; /* perfview_xml.c */
extern const struct oc_format oc_format_pprof;            /* pprof.c */
extern const struct oc_format oc_format_speedscope;       /* speedscope.c */
extern const struct oc_format oc_format_svg;              /* svg.c */

/* The pprof writer with a gzip level of choice (1 to 9), for measuring. As struct oc_format's write(). */
int pprof_write(const struct oc_machine *m, struct oc_output *out, int gzip_level,
		struct oc_error *err);

#endif
