import Glibc
import Linux
import Model

/// The service manager that started this server. Whatever is the matter with it, the server goes on: nothing here waits, and
/// what cannot be said now is said later.
final class ServiceManager {
    private static let mostWaiting = 64
    private static let pause = Duration.milliseconds(100)

    let environment: ServiceEnvironment
    private let log: SupervisorLog
    /// Names in its store; those that we put there in this life.
    private(set) var stored: Set<String>
    private(set) var told: Set<String> = []
    private var waiting: [(bytes: [UInt8], descriptors: [Int32])] = []
    private(set) var retryAt: Instant?
    private var hasFailed = false

    init(_ environment: ServiceEnvironment, log: SupervisorLog) {
        self.environment = environment
        self.log = log
        stored = Set(environment.sockets.map(\.name).filter(StoredSockets.isOurs))
        for problem in environment.problems { log.write(problem) }
    }

    /// Of the image before.
    func resume(_ kept: SupervisorState.Store) { (stored, told) = (kept.stored, kept.told) }

    /// Nothing waits to be told.
    var isIdle: Bool { waiting.isEmpty }

    deinit { waiting.forEach { closeDescriptors($0.descriptors) } }

    /// Whether sockets outlive this process.
    var isStoring: Bool { environment.notifySocket != nil }

    func tell(_ notice: ServiceNotice, descriptors: [Int32] = []) {
        guard let address = environment.notifySocket else { return }
        let bytes = Array(notice.text(now: monotonicNow()).utf8)
        if waiting.isEmpty, send(to: address, bytes, descriptors) { return }
        // The next sign of life comes anyway.
        guard notice != .watchdog, waiting.count < Self.mostWaiting else { return }
        // Our own duplicates: the originals may be closed before it is sent.
        let copies = descriptors.compactMap { try? duplicateDescriptor($0).release() }
        waiting.append((bytes, copies))
        retryAt = monotonicNow() + Self.pause
    }

    func timePassed(now: Instant) {
        guard let due = retryAt, due <= now, let address = environment.notifySocket else { return }
        while let next = waiting.first {
            guard send(to: address, next.bytes, next.descriptors) else {
                retryAt = now + Self.pause
                return
            }
            closeDescriptors(next.descriptors)
            waiting.removeFirst()
        }
        retryAt = nil
    }

    /// False when it has to be tried again.
    private func send(to address: String, _ bytes: [UInt8], _ descriptors: [Int32]) -> Bool {
        do throws(SystemError) {
            try sendDatagram(to: address, bytes, descriptors: descriptors)
        } catch {
            if error.errno == EAGAIN || error.errno == ENOBUFS { return false }
            if !hasFailed { log.write("the service manager cannot be told: \(error)") }
            hasFailed = true
        }
        return true
    }

    /// Files of Unix sockets that stay when this process goes, because the sockets do.
    func keptFiles(_ sockets: [Listeners.Socket]) -> Set<String> {
        isStoring ? Set(sockets.compactMap(\.path)) : []
    }

    /// Has it keep these listeners, and no others: after a restart they come back by LISTEN_FDS.
    func store(_ sockets: [Listeners.Socket]) {
        guard isStoring else { return }
        let groups = Dictionary(grouping: sockets.filter { $0.origin != .unit }, by: { StoredSockets.name($0.name) })
        // What came and could not be used has a successor of the same name.
        let kept = stored.filter { name in
            groups[name].map { told.contains(name) || $0.allSatisfy { $0.origin == .stored } } ?? false
        }
        for name in stored.subtracting(kept).sorted() { tell(.forget(name: name)) }
        for (name, group) in groups.sorted(by: { $0.key < $1.key }) where !kept.contains(name) {
            let descriptors = group.map(\.descriptor)
            for start in stride(from: 0, to: descriptors.count, by: MessageSocket.mostDescriptors) {
                tell(
                    .store(name: name), descriptors: Array(descriptors[start...].prefix(MessageSocket.mostDescriptors)))
            }
            told.insert(name)
        }
        stored = Set(groups.keys)
        told.formIntersection(stored)
    }
}
