#ifndef RELAY_CCURL_SHIM_H
#define RELAY_CCURL_SHIM_H

// libcurl's setopt and getinfo are variadic, which Swift cannot call. Each function here fixes the type of one argument;
// the caller keeps to the type that the option's manual page asks for.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
// What libcurl's socket events are fed from; Swift's Glibc module leaves these out.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

typedef size_t (*relay_curl_data_callback)(char *, size_t, size_t, void *);
typedef curl_socket_t (*relay_curl_open_callback)(void *, curlsocktype, struct curl_sockaddr *);
typedef int (*relay_curl_close_callback)(void *, curl_socket_t);
typedef int (*relay_curl_resolver_callback)(void *, void *, void *);
typedef CURLcode (*relay_curl_tls_callback)(CURL *, void *, void *);
typedef int (*relay_curl_request_callback)(void *, char *, char *, int, int);
typedef int (*relay_curl_socket_callback)(CURL *, curl_socket_t, int, void *, void *);
typedef int (*relay_curl_timer_callback)(CURLM *, long, void *);

static inline CURLcode relay_curl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

/// Lets go of a name that is being resolved instead of waiting for its thread, where libcurl can.
static inline CURLcode relay_curl_set_quick_exit(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075700
    return curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)easy;
    return CURLE_OK;
#endif
}

static inline CURLcode relay_curl_set_size(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode relay_curl_set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode relay_curl_set_pointer(CURL *easy, CURLoption option, const void *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode relay_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode relay_curl_on_body(CURL *easy, relay_curl_data_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, callback);
}

static inline CURLcode relay_curl_on_header(CURL *easy, relay_curl_data_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, callback);
}

static inline CURLcode relay_curl_on_open(CURL *easy, relay_curl_open_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, callback);
}

static inline CURLcode relay_curl_on_close(CURL *easy, relay_curl_close_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, callback);
}

static inline CURLcode relay_curl_on_resolver(CURL *easy, relay_curl_resolver_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, callback);
}

static inline CURLcode relay_curl_on_tls(CURL *easy, relay_curl_tls_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, callback);
}

static inline CURLcode relay_curl_on_request(CURL *easy, relay_curl_request_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, callback);
}

// CURLOPT_PROTOCOLS_STR came with 7.85 and replaces a number that newer releases deprecate.
static inline CURLcode relay_curl_only_http(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static inline CURLcode relay_curl_get_long(CURL *easy, CURLINFO info, long *value) {
    return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode relay_curl_get_size(CURL *easy, CURLINFO info, curl_off_t *value) {
    return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode relay_curl_get_pointer(CURL *easy, CURLINFO info, void **value) {
    return curl_easy_getinfo(easy, info, value);
}

static inline CURLMcode relay_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

static inline CURLMcode relay_curl_multi_set_pointer(CURLM *multi, CURLMoption option, void *value) {
    return curl_multi_setopt(multi, option, value);
}

static inline CURLMcode relay_curl_multi_on_socket(CURLM *multi, relay_curl_socket_callback callback) {
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, callback);
}

static inline CURLMcode relay_curl_multi_on_timer(CURLM *multi, relay_curl_timer_callback callback) {
    return curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, callback);
}

static inline CURLSHcode relay_curl_share(CURLSH *share, curl_lock_data data) {
    return curl_share_setopt(share, CURLSHOPT_SHARE, data);
}

/// Names the calling thread for the system's tools; of 15 bytes at most, the rest is cut off.
static inline void relay_name_thread(const char *name) {
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

// A union member of a C message, which Swift sees as a tuple of bytes otherwise.
static inline CURLcode relay_curl_message_result(const CURLMsg *message) {
    return message->data.result;
}

#endif
