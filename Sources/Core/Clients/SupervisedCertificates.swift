import Dispatch
import Glibc
import Linux
import Spawning
import Synchronization
import TLS

/// Certificates and keys through the supervisor, which root may have started; those that it was not to open, by ourselves.
///
/// Blocks for the supervisor's answer: on a thread of its own, not in a task.
struct SupervisedCertificates: CertificateSource {
    let link: SupervisorLink
    private let own = CertificateDirectory()

    init(link: SupervisorLink) { self.link = link }

    func stamp(_ path: String) throws(SystemError) -> FileStamp {
        guard let file = try open(path) else { return try own.stamp(path) }
        return try FileStamp(descriptor: file.number)
    }

    func read(_ path: String, limit: Int) throws(SystemError) -> (bytes: [UInt8], stamp: FileStamp) {
        guard let file = try open(path) else { return try own.read(path, limit: limit) }
        let stamp = try FileStamp(descriptor: file.number)
        return (try readWholeFile(file.number, limit: limit), stamp)
    }

    /// Nil: not the supervisor's business.
    func open(_ path: String) throws(SystemError) -> Descriptor? {
        let answered = DispatchSemaphore(value: 0)
        let answer = Mutex<Result<Int32, SystemError>?>(nil)
        link.openFile(path) { opened in
            answer.withLock { $0 = opened }
            answered.signal()
        }
        answered.wait()
        switch answer.withLock({ $0 }) {
        case .success(let number): return Descriptor(owning: number)
        case .failure(let error) where error.errno == EPERM: return nil
        case .failure(let error): throw error
        case nil: throw SystemError(call: "open", errno: EIO, subject: path)
        }
    }
}
