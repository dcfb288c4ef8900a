internal import CLinux

/// A pipe(7), close-on-exec; each end can be moved out by itself.
@frozen
package struct Pipe: ~Copyable {
    package let reader: Descriptor
    package let writer: Descriptor

    /// The writer blocks, as programs expect of their output; the reader does not when `nonBlockingReader`.
    package init(nonBlockingReader: Bool = true) throws(SystemError) {
        var two: [Int32] = [-1, -1]
        _ = try checked("pipe2") { cl_pipe(&two, nonBlockingReader ? 1 : 0) }
        reader = Descriptor(owning: two[0])
        writer = Descriptor(owning: two[1])
    }

    /// Of a pipe that is there already.
    package init(reader: consuming Descriptor, writer: consuming Descriptor) {
        self.reader = reader
        self.writer = writer
    }

    /// Asks for a larger buffer. An unprivileged user may get less than wanted (fs.pipe-max-size,
    /// fs.pipe-user-pages-soft): false then, and the pipe is as it was.
    @discardableResult
    package func resize(to bytes: Int) -> Bool { cl_set_pipe_size(writer.number, Int32(bytes)) >= 0 }
}
