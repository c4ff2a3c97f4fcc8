/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loss ledger: names of its reasons, its invariants, and its two written forms.
 * Called by the machine (which owns one), by writers that carry it, and by the command that prints it.
 * Must not know who counts; it only adds up and prints.
 */
#include <onecollect/ledger.h>

#include <errno.h>

#include "base/human.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"

struct reason {
	const char *name;
	const char *text;
};

#define REASON(NAME, name, text) { name, text },
static const struct reason loss_reasons[OC_LOSS_COUNT] = { OC_LOSS_REASONS(REASON) };
static const struct reason stack_reasons[OC_STACK_COUNT] = { OC_STACK_REASONS(REASON) };
static const struct reason note_reasons[OC_NOTE_COUNT] = { OC_NOTES(REASON) };
#undef REASON

const char *oc_loss_name(enum oc_loss reason)
{
	return loss_reasons[reason].name;
}

const char *oc_loss_text(enum oc_loss reason)
{
	return loss_reasons[reason].text;
}

const char *oc_stack_reason_name(enum oc_stack_reason reason)
{
	return stack_reasons[reason].name;
}

const char *oc_stack_reason_text(enum oc_stack_reason reason)
{
	return stack_reasons[reason].text;
}

const char *oc_note_name(enum oc_note note)
{
	return note_reasons[note].name;
}

const char *oc_note_text(enum oc_note note)
{
	return note_reasons[note].text;
}

/* ---- sums --------------------------------------------------------------------------------------------------- */

static uint64_t sum(const uint64_t *counts, size_t nr)
{
	uint64_t total = 0;

	for (size_t i = 0; i < nr; i++)
		total += counts[i];
	return total;
}

uint64_t oc_ledger_lost(const struct oc_ledger_kind *kind)
{
	return sum(kind->lost, OC_LOSS_COUNT);
}

uint64_t oc_ledger_incomplete(const struct oc_ledger_kind *kind)
{
	return sum(kind->incomplete, OC_STACK_COUNT);
}

uint64_t oc_ledger_undelivered(const struct oc_ledger_kind *kind)
{
	uint64_t delivered = kind->idle + kind->filtered + kind->taken;

	return kind->due > delivered ? kind->due - delivered : 0;
}

double oc_ledger_loss_share(const struct oc_ledger *ledger)
{
	double worst = 0;

	for (uint32_t i = 0; i < ledger->nr_kinds; i++) {
		const struct oc_ledger_kind *kind = &ledger->kinds[i];
		/* What a filter dropped was asked to be dropped. */
		double lost = (double)(oc_ledger_lost(kind) - kind->lost[OC_LOSS_HOOK]);

		if (kind->taken)
			worst = MAX(worst, lost / (double)kind->taken);
		else if (lost > 0)
			worst = 1;
	}
	return MIN(worst, 1.0);
}

static bool kind_balanced(const struct oc_ledger_kind *kind)
{
	return kind->taken == kind->kept + oc_ledger_lost(kind) &&
	       kind->stacks == kind->complete + oc_ledger_incomplete(kind);
}

bool oc_ledger_balanced(const struct oc_ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->nr_kinds; i++) {
		if (!kind_balanced(&ledger->kinds[i]))
			return false;
	}
	return true;
}

/* ---- outputs ------------------------------------------------------------------------------------------------ */

int oc_ledger_add_output(struct oc_ledger *ledger, const char *path, const char *format,
			 uint64_t bytes, uint64_t samples)
{
	struct oc_ledger_output *grown;
	char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	grown = realloc(ledger->outputs, ((size_t)ledger->nr_outputs + 1) * sizeof(*grown));
	if (!grown) {
		free(copy);
		return -ENOMEM;
	}
	grown[ledger->nr_outputs++] = (struct oc_ledger_output){
		.path = copy,
		.format = format,
		.bytes = bytes,
		.samples = samples,
	};
	ledger->outputs = grown;
	return 0;
}

void oc_ledger_done(struct oc_ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->nr_outputs; i++)
		free(ledger->outputs[i].path);
	free(ledger->outputs);
	*ledger = (struct oc_ledger){ 0 };
}

/* ---- JSON --------------------------------------------------------------------------------------------------- */

static void json_reasons(struct json *j, const char *key, const struct reason *reasons,
			 const uint64_t *counts, size_t nr)
{
	json_key(j, key);
	json_object_begin(j);
	for (size_t i = 0; i < nr; i++) {
		if (counts[i])
			json_key_u64(j, reasons[i].name, counts[i]);
	}
	json_object_end(j);
}

static void json_kind(struct json *j, const struct oc_ledger_kind *kind)
{
	json_key(j, kind->name);
	json_object_begin(j);
	json_key(j, "unit");
	json_string(j, kind->unit);
	json_key_u64(j, "period_ns", kind->period_ns);
	json_key_u64(j, "due", kind->due);
	json_key_u64(j, "idle", kind->idle);
	json_key_u64(j, "filtered", kind->filtered);
	json_key_u64(j, "undelivered", oc_ledger_undelivered(kind));
	json_key_u64(j, "taken", kind->taken);
	json_key_u64(j, "kept", kind->kept);
	json_reasons(j, "lost", loss_reasons, kind->lost, OC_LOSS_COUNT);
	json_key_u64(j, "stacks", kind->stacks);
	json_key_u64(j, "complete", kind->complete);
	json_reasons(j, "incomplete", stack_reasons, kind->incomplete, OC_STACK_COUNT);
	json_object_end(j);
}

