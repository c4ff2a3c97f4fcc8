/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names generated code by the perf map that its process wrote.
 * Called by the symbolize pass, at its end.
 * Must not know other modules.
 */
#include "symbolize/symbolizer_private.h"

#include <errno.h>

#include "base/macros.h"
#include "symbolize/perf_map.h"

int naming_jit(struct naming_run *run, const struct naming_place *places, size_t nr)
{
	oc_process_id process = places[0].group;
	struct symbol_match match __cleanup(symbol_match_done) = { 0 };
	const struct oc_process *facts = oc_machine_process(run->m, process);
	const struct buffer *text = NULL;
	const char *name;
	uint64_t skipped = 0;
	size_t len;
	int rc = 0;

	/* One that was not noted while it lived: its pid is only known to be still its own if it has not ended. */
	if (facts && facts->end_ns == UINT64_MAX)
		rc = jit_processes_note(&run->s->jits, process, facts->pid);
	if (!rc)
		rc = jit_processes_map(&run->s->jits, run->m, process, &text);
	if (rc || !text)
		return rc;
	rc = symbol_match_init(&match, naming_offsets(run, places, nr), nr, SYMBOL_LATEST, NULL,
			       NULL);
	if (rc)
		return rc;
	rc = perf_map_match(text->data, text->len, &match, &skipped);
	oc_machine_ledger(run->m)->notes[OC_NOTE_PERF_MAP_LINES] += skipped;
	if (rc == -E2BIG)
		oc_machine_ledger(run->m)->notes[OC_NOTE_PERF_MAPS_REFUSED]++;
	for (size_t i = 0; !rc && i < nr; i++) {
		const struct symbol *symbol = symbol_match_get(&match, i);

		if (!symbol)
			continue;
		len = perf_map_name(text, symbol->name, &name);
		buffer_clear(&run->raw);
		buffer_append(&run->raw, name, len);
		if (run->raw.error)
			return -ENOMEM;
		rc = naming_set_function(
			run, places[i].location,
			naming_add_function(run,
					    oc_machine_location(run->m, places[i].location)->module,
					    NULL, 0));
	}
	jit_processes_drop(&run->s->jits, process);
	return rc == -E2BIG ? 0 : rc;
}
