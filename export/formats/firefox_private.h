/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the Firefox Profiler writer share; each writes its stretch of the document.
 * Used by export/formats/firefox*.c alone.
 */
#ifndef FORMATS_FIREFOX_PRIVATE_H
#define FORMATS_FIREFOX_PRIVATE_H

#include <onecollect/machine.h>
#include <stdint.h>

#include "export/formats/json_output.h"
#include "export/numbering.h"
#include "export/stack_tree.h"
#include "export/text_table.h"
#include "export/thread_samples.h"

/* Times are milliseconds, with so many decimals they are exact. */
#define FIREFOX_MS_DECIMALS 6

/* Of frames; the list of them is in the file's facts. */
enum firefox_category {
	FIREFOX_CATEGORY_OTHER,
	FIREFOX_CATEGORY_USER,
	FIREFOX_CATEGORY_KERNEL,
	FIREFOX_CATEGORY_JIT
};

struct firefox {
	const struct oc_machine *m;
	struct json_output out;
	struct stack_tree tree;    /* by place */
	struct numbering frames;   /* of places: index in frameTable + 1 */
	struct numbering codes;    /* index in funcTable + 1 */
	struct numbering modules;  /* index in libs and resourceTable + 1 */
	struct text_table sources; /* source files: index in sources + 1 */
	struct text_table texts;   /* index in stringArray + 1 */
	int error;
};

/* Notes that memory ran out. */
void firefox_fail(struct firefox *f);

/* Writes "meta": facts of the recording, categories, the ledger. */
void firefox_write_meta(struct firefox *f);
/*
 * Writes "threads": each with its samples, whose stacks are added to f->tree.
 * Returns 0, or the error that ended it.
 */
int firefox_write_threads(struct firefox *f, const struct thread_samples *ts);
/* Writes "shared": the tables of stacks, frames, functions and texts, and numbers the modules. To follow the threads. */
void firefox_write_shared(struct firefox *f);
/* Writes "libs": the modules that have a number. */
void firefox_write_libraries(struct firefox *f);

#endif
