#pragma once

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

// The function that the one of ours hides.
static inline void *original(const char *symbol) {
    void *function = dlsym(RTLD_NEXT, symbol);
    if (function) return function;
    fprintf(stderr, "Swift's libraries have no %s any more: Tests/ThreadSanitizer/RuntimeEdges is for others\n", symbol);
    abort();
}
