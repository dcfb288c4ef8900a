import Foundation
import Glibc
import Linux
import Model
import Synchronization

/// Constant traffic of every kind, and a strict account of what came of it.
final class LoadGenerator: Sendable {
    enum Kind: CaseIterable, Sendable { case keptAlive, newConnection, upload, chunkedUpload, download }

    struct Account: Sendable {
        var requests: [Kind: Int] = [:]
        var failures: [String] = []
        /// Answered by a version that was older than one that had answered before the request was sent.
        var backwards: [String] = []
        var versions: Set<Int> = []
        var newest = 0
        var slowest = 0.0
        var total: Int { requests.values.reduce(0, +) }
    }

    /// 1 MiB that no codec likes, and its digest.
    struct Payload: Sendable {
        let bytes: [UInt8]
        let digest: String

        init(in place: Place) throws {
            var state: UInt64 = 0x9E37_79B9_7F4A_7C15
            bytes = (0..<(1 << 20)).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 33)
            }
            let path = "\(place.path)/payload"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let end = try Program(["sha256sum", path], environment: ProcessInfo.plainEnvironment, in: place).wait()
            digest = String(end.output.prefix { $0 != " " })
        }
    }

    private static let download = 300_001

    private let port: Int
    private let host: String
    private let pause: UInt32
    private let payload: Payload
    private let account = Mutex(Account())
    private let clients = Mutex((wanted: true, running: 0))

    private let renews: Bool

    /// - Parameter pause: microseconds between a client's requests: the machine has to deploy as well.
    ///
    /// When it `renews`, each request has a connection of its own: a web server that is reloaded closes idle ones, and who is about
    /// to use such a one cannot know.
    init(
        port: Int, in place: Place, kinds: [Kind] = Kind.allCases, host: String = "test", pause: UInt32 = 4_000,
        renews: Bool = false
    ) throws {
        self.port = port
        self.host = host
        self.pause = pause
        self.renews = renews
        payload = try Payload(in: place)
        for kind in kinds {
            clients.withLock { $0.running += 1 }
            startThread(name: "load") { [self] in
                run(kind)
                clients.withLock { $0.running -= 1 }
            }
        }
    }

    var now: Account { account.withLock { $0 } }

    /// Until each kind has had `count` more answers.
    func waitForTraffic(_ count: Int = 3) throws {
        let before = now
        try eventually("\(count) more answers of each kind", within: .seconds(90), evidence: { "\(self.now)" }) {
            let now = self.now
            return before.requests.allSatisfy { now.requests[$0.key, default: 0] >= $0.value + count } && now.total > 0
                || !now.failures.isEmpty
        }
    }

    /// Ends it, and says what came of it.
    func stop() throws -> Account {
        clients.withLock { $0.wanted = false }
        try eventually("the end of the load", within: .seconds(120)) { clients.withLock { $0.running == 0 } }
        return now
    }

    private func run(_ kind: Kind) {
        var connection: HTTPConnection?
        while clients.withLock({ $0.wanted }) {
            let newest = account.withLock { $0.newest }
            let began = monotonicNow()
            do {
                let current = try connection ?? HTTPConnection(port: port)
                connection = current
                let version = try request(kind, current)
                let seconds = (monotonicNow() - began).inSeconds
                account.withLock { account in
                    account.requests[kind, default: 0] += 1
                    account.slowest = max(account.slowest, seconds)
                    guard let version else { return }
                    account.versions.insert(version)
                    account.newest = max(account.newest, version)
                    if version < newest { account.backwards.append("\(version) after \(newest)") }
                }
            } catch {
                account.withLock { $0.failures.append("\(kind): \(error)") }
                connection = nil
            }
            if renews || kind == .newConnection || connection?.isOver ?? true { connection = nil }
            usleep(pause)
        }
    }

    /// The version that answered, where the route tells.
    private func request(_ kind: Kind, _ connection: HTTPConnection) throws -> Int? {
        switch kind {
        case .keptAlive: return try version(connection.get("/version", host: host))
        case .newConnection: return try version(connection.get("/version", close: true, host: host))
        case .upload: try check(connection.post("/echo", payload.bytes))
        case .chunkedUpload: try check(connection.postChunked("/echo", payload.bytes))
        case .download:
            let answer = try connection.get("/big?bytes=\(Self.download)")
            guard answer.status == 200, answer.body.count == Self.download else {
                throw HTTPFailure("status \(answer.status), \(answer.body.count) of \(Self.download) bytes")
            }
        }
        return nil
    }

    private func version(_ answer: HTTPAnswer) throws -> Int {
        guard answer.status == 200, let version = Int(answer.line) else {
            throw HTTPFailure("status \(answer.status): \(answer.text.prefix(200))")
        }
        return version
    }

    private func check(_ answer: HTTPAnswer) throws {
        guard answer.status == 200, answer.line == "\(payload.digest) \(payload.bytes.count)" else {
            throw HTTPFailure("status \(answer.status): \(answer.text.prefix(200))")
        }
    }
}

extension LoadGenerator.Account: CustomStringConvertible {
    var description: String {
        let kinds = requests.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", ")
        let worst = (slowest * 1000).rounded()
        return "\(total) requests (\(kinds)), \(failures.count) failed, slowest \(worst) ms, versions "
            + "\(versions.sorted()); \(failures.prefix(5)) \(backwards.prefix(5))"
    }
}
