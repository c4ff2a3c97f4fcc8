/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP by libcurl, which is loaded for it.
 * Called by symbol_server.c.
 * Must not know what is fetched, or why.
 */
#include "symbolize/http_get.h"

#include <dlfcn.h>
#include <errno.h>
#include <strings.h>

#include <onecollect/version.h>

#include "base/macros.h"

#define REDIRECTS_MAX 5L
/* Bytes per second below which a transfer counts as stalled. */
#define SLOW_BYTES 1024L
#define POLL_MS    100

/* ---- the library --------------------------------------------------------------------------------------------- */

struct function {
	const char *name;
	size_t offset; /* in struct curl_abi */
};

#define FUNCTION(member)                                           \
	{                                                          \
		"curl_" #member, offsetof(struct curl_abi, member) \
	}

static const struct function functions[] = {
	FUNCTION(global_init),   FUNCTION(easy_init),        FUNCTION(easy_setopt),
	FUNCTION(easy_getinfo),  FUNCTION(easy_strerror),    FUNCTION(easy_cleanup),
	FUNCTION(multi_init),    FUNCTION(multi_add_handle), FUNCTION(multi_remove_handle),
	FUNCTION(multi_perform), FUNCTION(multi_poll),       FUNCTION(multi_info_read),
	FUNCTION(multi_cleanup),
};

static int find_functions(struct http *h, struct oc_error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		void *function = dlsym(h->library, functions[i].name);

		if (!function)
			return oc_error_set(err, -EOPNOTSUPP,
					    "libcurl is too old to download symbols: it has no %s",
					    functions[i].name);
		memcpy((char *)&h->curl + functions[i].offset, &function, sizeof(function));
	}
	return 0;
}

static int load(struct http *h, struct oc_error *err)
{
	static const char *const names[] = { CURL_ABI_LIBRARY, CURL_ABI_LIBRARY_GNUTLS };
	/* The TLS library behind it cannot be unloaded: it leaves functions to be called at exit. */
	const int flags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
	char why[256] = "";

	for (size_t i = 0; !h->library && i < ARRAY_SIZE(names); i++) {
		h->library = dlopen(names[i], flags);
		/* What dlerror() gives is gone with the next attempt; that of the first tells more. */
		if (!h->library && !*why)
			snprintf(why, sizeof(why), "%s", dlerror());
	}
	if (!h->library)
		return oc_error_set(
			err, -EOPNOTSUPP,
			"downloading symbols needs libcurl, which cannot be loaded (%s); on "
			"Debian: apt-get install libcurl4",
			why);
	return find_functions(h, err);
}

static size_t on_data(char *data, size_t one, size_t size, void *arg)
{
	struct http_transfer *t = arg;
	const struct http_client *client = t->http->client;

	size *= one;
	/* Servers need not say a size, nor keep to it. */
	if (size > t->request.max_bytes - t->bytes) {
		t->is_too_large = true;
		return 0;
	}
	t->bytes += size;
	if (client->write(client->arg, t->request.arg, data, size)) {
		t->is_not_taken = true;
		return 0;
	}
	return size;
}

/* What is the same for all requests. Returns 0, -EOPNOTSUPP or -ENOMEM. */
static int init_transfer(struct http *h, struct http_transfer *t)
{
	int (*set)(void *easy, int option, ...) = h->curl.easy_setopt;
	int bad = 0;

	t->http = h;
	t->easy = h->curl.easy_init();
	if (!t->easy)
		return -ENOMEM;
	/* Signals would be libcurl's way to end a slow name look-up; they are the program's. */
	bad |= set(t->easy, CURL_ABI_NO_SIGNAL, 1L);
	bad |= set(t->easy, CURL_ABI_PROTOCOLS, "http,https");
	bad |= set(t->easy, CURL_ABI_FOLLOW_LOCATION, 1L);
	bad |= set(t->easy, CURL_ABI_MAX_REDIRECTS, REDIRECTS_MAX);
	bad |= set(t->easy, CURL_ABI_FAIL_ON_ERROR, 1L);
	bad |= set(t->easy, CURL_ABI_CONNECT_TIMEOUT_MS, (long)h->stall_s * 1000);
	bad |= set(t->easy, CURL_ABI_LOW_SPEED_LIMIT, SLOW_BYTES);
	bad |= set(t->easy, CURL_ABI_LOW_SPEED_TIME, (long)h->stall_s);
	bad |= set(t->easy, CURL_ABI_USER_AGENT, "onecollect/" OC_VERSION);
	bad |= set(t->easy, CURL_ABI_ERROR_BUFFER, t->error);
	bad |= set(t->easy, CURL_ABI_PRIVATE, t);
	bad |= set(t->easy, CURL_ABI_WRITE_DATA, t);
	bad |= set(t->easy, CURL_ABI_WRITE_FUNCTION, on_data);
	/* From 7.87 on; without it the end waits for name servers that do not answer. */
	set(t->easy, CURL_ABI_QUICK_EXIT, 1L);
	return bad ? -EOPNOTSUPP : 0;
}

int http_open(struct http *h, unsigned int stall_s, struct oc_error *err)
{
	int rc;

	*h = (struct http){ .stall_s = stall_s };
	rc = load(h, err);
	if (rc)
		return rc;
	if (h->curl.global_init(CURL_ABI_INIT_DEFAULT))
		return oc_error_set(err, -EOPNOTSUPP, "libcurl cannot be used: it does not start");
	h->multi = h->curl.multi_init();
	rc = h->multi ? 0 : -ENOMEM;
	for (size_t i = 0; !rc && i < ARRAY_SIZE(h->transfers); i++)
		rc = init_transfer(h, &h->transfers[i]);
	if (rc == -ENOMEM)
		return oc_error_set(err, rc, "out of memory");
	/* Without these limits it is not to be used. The restriction to protocols came last. */
	return rc ? oc_error_set(err, rc, "libcurl is too old to download symbols; 7.85 is needed")
		  : 0;
}

