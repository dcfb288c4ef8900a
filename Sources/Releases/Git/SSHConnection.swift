import CGit2
import Model

/// One `ssh host git-upload-pack` that libgit2's smart protocol talks through.
final class SSHConnection {
    private let address: SSHAddress
    private let cancellation: Cancellation
    private let stallLimit: Duration
    private var child: ChildProcess?
    private var ended = false
    private var failure: BuilderFailure?

    init(address: SSHAddress, cancellation: Cancellation, stallLimit: Duration) {
        self.address = address
        self.cancellation = cancellation
        self.stallLimit = stallLimit
    }

    /// Why the fetch failed, if it was for something on this side of libgit2.
    func diagnosis() -> BuilderFailure? {
        if let failure { return failure }
        // The end of the output is legal after a whole pack. If the fetch failed all the same, ssh has said why.
        guard ended, let child else { return nil }
        return SSHDiagnosis.failure(standardError: child.lastWords(), address: address)
    }

    func start() -> Bool {
        guard child == nil else { return true }
        return attempt { () throws(BuilderFailure) in child = try ChildProcess(address.arguments) }
    }

    /// Nil after a failure, zero at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        guard let child else { return nil }
        let limit = Int32(clamping: Int(stallLimit.inMilliseconds))
        var count = 0
        let succeeded = attempt { () throws(BuilderFailure) in
            switch child.waitForOutput(milliseconds: limit, orReadable: cancellation.readable) {
            case .ready: count = try child.read(into: buffer)
            case .cancelled: throw .cancelled
            case .timedOut:
                throw BuilderFailure(
                    .timedOut, "\(address.destination) sent nothing for \(Int(stallLimit.inSeconds)) s",
                    hint: "check the host and the network, then deploy again")
            }
        }
        guard succeeded else { return nil }
        if count == 0 { ended = true }
        return count
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let child else { return false }
        do throws(BuilderFailure) {
            try child.write(bytes)
            return true
        } catch {
            // ssh has gone away; what it said is the reason, not that our pipe broke.
            ended = true
            git_error_set_str(Int32(GIT_ERROR_SSH.rawValue), error.message)
            return false
        }
    }

    func close() { child?.closeInput() }

    private func attempt(_ body: () throws(BuilderFailure) -> Void) -> Bool {
        do throws(BuilderFailure) {
            try body()
            return true
        } catch {
            failure = error
            git_error_set_str(Int32(GIT_ERROR_SSH.rawValue), error.message)
            return false
        }
    }
}
