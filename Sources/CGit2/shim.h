#ifndef PASSENGER_CGIT2_SHIM_H
#define PASSENGER_CGIT2_SHIM_H

#include <git2.h>
#include <git2/sys/transport.h>

/* Swift cannot call variadic functions: one typed function for each option that we set. */

static inline int passenger_git_set_fsync(int enabled) {
    return git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, enabled);
}

static inline int passenger_git_set_user_agent(const char *name) {
    return git_libgit2_opts(GIT_OPT_SET_USER_AGENT, name);
}

/* Certificates in PEM that are trusted instead of the system's. */
static inline int passenger_git_set_authorities(const char *file) {
    return git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, file, NULL);
}

/* libgit2 hands a subtransport's functions the pointer that we gave it. This adds room for our own state behind what libgit2
   knows, with a layout that C guarantees and Swift does not. */
typedef struct {
    git_smart_subtransport base;
    git_smart_subtransport_stream *stream;
    void *context;
} passenger_git_subtransport;

#endif
