// Tells ThreadSanitizer of what Swift's own libraries order and, as they are not instrumented, it cannot see. The functions
// that take the place of theirs are found by the linker: a program has only to be linked with this target.
