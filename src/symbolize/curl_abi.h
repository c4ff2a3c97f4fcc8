/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is used of libcurl's binary interface. The library is loaded only when something is to be downloaded, so that
 * nothing needs it, or its headers, otherwise.
 * Used by http_get.c. Source: curl/curl.h and curl/multi.h, whose numbers never change (docs/libcurl/ABI.md of curl); a
 * unit test compares them where libcurl's headers are installed.
 */
#ifndef SYMBOLIZE_CURL_ABI_H
#define SYMBOLIZE_CURL_ABI_H

#define CURL_ABI_LIBRARY        "libcurl.so.4"
#define CURL_ABI_LIBRARY_GNUTLS "libcurl-gnutls.so.4"

enum curl_abi_result {
	CURL_ABI_OK = 0,
	CURL_ABI_UNSUPPORTED_PROTOCOL = 1,
	CURL_ABI_HTTP_RETURNED_ERROR = 22,
	CURL_ABI_TOO_MANY_REDIRECTS = 47,
	CURL_ABI_FILE_TOO_LARGE = 63,
};

enum curl_abi_init { CURL_ABI_INIT_DEFAULT = 3 };

/* long below 10000, objects below 20000, functions below 30000, then 64-bit numbers. */
enum curl_abi_option {
	CURL_ABI_LOW_SPEED_LIMIT = 19,
	CURL_ABI_LOW_SPEED_TIME = 20,
	CURL_ABI_FAIL_ON_ERROR = 45,
	CURL_ABI_FOLLOW_LOCATION = 52,
	CURL_ABI_MAX_REDIRECTS = 68,
	CURL_ABI_NO_SIGNAL = 99,
	CURL_ABI_CONNECT_TIMEOUT_MS = 156,
	CURL_ABI_QUICK_EXIT = 322,
	CURL_ABI_WRITE_DATA = 10001,
	CURL_ABI_URL = 10002,
	CURL_ABI_ERROR_BUFFER = 10010,
	CURL_ABI_USER_AGENT = 10018,
	CURL_ABI_PRIVATE = 10103,
	CURL_ABI_PROTOCOLS = 10318,
	CURL_ABI_REDIRECT_PROTOCOLS = 10319,
	CURL_ABI_WRITE_FUNCTION = 20011,
	CURL_ABI_MAX_FILE_BYTES = 30117,
};

/* Size of the buffer for CURL_ABI_ERROR_BUFFER. */
#define CURL_ABI_ERROR_BYTES 256

enum curl_abi_info {
	CURL_ABI_INFO_PRIVATE = 0x100015,
	CURL_ABI_INFO_RESPONSE_CODE = 0x200002,
};

enum curl_abi_message_type { CURL_ABI_MESSAGE_DONE = 1 };

struct curl_abi_message {
	int type; /* enum curl_abi_message_type */
	void *easy;
	union {
		void *pointer;
		int result; /* enum curl_abi_result */
	} data;
};

/* Functions by the names that the library gives to them. */
struct curl_abi {
	int (*global_init)(long flags);
	void *(*easy_init)(void);
	int (*easy_setopt)(void *easy, int option, ...);
	int (*easy_getinfo)(void *easy, int info, ...);
	const char *(*easy_strerror)(int result);
	void (*easy_cleanup)(void *easy);
	void *(*multi_init)(void);
	int (*multi_add_handle)(void *multi, void *easy);
	int (*multi_remove_handle)(void *multi, void *easy);
	int (*multi_perform)(void *multi, int *ret_running);
	int (*multi_poll)(void *multi, void *extra, unsigned int nr_extra, int timeout_ms,
			  int *ret_nr);
	struct curl_abi_message *(*multi_info_read)(void *multi, int *ret_left);
	int (*multi_cleanup)(void *multi);
};

#endif
