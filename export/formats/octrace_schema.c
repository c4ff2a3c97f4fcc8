/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of .octrace files: their columns, and the numbers of the ledger.
 * Called by the writer and by the reader.
 * Must not write or read anything.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "export/formats/octrace_private.h"

static const struct octrace_schema schemas[OCTRACE_NR_TYPES] = {
	[OCTRACE_INFO] = { "info", "88884414444", "", false, false },
	[OCTRACE_STRING] = { "string", "4", "1", true, false },
	[OCTRACE_KIND] = { "kind", "184", "1", true, false },
	[OCTRACE_PROCESS] = { "process", "4444444488", "", true, true },
	[OCTRACE_THREAD] = { "thread", "4444", "", true, true },
	[OCTRACE_MODULE] = { "module", "1144884", "1", true, true },
	[OCTRACE_MAPPING] = { "mapping", "4488888", "", true, true },
	[OCTRACE_FUNCTION] = { "function", "44444", "", true, false },
	[OCTRACE_LOCATION] = { "location", "4488", "", true, false },
	[OCTRACE_LINES] = { "lines", "44", "44", false, false },
	[OCTRACE_STACK] = { "stack", "4", "4", true, false },
	[OCTRACE_ATTRS] = { "attrs", "44", "418", true, false },
	[OCTRACE_LINK] = { "link", "44", "", false, false },
	[OCTRACE_SPAN] = { "span", "4884", "", true, false },
	[OCTRACE_SAMPLE] = { "sample", "888144444", "", false, false },
	[OCTRACE_LAYOUT_NODE] = { "layout node", "444", "", true, false },
	[OCTRACE_LAYOUT_VERSION] = { "layout version", "484", "", false, false },
	[OCTRACE_LEDGER] = { "ledger", "448", "", false, false },
	[OCTRACE_STACK_COUNTS] = { "stack counts", "418", "", false, false },
	[OCTRACE_SYMBOL_FILE] = { "symbol file", "44", "", false, false },
	[OCTRACE_END] = { "end", "448", "888", false, false },
};

const struct octrace_schema *octrace_schema(uint32_t type)
{
	return type && type < OCTRACE_NR_TYPES ? &schemas[type] : NULL;
}

unsigned int octrace_widths(const struct octrace_schema *schema, uint8_t *widths,
			    unsigned int *ret_row_columns)
{
	unsigned int nr = 0;

	for (const char *digit = schema->rows; *digit; digit++)
		widths[nr++] = (uint8_t)(*digit - '0');
	*ret_row_columns = nr;
	for (const char *digit = schema->elements; *digit; digit++)
		widths[nr++] = (uint8_t)(*digit - '0');
	return nr;
}

uint64_t octrace_checksum(const uint8_t *header, const void *content, size_t size)
{
	XXH64_state_t state;

	XXH64_reset(&state, 0);
	XXH64_update(&state, header, 32);
	XXH64_update(&state, content, size);
	return XXH64_digest(&state);
}

uint64_t octrace_header_checksum(const uint8_t *header)
{
	return XXH64(header, 16, 0);
}

/* ---- ledger ---- */

/* Who adds a number to the ledger is to add it below, and to docs/octrace.md. */
_Static_assert(sizeof(struct oc_ledger_self) == 10 * sizeof(uint64_t),
	       "a new number of the recorder");
_Static_assert(sizeof(struct oc_ledger_kind) ==
		       48 + (8 + OC_LOSS_COUNT + OC_STACK_COUNT) * sizeof(uint64_t),
	       "a new number of a kind");

typedef int (*number_fn)(void *arg, const struct octrace_ledger_number *number);