void http_close(struct http *h)
{
	for (size_t i = 0; i < ARRAY_SIZE(h->transfers); i++) {
		if (h->transfers[i].easy)
			h->curl.easy_cleanup(h->transfers[i].easy);
	}
	if (h->multi)
		h->curl.multi_cleanup(h->multi);
	if (h->library)
		dlclose(h->library);
	*h = (struct http){ 0 };
}

/* ---- transfers ----------------------------------------------------------------------------------------------- */

/* A first URL of https is a promise that nobody on the way reads or changes what comes. */
static const char *protocols_behind(const char *url)
{
	return strncasecmp(url, "https:", 6) ? "http,https" : "https";
}

static int start(struct http *h, struct http_transfer *t)
{
	int (*set)(void *easy, int option, ...) = h->curl.easy_setopt;
	const char *url = t->request.url;

	t->is_too_large = t->is_not_taken = false;
	t->bytes = 0;
	t->error[0] = '\0';
	if (set(t->easy, CURL_ABI_URL, url) ||
	    set(t->easy, CURL_ABI_REDIRECT_PROTOCOLS, protocols_behind(url)) ||
	    set(t->easy, CURL_ABI_MAX_FILE_BYTES, (int64_t)MIN(t->request.max_bytes, INT64_MAX)) ||
	    h->curl.multi_add_handle(h->multi, t->easy))
		return -ENOMEM;
	t->busy = true;
	return 0;
}

/* Fills the free places. Returns how many are in use, or -ENOMEM. */
static int start_more(struct http *h)
{
	int busy = 0;

	for (size_t i = 0; i < ARRAY_SIZE(h->transfers); i++) {
		struct http_transfer *t = &h->transfers[i];

		if (!t->busy && h->client->next(h->client->arg, &t->request)) {
			int rc = start(h, t);

			t->request.url = NULL; /* libcurl has its own copy */
			if (rc) {
				h->client->done(h->client->arg, t->request.arg, HTTP_END_OWN,
						"out of memory");
				return rc;
			}
		}
		busy += t->busy;
	}
	return busy;
}

static enum http_end end_of_answer(long status)
{
	return status == 404 || status == 410 ? HTTP_END_NOT_FOUND : HTTP_END_FAILED;
}

static void end(struct http_transfer *t, enum http_end how, const char *why)
{
	struct http *h = t->http;

	h->curl.multi_remove_handle(h->multi, t->easy);
	t->busy = false;
	h->client->done(h->client->arg, t->request.arg, how, why);
}

static void take_result(struct http_transfer *t, int result)
{
	struct http *h = t->http;
	enum http_end how = HTTP_END_FAILED;
	char why[CURL_ABI_ERROR_BYTES];
	long status = 0;

	snprintf(why, sizeof(why), "%s", *t->error ? t->error : h->curl.easy_strerror(result));
	if (t->is_not_taken) {
		how = HTTP_END_OWN;
	} else if (t->is_too_large || result == CURL_ABI_FILE_TOO_LARGE) {
		how = HTTP_END_REFUSED;
		snprintf(why, sizeof(why), "it is larger than the %llu bytes that are allowed",
			 (unsigned long long)t->request.max_bytes);
	} else if (result == CURL_ABI_OK) {
		how = HTTP_END_DONE;
		*why = '\0';
	} else if (result == CURL_ABI_HTTP_RETURNED_ERROR) {
		h->curl.easy_getinfo(t->easy, CURL_ABI_INFO_RESPONSE_CODE, &status);
		how = end_of_answer(status);
		snprintf(why, sizeof(why), "the server answers %ld", status);
	} else if (result == CURL_ABI_TOO_MANY_REDIRECTS ||
		   result == CURL_ABI_UNSUPPORTED_PROTOCOL) {
		how = HTTP_END_REFUSED;
	}
	end(t, how, why);
}

static void take_results(struct http *h)
{
	struct curl_abi_message *message;
	int left;

	while ((message = h->curl.multi_info_read(h->multi, &left))) {
		struct http_transfer *t = NULL;
		/* The message is gone once the transfer is taken out. */
		int result = message->data.result;

		if (message->type == CURL_ABI_MESSAGE_DONE &&
		    !h->curl.easy_getinfo(message->easy, CURL_ABI_INFO_PRIVATE, &t) && t)
			take_result(t, result);
	}
}

static void stop_all(struct http *h, enum http_end how, const char *why)
{
	for (size_t i = 0; i < ARRAY_SIZE(h->transfers); i++) {
		if (h->transfers[i].busy)
			end(&h->transfers[i], how, why);
	}
}

int http_run(struct http *h, const struct http_client *client)
{
	int busy, running, nr, rc = 0;

	h->client = client;
	for (;;) {
		busy = client->stop(client->arg) ? 0 : start_more(h);
		if (busy <= 0)
			break;
		if (h->curl.multi_perform(h->multi, &running) ||
		    h->curl.multi_poll(h->multi, NULL, 0, POLL_MS, &nr)) {
			rc = -ENOMEM;
			break;
		}
		take_results(h);
	}
	stop_all(h, HTTP_END_STOPPED, "stopped");
	h->client = NULL;
	return busy < 0 ? busy : rc;
}
