/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns --symbol-server and its kin into what the library takes.
 * Called by main().
 * Must not know how servers are asked.
 */
#include "cli/servers.h"

#include <errno.h>

#include <onecollect/symbolize.h>

#include "base/array.h"
#include "base/macros.h"
#include "cli/answer.h"

/* The word that stands for the servers of the environment. */
#define DEBUGINFOD "debuginfod"
#define BLANKS     " \t\n"

/* Addresses, some of them in `words`. */
struct url_list {
	const char **items;
	size_t nr;
	size_t cap;
	char *words; /* a copy of $DEBUGINFOD_URLS, cut */
};

static void tell(void *arg, const char *text)
{
	console_warn(arg, "%s", text);
}

static void begin(void *arg, uint32_t nr_files)
{
	console_note(arg, "asking symbol servers for %u files", nr_files);
}

static int add_url(struct url_list *list, const char *url)
{
	if (array_reserve(&list->items, &list->cap, list->nr + 1, sizeof(*list->items)))
		return -ENOMEM;
	list->items[list->nr++] = url;
	return 0;
}

/* Source: debuginfod-client-config(7): addresses, and words such as "ima:enforcing" on those that follow. */
static int add_words(struct url_list *list, const char *urls)
{
	char *at;

	free(list->words);
	list->words = strdup(urls);
	if (!list->words)
		return -ENOMEM;
	for (at = list->words + strspn(list->words, BLANKS); *at; at += strspn(at, BLANKS)) {
		char *end = at + strcspn(at, BLANKS);
		bool is_last = !*end;

		*end = '\0';
		if (strncmp(at, "ima:", 4) && add_url(list, at))
			return -ENOMEM;
		at = end + !is_last;
	}
	return 0;
}

static int list_urls(struct url_list *list, const struct options *o, char *const *env,
		     struct oc_error *err)
{
	const char *words = options_env_value(env, "DEBUGINFOD_URLS");

	for (size_t i = 0; i < o->symbol_servers.nr; i++) {
		const char *url = o->symbol_servers.items[i];
		bool is_word = !strcmp(url, DEBUGINFOD);

		if (is_word && !words)
			return oc_error_set(
				err, -EINVAL,
				"--symbol-server debuginfod: DEBUGINFOD_URLS is not set; name "
				"the server");
		/* Its copy is kept once. */
		if (is_word && list->words)
			continue;
		if (is_word ? add_words(list, words) : add_url(list, url))
			return oc_error_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

/* The folder of the user's caches, as the XDG Base Directory Specification has it. */
static int put_folder(struct buffer *out, const struct options *o, char *const *env,
		      struct oc_error *err)
{
	const char *caches = options_env_value(env, "XDG_CACHE_HOME");
	const char *home = options_env_value(env, "HOME");

	if (o->symbol_cache)
		buffer_puts(out, o->symbol_cache);
	else if (caches && *caches == '/')
		buffer_printf(out, "%s/onecollect/symbols", caches);
	else if (home && *home == '/')
		buffer_printf(out, "%s/.cache/onecollect/symbols", home);
	/* Without any the library says what to do. */
	return out->error ? oc_error_set(err, -ENOMEM, "out of memory") : 0;
}

static int make(struct options *o, char *const *env, const struct console *c, struct oc_error *err)
{
	struct buffer folder __cleanup(buffer_done) = BUFFER_INIT;
	struct url_list list = { 0 };
	struct oc_symbol_servers_opts opts = {
		.size = sizeof(opts),
		.max_ns = o->symbol_timeout_ns,
		.max_bytes = o->symbol_limit_bytes,
		.tell = tell,
		.begin = begin,
		.arg = (void *)c,
	};
	int rc = list_urls(&list, o, env, err);

	rc = rc ? rc : put_folder(&folder, o, env, err);
	if (!rc) {
		opts.urls = list.items;
		opts.nr_urls = (uint32_t)MIN(list.nr, UINT32_MAX);
		opts.folder = folder.data;
		rc = oc_symbol_servers_new(&opts, &o->servers, err);
	}
	free(list.items);
	free(list.words);
	return rc;
}

int servers_from_options(struct options *o, char *const *env, const struct console *c)
{
	struct oc_error err = { 0 };
	int rc;

	if (o->no_symbols || (!o->symbol_servers.nr && !o->symbol_cache))
		return OC_EXIT_OK;
	rc = make(o, env, c, &err);
	if (!rc)
		return OC_EXIT_OK;
	console_error(c, "%s", err.message);
	/* That a folder cannot be written to is no privilege that is missing. */
	return rc == -EINVAL || rc == -EOPNOTSUPP ? answer_exit_code(rc) : OC_EXIT_FAILED;
}
