// Closed-loop load on sockets that are already open: on each, one request, its reply, the next request.
//
//   closed_loop SECONDS WARM_UPS REQUEST_FILE BEGINNING_HEX ENDING_HEX MINIMUM FD...
//
// The clock starts after WARM_UPS replies: what a connection costs once is not what is measured. A reply is complete
// when it has at least MINIMUM bytes and ends with ENDING; one that does not start with BEGINNING is a refusal, and
// ends the run with status 1. After SECONDS no new request is sent; replies that are due are still read, so that what
// was counted is what the server holds. Prints one line of JSON. In C so that the client takes as little as it can of
// the processors that it shares with the server.
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum { FIRST_FD = 7, REPLY_MAX = 4096, PATTERN_MAX = 64, REPLY_TIMEOUT_MS = 30000 };

struct client {
    int fd;
    int64_t sent_ns;
    size_t held;
    uint8_t reply[REPLY_MAX];
};

struct pattern {
    uint8_t bytes[PATTERN_MAX];
    size_t length;
};

static uint8_t *request;
static size_t request_length, minimum;
static struct pattern beginning, ending;
static uint32_t *latencies_us;
static size_t acknowledged, room;

static void fail(const char *what, const char *detail) {
    fprintf(stderr, "closed_loop: %s: %s\n", what, detail);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct pattern from_hex(const char *hex) {
    struct pattern result = {.length = strlen(hex) / 2};
    if (result.length == 0 || result.length > PATTERN_MAX) fail("a pattern has 1 to 64 bytes", hex);
    for (size_t i = 0; i < result.length; i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1) fail("not hexadecimal", hex);
        result.bytes[i] = (uint8_t)byte;
    }
    return result;
}

static void read_request(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path, strerror(errno));
    fseek(file, 0, SEEK_END);
    request_length = (size_t)ftell(file);
    rewind(file);
    request = malloc(request_length);
    if (!request || fread(request, 1, request_length, file) != request_length) fail(path, "cannot be read");
    fclose(file);
}

static void send_request(struct client *client) {
    client->held = 0;
    client->sent_ns = now_ns();
    for (size_t done = 0; done < request_length;) {
        ssize_t count = send(client->fd, request + done, request_length - done, MSG_NOSIGNAL);
        if (count <= 0) fail("send", strerror(errno));
        done += (size_t)count;
    }
}

// Reads what has come; returns whether the reply is complete.
static int receive(struct client *client) {
    ssize_t count = recv(client->fd, client->reply + client->held, REPLY_MAX - client->held, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (count <= 0) fail("the server closed a connection", count ? strerror(errno) : "end of stream");
    client->held += (size_t)count;
    if (client->held < beginning.length) return 0;
    if (memcmp(client->reply, beginning.bytes, beginning.length)) {
        fprintf(stderr, "%.*s\n", (int)client->held, client->reply);
        fail("refused", "the reply above is no acknowledgement");
    }
    if (client->held == REPLY_MAX) fail("refused", "the reply is longer than an acknowledgement");
    return client->held >= minimum && client->held >= ending.length &&
           !memcmp(client->reply + client->held - ending.length, ending.bytes, ending.length);
}

static void record(int64_t nanoseconds) {
    if (acknowledged == room) {
        room = room ? 2 * room : 1 << 16;
        latencies_us = realloc(latencies_us, room * sizeof *latencies_us);
        if (!latencies_us) fail("memory", "none left");
    }
    latencies_us[acknowledged++] = (uint32_t)(nanoseconds / 1000);
}

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t percentile(unsigned percent) {
    return latencies_us[(acknowledged - 1) * percent / 100];
}

int main(int count, char **arguments) {
    if (count <= FIRST_FD) fail("usage", "the comment at the head of closed_loop.c");
    int64_t duration_ns = (int64_t)(atof(arguments[1]) * 1e9);
    long warm_ups = atol(arguments[2]), warm_ups_left = warm_ups;
    if (duration_ns <= 0 || warm_ups < 1) fail("usage", "SECONDS and WARM_UPS are more than 0");
    read_request(arguments[3]);
    beginning = from_hex(arguments[4]);
    ending = from_hex(arguments[5]);
    minimum = (size_t)atol(arguments[6]);
    size_t clients = (size_t)(count - FIRST_FD), outstanding = clients;
    struct client *all = calloc(clients, sizeof *all);
    int poll = epoll_create1(0);
    if (!all || poll < 0) fail("start", strerror(errno));
    for (size_t i = 0; i < clients; i++) {
        all[i].fd = atoi(arguments[FIRST_FD + i]);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &event)) fail(arguments[FIRST_FD + i], strerror(errno));
    }
    int64_t began = now_ns(), deadline = INT64_MAX, last = began;
    for (size_t i = 0; i < clients; i++) send_request(&all[i]);
    while (outstanding) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64, REPLY_TIMEOUT_MS);
        if (ready == 0) fail("no reply", "within 30 s");
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            if (!receive(client)) continue;
            last = now_ns();
            if (warm_ups_left == 0) {
                record(last - client->sent_ns);
            } else if (--warm_ups_left == 0) {
                began = last;
                deadline = began + duration_ns;
            }
            if (last < deadline) send_request(client);
            else outstanding--;
        }
    }
    if (acknowledged == 0) fail("nothing", "was acknowledged after the warm-ups");
    qsort(latencies_us, acknowledged, sizeof *latencies_us, by_size);
    printf("{\"acknowledged\":%zu,\"warm_ups\":%ld,\"began\":%.6f,\"seconds\":%.6f,"
           "\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u}\n",
           acknowledged, warm_ups, (double)began / 1e9, (double)(last - began) / 1e9, percentile(50), percentile(99),
           latencies_us[acknowledged - 1]);
    return 0;
}
