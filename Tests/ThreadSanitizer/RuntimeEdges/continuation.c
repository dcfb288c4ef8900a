// Continuations. `resume` releases the task to ThreadSanitizer, and a task that is scheduled again acquires it. A task that
// finds itself resumed before it has begun to wait goes on at once, and the runtime forgets to say so.
//
// Unsafe continuations are inlined, and so come through `swift_continuation_await` here. Checked ones wait inside the runtime:
// what they resume acquires when it lets go of their frame, which is the first thing that it does. Neither orders more than the
// runtime does: nobody else releases a task but who schedules it.
#include "RuntimeEdges.h"
#include "original.h"

#include <stdint.h>

#define ASYNC __attribute__((swiftasynccall))
// The fields are the runtime's own, and other threads use them: none of ThreadSanitizer's business.
#define UNSEEN __attribute__((no_sanitize("thread")))

// The runtime's ContinuationAsyncContext, as far as it is used here.
struct continuation;
typedef ASYNC void go_on(__attribute__((swift_async_context)) struct continuation *continuation);
struct continuation {
    void *parent;
    go_on *go_on;
    uintptr_t flags;
};
#define SWITCHES_EXECUTOR 2  // Never set by Swift code; then another thread may go on.

void *swift_task_getCurrent(void);
ASYNC void swift_continuation_await(struct continuation *continuation);

void swift_task_dealloc(void *memory);

static void (*dealloc)(void *memory);
static ASYNC void (*await_continuation)(struct continuation *continuation);
// What `went_on` goes on with. It is called on the thread of `swift_continuation_await`, from inside of that, or not at all:
// a task that is scheduled again takes the function that was written down when the continuation was made.
static _Thread_local go_on *next;

__attribute__((constructor)) static void find_originals(void) {
    dealloc = original("swift_task_dealloc");
    await_continuation = original("swift_continuation_await");
}

UNSEEN static ASYNC void went_on(__attribute__((swift_async_context)) struct continuation *continuation) {
    continuation->go_on = next;
    __tsan_acquire(swift_task_getCurrent());
    return next(continuation);
}

UNSEEN ASYNC void swift_continuation_await(struct continuation *continuation) {
    if (!(continuation->flags & SWITCHES_EXECUTOR)) {
        next = continuation->go_on;
        continuation->go_on = went_on;
    }
    return await_continuation(continuation);
}

void swift_task_dealloc(void *memory) {
    __tsan_acquire(swift_task_getCurrent());
    dealloc(memory);
}
