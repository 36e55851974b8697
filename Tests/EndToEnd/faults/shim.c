// Faults on demand for a program that is started with LD_PRELOAD: syncs and writes of the queue fail, the wall clock is
// set off. The file that FAULT_CONTROL names is mapped and holds what is in force; who runs the program writes there.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
    volatile int64_t clock_seconds;  // added to the wall clock
    volatile int64_t sync_errno;     // what fsync and fdatasync fail with; 0: they work
    volatile int64_t write_errno;    // the same for writes and changes of size
    volatile int64_t refused;        // calls that were made to fail
    volatile int64_t files;          // whose: 0 of both, 1 of relay.sqlite alone, 2 of its log alone
};

static struct control none;
static struct control *control = &none;

__attribute__((constructor)) static void map_control(void) {
    const char *path = getenv("FAULT_CONTROL");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) control = mapped;
    close(file);
}

// Whether the descriptor is one of the queue's files that are to fail.
static int is_queue(int descriptor) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    const char *name = strrchr(path, '/');
    int is_file = name && !strcmp(name, "/relay.sqlite") && control->files != 2;
    int is_log = name && !strcmp(name, "/relay.sqlite-wal") && control->files != 1;
    return is_file || is_log;
}

static int refuses(int64_t error, int descriptor) {
    int before = errno;
    if (!error || !is_queue(descriptor)) {
        errno = before;
        return 0;
    }
    __atomic_fetch_add(&control->refused, 1, __ATOMIC_RELAXED);
    errno = (int)error;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int descriptor) { return refuses(control->sync_errno, descriptor) ? -1 : REAL(fsync)(descriptor); }

int fdatasync(int descriptor) {
    return refuses(control->sync_errno, descriptor) ? -1 : REAL(fdatasync)(descriptor);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    return refuses(control->write_errno, descriptor) ? -1 : REAL(write)(descriptor, bytes, count);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    return refuses(control->write_errno, descriptor) ? -1 : REAL(pwrite64)(descriptor, bytes, count, offset);
}

int ftruncate64(int descriptor, off64_t length) {
    return refuses(control->write_errno, descriptor) ? -1 : REAL(ftruncate64)(descriptor, length);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int code = REAL(clock_gettime)(clock, now);
    if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += control->clock_seconds;
    return code;
}

int gettimeofday(struct timeval *now, void *zone) {
    int code = REAL(gettimeofday)(now, zone);
    if (code == 0) now->tv_sec += control->clock_seconds;
    return code;
}

time_t time(time_t *now) {
    time_t shifted = REAL(time)(NULL) + control->clock_seconds;
    if (now) *now = shifted;
    return shifted;
}
