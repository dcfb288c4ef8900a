internal import CLinux
internal import Glibc
package import Model

/// CLOCK_MONOTONIC.
package func monotonicNow() -> Instant {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Instant(nanoseconds: Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec))
}

/// Whether a time service keeps this machine's clock, as the kernel knows it.
package func isClockSynchronized() -> Bool { cl_clock_is_synchronized() == 1 }
