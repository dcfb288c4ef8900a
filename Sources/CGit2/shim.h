#ifndef PASSENGER_CGIT2_SHIM_H
#define PASSENGER_CGIT2_SHIM_H

#include <git2.h>
#include <git2/sys/credential.h>
#include <git2/sys/transport.h>

/* Swift cannot call variadic functions: one typed function for each option that we set. */

static inline int passenger_git_set_fsync(int enabled) {
    return git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, enabled);
}

static inline int passenger_git_set_user_agent(const char *name) {
    return git_libgit2_opts(GIT_OPT_SET_USER_AGENT, name);
}

static inline int passenger_git_owner_validation(int *enabled) {
    return git_libgit2_opts(GIT_OPT_GET_OWNER_VALIDATION, enabled);
}

static inline int passenger_git_set_global_search_path(const char *directory) {
    return git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, GIT_CONFIG_LEVEL_GLOBAL, directory);
}

/* libgit2 hands our callbacks a pointer to the struct that we gave it. These add room for a pointer of our own behind it,
   with a layout that C guarantees and Swift does not. */

typedef struct {
    git_smart_subtransport base;
    void *context;
} passenger_git_subtransport;

typedef struct {
    git_smart_subtransport_stream base;
    void *context;
} passenger_git_stream;

#endif
