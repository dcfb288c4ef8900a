internal import CLinux

/// Goes on as another program, in this process and with its environment: pid, children, and descriptors that are not
/// close-on-exec stay (execveat(2)). Returns only when that failed, and then nothing has changed. Only without other threads.
package func executeProgram(_ program: Int32, arguments: [String]) -> SystemError {
    withCStrings(arguments) { argv in
        _ = cl_execute(program, argv)
        return SystemError(call: "execveat")
    }
}
