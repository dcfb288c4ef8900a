#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int32_t *groups;
static size_t count, capacity;

static int add(int32_t group) {
    if (count == capacity) {
        size_t wanted = capacity == 0 ? 64 : 2 * capacity;
        int32_t *larger = realloc(groups, wanted * sizeof *groups);
        if (larger == NULL) return -1;
        groups = larger;
        capacity = wanted;
    }
    groups[count++] = group;
    return 0;
}

static void forget(int32_t group) {
    for (size_t i = 0; i < count; i++)
        if (groups[i] == group) groups[i--] = groups[--count];
}

static void take(int32_t word) {
    if (word > 1) add(word);  // 0, 1 and -1 would mean everybody
    else if (word < -1) forget(-word);
}

int guard_groups(void) {
    unsigned char bytes[4096];
    size_t have = 0;
    // Whoever ends the whole service ends the supervisor too: that is what this waits for.
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    for (;;) {
        ssize_t got = read(STDIN_FILENO, bytes + have, sizeof bytes - have);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        have += (size_t)got;
        size_t used = 0;
        for (; have - used >= sizeof(int32_t); used += sizeof(int32_t)) {
            int32_t word;
            memcpy(&word, bytes + used, sizeof word);
            take(word);
        }
        memmove(bytes, bytes + used, have - used);
        have -= used;
    }
    for (size_t i = 0; i < count; i++) kill(-groups[i], SIGKILL);
    return 0;
}
