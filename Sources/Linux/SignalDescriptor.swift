internal import CLinux
internal import Glibc

/// Signals as readable events (signalfd(2)). They are blocked in the calling thread, and in those it makes later: call
/// it before any thread exists.
package struct SignalDescriptor: ~Copyable, Sendable {
    private let descriptor: Descriptor

    package init(_ signals: [Int32]) throws(SystemError) {
        descriptor = Descriptor(
            owning: try checked("signalfd") { cl_signal_descriptor(signals, Int32(signals.count)) })
    }

    /// Readable while a signal is pending. Non-blocking.
    package var number: Int32 { descriptor.number }

    /// The next pending signal and the pid that sent it.
    package func next() throws(SystemError) -> (signal: Int32, sender: Int32)? {
        var signal: UInt32 = 0
        var sender: UInt32 = 0
        do throws(SystemError) {
            _ = try checked("read signalfd") { cl_read_signal(descriptor.number, &signal, &sender) }
        } catch  where error.errno == EAGAIN {
            return nil
        }
        return (Int32(signal), Int32(truncatingIfNeeded: sender))
    }
}