static void json_self(struct json *j, const struct oc_ledger_self *self)
{
	json_key(j, "self");
	json_object_begin(j);
	json_key(j, "user_s");
	json_double(j, self->user_s);
	json_key(j, "system_s");
	json_double(j, self->system_s);
	if (self->has_bpf_time) {
		json_key_u64(j, "bpf_ns", self->bpf_ns);
		json_key_u64(j, "bpf_runs", self->bpf_runs);
	}
	json_key_u64(j, "peak_rss_bytes", self->peak_rss_bytes);
	json_key_u64(j, "map_bytes", self->map_bytes);
	json_key_u64(j, "kernel_to_user_bytes", self->kernel_to_user_bytes);
	json_key(j, "start_ms");
	json_double(j, self->start_ms);
	json_key(j, "stop_ms");
	json_double(j, self->stop_ms);
	json_object_end(j);
}

static void json_outputs(struct json *j, const struct oc_ledger *ledger)
{
	json_key(j, "outputs");
	json_array_begin(j);
	for (uint32_t i = 0; i < ledger->nr_outputs; i++) {
		const struct oc_ledger_output *output = &ledger->outputs[i];

		json_object_begin(j);
		json_key(j, "path");
		json_string(j, output->path);
		json_key(j, "format");
		json_string(j, output->format);
		json_key_u64(j, "bytes", output->bytes);
		json_key_u64(j, "samples", output->samples);
		json_object_end(j);
	}
	json_array_end(j);
}

static void json_command(struct json *j, const struct oc_ledger_command *command)
{
	if (command->end == OC_COMMAND_NONE)
		return;
	json_key(j, "command");
	json_object_begin(j);
	if (command->end == OC_COMMAND_EXITED) {
		json_key(j, "exit_status");
		json_i64(j, command->code);
	} else if (command->end == OC_COMMAND_SIGNALED) {
		json_key(j, "signal");
		json_i64(j, command->code);
	} else {
		json_key(j, "running");
		json_bool(j, true);
	}
	json_object_end(j);
}

/* Hands the text over, or its error. */
static int take_text(struct buffer *text, char **ret_text)
{
	int rc;

	rc = buffer_reserve(text, 1);
	if (rc) {
		buffer_done(text);
		return rc;
	}
	*ret_text = take_ptr(&text->data);
	return 0;
}

int oc_ledger_json(const struct oc_ledger *ledger, char **ret_text)
{
	struct buffer text = BUFFER_INIT;
	struct json j;

	json_init(&j, &text);
	json_object_begin(&j);
	json_key_u64(&j, "version", 1);
	json_key_u64(&j, "duration_ns", ledger->duration_ns);
	json_key(&j, "kinds");
	json_object_begin(&j);
	for (uint32_t i = 0; i < ledger->nr_kinds; i++)
		json_kind(&j, &ledger->kinds[i]);
	json_object_end(&j);
	json_key(&j, "balanced");
	json_bool(&j, oc_ledger_balanced(ledger));
	json_reasons(&j, "notes", note_reasons, ledger->notes, OC_NOTE_COUNT);
	json_self(&j, &ledger->self);
	json_command(&j, &ledger->command);
	json_outputs(&j, ledger);
	json_key(&j, "exit");
	json_i64(&j, ledger->exit_code);
	json_object_end(&j);
	return take_text(&text, ret_text);
}

/* ---- for people --------------------------------------------------------------------------------------------- */

/* Every line begins with a label in a column of its own. */
#define LABEL       "%-10s"
#define LABEL_WIDTH 10

/* What the timer did not deliver is worth a word from this part of the due samples on. */
#define UNDELIVERED_PART 200

static void say_taken(struct buffer *out, const struct oc_ledger_kind *kind)
{
	/* Names of events can be longer than the column. */
	buffer_printf(out, LABEL "%s", kind->name, strlen(kind->name) < LABEL_WIDTH ? "" : " ");
	human_count(out, kind->kept);
	buffer_puts(out, " samples kept of ");
	human_count(out, kind->taken);
	buffer_puts(out, " taken");
	if (kind->due) {
		buffer_puts(out, "; ");
		human_count(out, kind->due);
		buffer_puts(out, " due");
		if (kind->period_ns)
			buffer_printf(out, " at %.6g Hz", 1e9 / (double)kind->period_ns);
	}
	if (kind->idle) {
		buffer_puts(out, ", ");
		human_count(out, kind->idle);
		buffer_puts(out, " idle");
	}
	if (kind->filtered) {
		buffer_puts(out, ", ");
		human_count(out, kind->filtered);
		buffer_puts(out, " of others");
	}
	/* A few are always between the starts and stops of the CPUs. */
	if (oc_ledger_undelivered(kind) * UNDELIVERED_PART > kind->due) {
		buffer_puts(out, ", ");
		human_count(out, oc_ledger_undelivered(kind));
		buffer_puts(out, " never delivered by the timer");
	}
	buffer_putc(out, '\n');
}