static int each_of_whole(struct oc_ledger *l, number_fn fn, void *arg)
{
	const struct octrace_ledger_number numbers[] = {
		{ OCTRACE_ITEM_DURATION, 0, { .u64 = &l->duration_ns }, 'u' },
		{ OCTRACE_ITEM_EXIT_CODE, 0, { .i32 = &l->exit_code }, 'i' },
		{ OCTRACE_ITEM_COMMAND_END, 0, { .end = &l->command.end }, 'e' },
		{ OCTRACE_ITEM_COMMAND_CODE, 0, { .i32 = &l->command.code }, 'i' },
		{ OCTRACE_ITEM_USER_S, 0, { .f64 = &l->self.user_s }, 'd' },
		{ OCTRACE_ITEM_SYSTEM_S, 0, { .f64 = &l->self.system_s }, 'd' },
		{ OCTRACE_ITEM_HAS_BPF_TIME, 0, { .flag = &l->self.has_bpf_time }, 'b' },
		{ OCTRACE_ITEM_BPF_NS, 0, { .u64 = &l->self.bpf_ns }, 'u' },
		{ OCTRACE_ITEM_BPF_RUNS, 0, { .u64 = &l->self.bpf_runs }, 'u' },
		{ OCTRACE_ITEM_PEAK_RSS, 0, { .u64 = &l->self.peak_rss_bytes }, 'u' },
		{ OCTRACE_ITEM_MAP_BYTES, 0, { .u64 = &l->self.map_bytes }, 'u' },
		{ OCTRACE_ITEM_KERNEL_TO_USER, 0, { .u64 = &l->self.kernel_to_user_bytes }, 'u' },
		{ OCTRACE_ITEM_START_MS, 0, { .f64 = &l->self.start_ms }, 'd' },
		{ OCTRACE_ITEM_STOP_MS, 0, { .f64 = &l->self.stop_ms }, 'd' },
	};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(numbers) && !rc; i++)
		rc = fn(arg, &numbers[i]);
	for (uint32_t i = 0; i < OC_NOTE_COUNT && !rc; i++)
		rc = fn(arg, &(struct octrace_ledger_number){
				     OCTRACE_ITEM_NOTE + i, 0, { .u64 = &l->notes[i] }, 'u' });
	return rc;
}

static int each_of_kind(struct oc_ledger *l, uint32_t id, number_fn fn, void *arg)
{
	struct oc_ledger_kind *k = &l->kinds[id - 1];
	const struct octrace_ledger_number numbers[] = {
		{ OCTRACE_ITEM_DUE, id, { .u64 = &k->due }, 'u' },
		{ OCTRACE_ITEM_IDLE, id, { .u64 = &k->idle }, 'u' },
		{ OCTRACE_ITEM_FILTERED, id, { .u64 = &k->filtered }, 'u' },
		{ OCTRACE_ITEM_TAKEN, id, { .u64 = &k->taken }, 'u' },
		{ OCTRACE_ITEM_KEPT, id, { .u64 = &k->kept }, 'u' },
		{ OCTRACE_ITEM_STACKS, id, { .u64 = &k->stacks }, 'u' },
		{ OCTRACE_ITEM_COMPLETE, id, { .u64 = &k->complete }, 'u' },
	};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(numbers) && !rc; i++)
		rc = fn(arg, &numbers[i]);
	for (uint32_t i = 0; i < OC_LOSS_COUNT && !rc; i++)
		rc = fn(arg, &(struct octrace_ledger_number){
				     OCTRACE_ITEM_LOST + i, id, { .u64 = &k->lost[i] }, 'u' });
	for (uint32_t i = 0; i < OC_STACK_COUNT && !rc; i++)
		rc = fn(arg, &(struct octrace_ledger_number){ OCTRACE_ITEM_INCOMPLETE + i,
							      id,
							      { .u64 = &k->incomplete[i] },
							      'u' });
	return rc;
}

int octrace_each_number(struct oc_ledger *ledger,
			int (*fn)(void *arg, const struct octrace_ledger_number *number), void *arg)
{
	int rc = each_of_whole(ledger, fn, arg);

	for (uint32_t id = 1; id <= ledger->nr_kinds && !rc; id++)
		rc = each_of_kind(ledger, id, fn, arg);
	return rc;
}
