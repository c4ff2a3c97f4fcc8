/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `record-trace check`: feature by feature, what works on this machine, why not, and what would fix it.
 * Called by main().
 * Must not know any feature by name: the library tries them and says so.
 */
#include "cli/commands.h"

#include <onecollect/recording.h>

#include "base/json.h"
#include "base/macros.h"

struct state_words {
	const char *word;
	enum style style;
};

static const struct state_words state_words[] = {
	[OC_CHECK_OK] = { "ok", STYLE_GOOD },
	[OC_CHECK_LIMITED] = { "limited", STYLE_WARN },
	[OC_CHECK_MISSING] = { "missing", STYLE_BAD },
};

#define STATE_WIDTH 8
#define NAME_WIDTH  18

/* What a machine cannot do weighs more than what this user may not do. */
static int exit_code_for(const struct oc_check *checks, int nr)
{
	int exit_code = OC_EXIT_OK;

	for (int i = 0; i < nr; i++) {
		if (!checks[i].required || checks[i].state != OC_CHECK_MISSING)
			continue;
		if (!checks[i].needs_privilege)
			return OC_EXIT_UNSUPPORTED;
		exit_code = OC_EXIT_PRIVILEGE;
	}
	return exit_code;
}

static bool all_required_work(const struct oc_check *checks, int nr)
{
	return exit_code_for(checks, nr) == OC_EXIT_OK;
}

static void check_text(struct buffer *out, const struct stream *s, const struct oc_check *checks,
		       int nr)
{
	for (int i = 0; i < nr; i++) {
		const struct oc_check *check = &checks[i];
		const struct state_words *state = &state_words[check->state];

		buffer_printf(out, "%s%-*s%s%-*s %s\n", style_begin(s, state->style), STATE_WIDTH,
			      state->word, style_end(s, state->style), NAME_WIDTH, check->name,
			      check->what);
		if (*check->why)
			buffer_printf(out, "%*s%s\n", STATE_WIDTH + NAME_WIDTH + 1, "", check->why);
		if (*check->fix)
			buffer_printf(out, "%*s%sfix: %s%s\n", STATE_WIDTH + NAME_WIDTH + 1, "",
				      style_begin(s, STYLE_BOLD), check->fix,
				      style_end(s, STYLE_BOLD));
	}
	buffer_printf(out, "\n%s\n",
		      all_required_work(checks, nr)
			      ? "record-trace can record this machine."
			      : "record-trace cannot record this whole machine as things are.");
}

static void check_json(struct buffer *out, const struct oc_check *checks, int nr)
{
	struct json j;

	json_init(&j, out);
	json_object_begin(&j);
	json_key(&j, "version");
	json_u64(&j, 1);
	json_key(&j, "ok");
	json_bool(&j, all_required_work(checks, nr));
	json_key(&j, "checks");
	json_array_begin(&j);
	for (int i = 0; i < nr; i++) {
		json_object_begin(&j);
		json_key(&j, "name");
		json_string(&j, checks[i].name);
		json_key(&j, "what");
		json_string(&j, checks[i].what);
		json_key(&j, "state");
		json_string(&j, state_words[checks[i].state].word);
		json_key(&j, "required");
		json_bool(&j, checks[i].required);
		json_key(&j, "why");
		json_string(&j, checks[i].why);
		json_key(&j, "fix");
		json_string(&j, checks[i].fix);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	buffer_putc(out, '\n');
}

int cmd_check(const struct options *o, const struct console *c)
{
	struct oc_check *checks = NULL;
	struct buffer text = BUFFER_INIT;
	int nr = oc_check_run(&checks);
	int exit_code, rc;

	if (nr < 0) {
		console_error(c, "cannot check this machine: %s", strerror(-nr));
		return OC_EXIT_FAILED;
	}
	if (o->json)
		check_json(&text, checks, nr);
	else
		check_text(&text, &c->out, checks, nr);
	exit_code = exit_code_for(checks, nr);
	rc = console_print(c, &text);
	buffer_done(&text);
	free(checks);
	return rc ? OC_EXIT_FAILED : exit_code;
}