static void say_reasons(struct buffer *out, const char *label, const struct reason *reasons,
			const uint64_t *counts, size_t nr, uint64_t whole)
{
	for (size_t i = 0; i < nr; i++) {
		if (!counts[i])
			continue;
		buffer_printf(out, LABEL, label);
		human_count(out, counts[i]);
		if (whole) {
			buffer_puts(out, " (");
			human_share(out, counts[i], whole);
			buffer_putc(out, ')');
		}
		buffer_printf(out, " %s: %s\n", reasons[i].name, reasons[i].text);
	}
}

static void say_kind(struct buffer *out, const struct oc_ledger_kind *kind)
{
	say_taken(out, kind);
	say_reasons(out, "  lost", loss_reasons, kind->lost, OC_LOSS_COUNT, kind->taken);
	if (kind->stacks) {
		buffer_printf(out, LABEL, "  stacks");
		human_share(out, kind->complete, kind->stacks);
		buffer_puts(out, " reach their root (");
		human_count(out, kind->complete);
		buffer_puts(out, " of ");
		human_count(out, kind->stacks);
		buffer_puts(out, ")\n");
	}
	say_reasons(out, "  cut", stack_reasons, kind->incomplete, OC_STACK_COUNT, kind->stacks);
	if (!kind_balanced(kind))
		buffer_printf(out,
			      LABEL "the counts of %s do not add up: a bug, please report it\n",
			      "warning", kind->name);
}

static void say_cost(struct buffer *out, const struct oc_ledger *ledger)
{
	const struct oc_ledger_self *self = &ledger->self;
	double bpf_s = self->has_bpf_time ? (double)self->bpf_ns / 1e9 : 0;
	double cpu_s = self->user_s + self->system_s + bpf_s;

	/* A recording that was read from a file, say, has no cost of its own. */
	if (cpu_s <= 0 && !self->peak_rss_bytes)
		return;
	buffer_printf(out, LABEL "%.3f s CPU", "cost", cpu_s);
	if (ledger->duration_ns) {
		buffer_puts(out, " in ");
		human_duration(out, ledger->duration_ns);
		/* Of a recording that is shorter than its own start a share says nothing. */
		if (cpu_s * 1e9 <= (double)ledger->duration_ns)
			buffer_printf(out, " = %.2f %% of a CPU",
				      100 * cpu_s * 1e9 / (double)ledger->duration_ns);
	}
	buffer_printf(out, " (user %.3f, system %.3f", self->user_s, self->system_s);
	if (self->has_bpf_time)
		buffer_printf(out, ", BPF %.3f", bpf_s);
	buffer_puts(out, ")\n");
	buffer_printf(out, LABEL, "memory");
	human_bytes(out, self->peak_rss_bytes + self->map_bytes);
	buffer_puts(out, " (process ");
	human_bytes(out, self->peak_rss_bytes);
	buffer_puts(out, ", kernel ");
	human_bytes(out, self->map_bytes);
	buffer_puts(out, "); from the kernel ");
	human_bytes(out, self->kernel_to_user_bytes);
	buffer_printf(out, "; started in %.0f ms, stopped in %.0f ms\n", self->start_ms,
		      self->stop_ms);
}

static void say_output(struct buffer *out, const struct oc_ledger_output *output)
{
	buffer_printf(out, LABEL, "wrote");
	text_clean(out, output->path, strlen(output->path));
	buffer_printf(out, " (%s, ", output->format);
	human_bytes(out, output->bytes);
	buffer_puts(out, ", ");
	human_count(out, output->samples);
	buffer_puts(out, " samples)\n");
}

static void say_command(struct buffer *out, const struct oc_ledger_command *command)
{
	if (command->end == OC_COMMAND_EXITED)
		buffer_printf(out, LABEL "exited with status %d\n", "command", command->code);
	else if (command->end == OC_COMMAND_SIGNALED)
		buffer_printf(out, LABEL "was killed by signal %d\n", "command", command->code);
	else if (command->end == OC_COMMAND_RUNNING)
		buffer_printf(out, LABEL "was still running; it was sent SIGTERM\n", "command");
}

int oc_ledger_summary(const struct oc_ledger *ledger, char **ret_text)
{
	struct buffer text = BUFFER_INIT;

	for (uint32_t i = 0; i < ledger->nr_kinds; i++)
		say_kind(&text, &ledger->kinds[i]);
	say_reasons(&text, "note", note_reasons, ledger->notes, OC_NOTE_COUNT, 0);
	say_cost(&text, ledger);
	say_command(&text, &ledger->command);
	for (uint32_t i = 0; i < ledger->nr_outputs; i++)
		say_output(&text, &ledger->outputs[i]);
	return take_text(&text, ret_text);
}
