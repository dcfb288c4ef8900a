// Synchronization.Mutex. Its uncontended paths are inlined into the caller, so their atomics are instrumented. The contended
// ones lie in libswiftSynchronization, where the kernel hands the lock over (FUTEX_LOCK_PI): to ThreadSanitizer the next
// owner follows nobody.
#include "RuntimeEdges.h"
#include "original.h"

#include <stdbool.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *mutex
// Methods of _MutexHandle, whose only member is the futex.
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

static SWIFT void (*lock)(uint32_t thread, SELF);
static SWIFT bool (*try_lock)(SELF);
static SWIFT void (*unlock)(SELF);

__attribute__((constructor)) static void find_originals(void) {
    lock = original(LOCK);
    try_lock = original(TRY_LOCK);
    unlock = original(UNLOCK);
}

SWIFT void seen_lock(uint32_t thread, SELF) __asm__(LOCK);
SWIFT void seen_lock(uint32_t thread, SELF) {
    lock(thread, mutex);
    __tsan_acquire(mutex);
}

SWIFT bool seen_try_lock(SELF) __asm__(TRY_LOCK);
SWIFT bool seen_try_lock(SELF) {
    bool locked = try_lock(mutex);
    if (locked) __tsan_acquire(mutex);
    return locked;
}

SWIFT void seen_unlock(SELF) __asm__(UNLOCK);
SWIFT void seen_unlock(SELF) {
    __tsan_release(mutex);
    unlock(mutex);
}
