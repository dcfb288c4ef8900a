import Linux
import Model

/// What the supervisor holds of one child, until it is reaped.
final class ChildProcess {
    let pid: Int32
    /// Signals to the leader go here.
    let process: Descriptor
    /// Nil when its output goes elsewhere. The core has copies.
    let output: OutputPipes?
    /// Nil for a forked worker, which was not launched.
    private let report: Descriptor?
    /// Set for a preloader.
    var forks: PreloaderControl?

    init(pid: Int32, process: consuming Descriptor, report: consuming Descriptor?, output: OutputPipes?) {
        self.pid = pid
        self.process = process
        self.report = report
        self.output = output
    }

    /// None, or stdout and stderr.
    var outputDescriptors: [Int32] { output?.numbers ?? [] }

    var reportDescriptor: Int32? {
        switch report {
        case .none: nil
        case .some(let report): report.number
        }
    }

    /// What `passenger-launch` said before it gave up; nil when the program ran. To be asked once the child has ended.
    func launchFailure() -> LaunchFailure? {
        switch report {
        case .none: nil
        case .some(let report): Self.failure(told: report.number)
        }
    }

    private static func failure(told report: Int32) -> LaunchFailure? {
        // An empty pipe whose writer is gone, or still held by nobody we know: no failure was reported.
        guard let bytes = try? readSome(report, limit: 4096), !bytes.isEmpty else { return nil }
        // The subject may be cut, or no UTF-8: that it failed is worth telling in any case.
        return (try? MessageCodec.decodeLaunchFailure(bytes))
            ?? LaunchFailure(step: "launch", errno: 0, subject: "unreadable report of \(bytes.count) bytes")
    }
}

/// Read ends of the pipes that are a child's stdout and stderr.
final class OutputPipes {
    private let standardOutput: Descriptor
    private let standardError: Descriptor

    init(standardOutput: consuming Descriptor, standardError: consuming Descriptor) {
        self.standardOutput = standardOutput
        self.standardError = standardError
    }

    var numbers: [Int32] { [standardOutput.number, standardError.number] }
}
