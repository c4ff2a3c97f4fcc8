/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a Firefox profile tells of the recording as a whole, with the ledger.
 * Called by firefox.c.
 * Must not know threads or samples.
 *
 * Written is version 66 of the format: the application upgrades older files, so a file stays readable while newer
 * versions appear.
 */
#include "export/formats/firefox_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

#define VERSION       66
#define GECKO_VERSION 24

static void write_categories(struct json *j)
{
	static const char *const categories[][2] = {
		[FIREFOX_CATEGORY_OTHER] = { "Other", "grey" },
		[FIREFOX_CATEGORY_USER] = { "User", "yellow" },
		[FIREFOX_CATEGORY_KERNEL] = { "Kernel", "orange" },
		[FIREFOX_CATEGORY_JIT] = { "JIT", "green" },
	};

	json_key(j, "categories");
	json_array_begin(j);
	for (size_t i = 0; i < ARRAY_SIZE(categories); i++) {
		json_object_begin(j);
		json_key_string(j, "name", categories[i][0]);
		json_key_string(j, "color", categories[i][1]);
		json_key(j, "subcategories");
		json_array_begin(j);
		json_string(j, "Other");
		json_array_end(j);
		json_object_end(j);
	}
	json_array_end(j);
}

/* What was lost is shown by the application among the facts of the profile. */
static void write_ledger(struct firefox *f)
{
	struct json *j = &f->out.json;
	char *summary;

	if (oc_ledger_summary(oc_machine_ledger_const(f->m), &summary)) {
		firefox_fail(f);
		return;
	}
	json_key(j, "extra");
	json_array_begin(j);
	json_object_begin(j);
	json_key_string(j, "label", "Ledger");
	json_key(j, "entries");
	json_array_begin(j);
	for (char *line = summary, *end; (end = strchr(line, '\n')); line = end + 1) {
		json_object_begin(j);
		json_key_string(j, "label", "");
		json_key_string(j, "format", "string");
		json_key(j, "value");
		json_string_len(j, line, (size_t)(end - line));
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
	json_array_end(j);
	free(summary);
}

void firefox_write_meta(struct firefox *f)
{
	const struct oc_recording_info *info = oc_machine_info(f->m);
	const struct oc_kind *kind = oc_machine_kind(f->m, 1);
	struct json *j = &f->out.json;

	json_key(j, "meta");
	json_object_begin(j);
	json_key_u64(j, "version", GECKO_VERSION);
	json_key_u64(j, "preprocessedProfileVersion", VERSION);
	json_key(j, "interval");
	json_decimal(j, kind && kind->period_ns ? kind->period_ns : 1000000, FIREFOX_MS_DECIMALS);
	json_key(j, "startTime");
	json_decimal(j, info->start_wall_ns, FIREFOX_MS_DECIMALS);
	json_key(j, "startTimeAsClockMonotonicNanosecondsSinceBoot");
	json_u64(j, info->start_mono_ns);
	json_key_u64(j, "processType", 0);
	json_key(j, "product");
	json_machine_string(j, f->m, info->command ? info->command : info->hostname);
	json_key(j, "oscpu");
	json_machine_string(j, f->m, info->os);
	json_key_u64(j, "logicalCPUs", info->nr_cpus);
	json_key(j, "symbolicated");
	json_bool(j, true);
	json_key(j, "debug");
	json_bool(j, false);
	json_key(j, "usesOnlyOneStackType");
	json_bool(j, true);
	json_key(j, "sourceCodeIsNotOnSearchfox");
	json_bool(j, true);
	json_key_empty_array(j, "markerSchema");
	write_categories(j);
	json_key(j, "sampleUnits");
	json_object_begin(j);
	json_key_string(j, "time", "ms");
	json_key_string(j, "eventDelay", "ms");
	json_key_string(j, "threadCPUDelta", "\302\265s");
	json_object_end(j);
	json_key(j, "extensions");
	json_object_begin(j);
	json_key_empty_array(j, "baseURL");
	json_key_empty_array(j, "id");
	json_key_empty_array(j, "name");
	json_key_u64(j, "length", 0);
	json_object_end(j);
	write_ledger(f);
	json_object_end(j);
}
