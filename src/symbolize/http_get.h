/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fetches files over HTTP and HTTPS, a few at a time, from servers that nobody vouches for.
 * Used by symbol_server.c. Knows neither symbols nor files: bytes are handed on as they come.
 */
#ifndef SYMBOLIZE_HTTP_GET_H
#define SYMBOLIZE_HTTP_GET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onecollect/error.h>

#include "symbolize/curl_abi.h"

/* Transfers at a time. */
#define HTTP_PARALLEL 4

/* How a transfer ended. */
enum http_end {
	HTTP_END_DONE,      /* all of it was handed on */
	HTTP_END_NOT_FOUND, /* the server does not have it */
	HTTP_END_REFUSED,   /* not taken: too large, or led to where it may not lead */
	HTTP_END_FAILED,    /* network, TLS, an error of the server, or one that is too slow */
	HTTP_END_OWN,       /* what came could not be handed on; the network is not to blame */
	HTTP_END_STOPPED,   /* by stop() */
};

/* What is to be fetched. */
struct http_request {
	const char *url;    /* "http://..." or "https://..."; borrowed for the call that gives it */
	uint64_t max_bytes; /* of the body */
	void *arg;          /* for write() and done() */
};

/* Who says what is to be fetched, and takes it. */
struct http_client {
	/* Gives the next request. Returns false = there is none until another one has ended, or at all. */
	bool (*next)(void *arg, struct http_request *ret_request);
	/* Takes bytes of a body, of a successful answer only. Returns 0, or another number to have it end with HTTP_END_OWN. */
	int (*write)(void *arg, void *request_arg, const void *data, size_t size);
	/* A request has ended; why: for people, "" when done. */
	void (*done)(void *arg, void *request_arg, enum http_end end, const char *why);
	/* Asked ten times a second at least; true ends all requests. */
	bool (*stop)(void *arg);
	void *arg;
};

struct http_transfer {
	struct http *http;
	void *easy;
	bool busy;
	bool is_too_large;
	bool is_not_taken;
	struct http_request request;
	uint64_t bytes;
	char error[CURL_ABI_ERROR_BYTES];
};

/* All zero = closed. */
struct http {
	void *library;
	struct curl_abi curl;
	void *multi;
	unsigned int stall_s;
	const struct http_client *client; /* while http_run() runs */
	struct http_transfer transfers[HTTP_PARALLEL];
};

/*
 * Loads libcurl.
 * stall_s: seconds after which a connection that is not made, or a transfer slower than 1 KiB/s, fails; at least 1.
 * Returns 0; -EOPNOTSUPP with *err when libcurl is missing or older than 7.85; or -ENOMEM. http_close() is due in any
 * case. Not to be called by two threads at a time.
 */
int http_open(struct http *h, unsigned int stall_s, struct oc_error *err);
/* Accepts all zero. */
void http_close(struct http *h);

/*
 * Fetches what client->next() gives until it gives no more and all have ended. http, and https with certificates checked;
 * redirects, five at most, lead nowhere else, and from https to https only. No cookies, no passwords; proxies as the
 * environment names them.
 * Returns 0 or -ENOMEM; how each request ended is what done() tells.
 */
int http_run(struct http *h, const struct http_client *client);

#endif
