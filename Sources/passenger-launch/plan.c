#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reader {
    const unsigned char *at, *end;
    int broken;
};

static uint64_t integer(struct reader *reader, int size) {
    uint64_t value = 0;
    if (reader->end - reader->at < size) {
        reader->broken = 1;
        return 0;
    }
    while (size-- > 0) value = value << 8 | *reader->at++;
    return value;
}

static int flag(struct reader *reader) {
    uint64_t value = integer(reader, 1);
    if (value > 1) reader->broken = 1;
    return value == 1;
}

static char *text(struct reader *reader) {
    uint64_t size = integer(reader, 4);
    if (reader->broken || size > (uint64_t)(reader->end - reader->at) || memchr(reader->at, 0, size) != NULL) {
        reader->broken = 1;
        return NULL;
    }
    char *copy = malloc(size + 1);
    if (copy == NULL) {
        reader->broken = 1;
        return NULL;
    }
    memcpy(copy, reader->at, size);
    copy[size] = 0;
    reader->at += size;
    return copy;
}

// Each text takes at least the four bytes of its length, which bounds the count by what is left.
static char **texts(struct reader *reader, size_t *count) {
    *count = integer(reader, 4);
    if (reader->broken || *count > (size_t)(reader->end - reader->at) / 4) {
        reader->broken = 1;
        return NULL;
    }
    char **list = calloc(*count + 2, sizeof *list);
    if (list == NULL) {
        reader->broken = 1;
        return NULL;
    }
    for (size_t i = 0; i < *count && !reader->broken; i++) list[i] = text(reader);
    return list;
}

static void limits(struct reader *reader, struct plan *plan) {
    uint64_t count = integer(reader, 4);
    if (count > MOST_LIMITS) {
        reader->broken = 1;
        return;
    }
    plan->limit_count = count;
    for (size_t i = 0; i < count; i++) {
        plan->limits[i].resource = (int32_t)integer(reader, 4);
        plan->limits[i].soft = integer(reader, 8);
        plan->limits[i].hard = integer(reader, 8);
    }
}

static int parse(const unsigned char *bytes, size_t size, struct plan *plan) {
    struct reader reader = {bytes, bytes + size, 0};
    size_t argument_count;
    if (integer(&reader, 1) != 'L' || integer(&reader, 2) != PROTOCOL_VERSION) reader.broken = 1;
    plan->arguments = texts(&reader, &argument_count);
    plan->environment = texts(&reader, &plan->environment_count);
    plan->directory = text(&reader);
    plan->umask = (uint32_t)integer(&reader, 4);
    limits(&reader, plan);
    plan->oom_score = (int32_t)integer(&reader, 4);
    plan->program_descriptor = flag(&reader) ? (int32_t)integer(&reader, 4) : -1;
    plan->sets_listen_pid = flag(&reader);
    plan->niceness = (int32_t)integer(&reader, 4);
    plan->forbids_new_privileges = flag(&reader);
    if (reader.broken || reader.at != reader.end || argument_count == 0) {
        errno = EBADMSG;
        return -1;
    }
    return 0;
}

int read_plan(int fd, struct plan *plan) {
    size_t size = 0;
    unsigned char *bytes = malloc(LARGEST_PLAN + 1);
    if (bytes == NULL) return -1;
    int seekable = 1;
    for (;;) {
        if (size > LARGEST_PLAN) {
            errno = EFBIG;
            return -1;
        }
        // From the start of a file, wherever those who share the descriptor have left its position.
        ssize_t count = seekable ? pread(fd, bytes + size, LARGEST_PLAN + 1 - size, (off_t)size)
                                 : read(fd, bytes + size, LARGEST_PLAN + 1 - size);
        if (count < 0 && errno == ESPIPE && seekable) seekable = 0;
        else if (count < 0 && errno != EINTR) return -1;
        else if (count == 0) return parse(bytes, size, plan);
        else if (count > 0) size += (size_t)count;
    }
}
