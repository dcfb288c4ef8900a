// The launch plan as passenger-launch needs it. Layout: MessageCodec+Launch.swift.
#ifndef PASSENGER_LAUNCH_PLAN_H
#define PASSENGER_LAUNCH_PLAN_H

#include <stddef.h>
#include <stdint.h>

enum { PROTOCOL_VERSION = 1, LARGEST_PLAN = 4 << 20, MOST_LIMITS = 32 };

struct limit {
    int32_t resource;
    uint64_t soft, hard;
};

struct plan {
    char **arguments;    // null-terminated, at least one
    char **environment;  // null-terminated, with room for one more
    size_t environment_count;
    char *directory;
    uint32_t umask;
    struct limit limits[MOST_LIMITS];
    size_t limit_count;
    int32_t oom_score;
    int32_t program_descriptor;  // -1: look arguments[0] up
    int sets_listen_pid;
    int32_t niceness;
    int forbids_new_privileges;
};

// 0, or -1 and errno: EBADMSG when the bytes are no plan, EFBIG, or what read(2) said. Nothing is ever freed: the
// process is about to be replaced.
int read_plan(int fd, struct plan *plan);

#endif
