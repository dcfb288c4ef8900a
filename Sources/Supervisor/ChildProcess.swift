import Linux
import Model

/// What the supervisor holds of one child, until it is reaped.
final class ChildProcess {
    let pid: Int32
    /// Signals to the leader go here.
    let process: Descriptor
    /// Read ends of the pipes that are its stdout and stderr. The core has copies.
    let output: Output?
    private let report: Descriptor

    struct Output: ~Copyable {
        let standardOutput: Descriptor
        let standardError: Descriptor
    }

    init(pid: Int32, process: consuming Descriptor, report: consuming Descriptor, output: consuming Output?) {
        self.pid = pid
        self.process = process
        self.report = report
        self.output = output
    }

    /// None, or stdout and stderr.
    var outputDescriptors: [Int32] {
        switch output {
        case .some(let output): [output.standardOutput.number, output.standardError.number]
        case .none: []
        }
    }

    /// What `passenger-launch` said before it gave up; nil when the program ran. To be asked once the child has ended.
    func launchFailure() -> LaunchFailure? {
        // An empty pipe whose writer is gone, or still held by nobody we know: no failure was reported.
        guard let bytes = try? readSome(report.number, limit: 4096), !bytes.isEmpty else { return nil }
        // The subject may be cut, or no UTF-8: that it failed is worth telling in any case.
        return (try? MessageCodec.decodeLaunchFailure(bytes))
            ?? LaunchFailure(step: "launch", errno: 0, subject: "unreadable report of \(bytes.count) bytes")
    }
}
