import AdminAPI
import Deploys
import Foundation
import Glibc
import Linux
import Model
import Synchronization
import Testing

/// Who is killed.
enum Victim: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case command, core, builder, runner, supervisor
    var testDescription: String { rawValue }

    /// Its first argument, of those that the supervisor has started.
    fileprivate var role: String? {
        switch self {
        case .core: "_core"
        case .builder: "_build-release"
        case .runner: "_run"
        case .command, .supervisor: nil
        }
    }
}

/// So long after the journal has said this for the first time.
struct FaultPoint: Sendable {
    var state: DeployState
    var delay: Duration = .zero
}

extension TestServer {
    /// Where the app's journals lie.
    var stateDirectory: String { "\(place.path)/state/\(name)" }

    /// Nil while there is none, or it is being replaced.
    func record(_ number: Int) -> DeployRecordState? {
        guard let bytes = try? readFile("\(stateDirectory)/deploys/\(number).json", limit: 16 << 20) else { return nil }
        return try? JSONDecoder().decode(DeployRecordState.self, from: Data(bytes))
    }

    var records: [DeployRecordState] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(stateDirectory)/deploys")) ?? []
        return names.compactMap { $0.hasSuffix(".json") ? Int($0.dropLast(5)) : nil }.sorted().compactMap(record)
    }

    /// Looks at the journal again and again, without a pause that a step could fit into.
    func waitUntil(deploy number: Int, is point: FaultPoint) throws {
        let deadline = monotonicNow() + .seconds(90)
        while record(number).map({ $0.position < point.state.position }) ?? true {
            guard monotonicNow() < deadline else {
                throw TimedOut(what: "deploy \(number) to be \(point.state)", evidence: "\(records)\n\(log)")
            }
            usleep(100)
        }
        if point.delay > .zero { usleep(UInt32(point.delay.inMilliseconds * 1000)) }
    }

    /// Children of the server's supervisor, and theirs.
    func descendants() -> [Int32] {
        guard let supervisor = program?.pid else { return [] }
        var found: [Int32] = []
        var parents = [supervisor]
        let all = processNumbers().map { ($0, parent(of: $0)) }
        while let parent = parents.popLast() {
            let children = all.filter { $0.1 == parent }.map(\.0)
            found += children
            parents += children
        }
        return found
    }

    /// Kills it, and returns its pids: none when there is no such process now.
    @discardableResult
    func strike(_ victim: Victim, command: Program) -> [Int32] {
        let victims: [Int32] =
            switch victim {
            case .command: command.hasEnded ? [] : [command.pid]
            case .supervisor: [program?.pid].compactMap { $0 }
            case .core, .builder, .runner: descendants().filter { argument(of: $0) == victim.role }
            }
        for pid in victims { kill(pid, SIGKILL) }
        return victims
    }

    private func argument(of pid: Int32) -> String? {
        let parts = text(of: "/proc/\(pid)/cmdline").split(separator: "\0", omittingEmptySubsequences: false)
        return parts.count > 1 ? String(parts[1]) : nil
    }

    private func parent(of pid: Int32) -> Int32? {
        text(of: "/proc/\(pid)/stat").split(separator: ")").last?.split(separator: " ").dropFirst().first.flatMap {
            Int32($0)
        }
    }
}

/// What a test reads of a deploy's journal.
struct DeployRecordState: Decodable, Sendable {
    struct Release: Decodable, Sendable {
        struct Label: Decodable, Sendable { var name: String }
        var label: Label
    }
    var number: Int
    var state: DeployState
    var reached: DeployState
    var release: Release?
    var wasStable: Bool

    /// An end comes after everything that may lead to it.
    var position: Int { state.position }
}

extension DeployState {
    var position: Int { DeployState.allCases.firstIndex(of: self) ?? 0 }
}

/// Asks for the version again and again, each time over a new connection unless it `keeps` one, and forgives nothing.
final class Prober: Sendable {
    struct Answer: Sendable {
        var began: Model.Instant
        var ended: Model.Instant
        /// Nil when it failed.
        var version: String?
        var failure = ""
    }

    private let answers = Mutex<[Answer]>([])
    private let state = Mutex((wanted: true, isRunning: true))

    init(port: Int, keeps: Bool = false) {
        startThread(name: "prober") { [self] in
            var kept: HTTPConnection?
            while state.withLock(\.wanted) {
                var answer = Answer(began: monotonicNow(), ended: .zero)
                do {
                    let connection = try kept ?? HTTPConnection(port: port)
                    let got = try connection.get("/version", close: !keeps)
                    kept = connection.isOver ? nil : connection
                    if got.status == 200 { answer.version = got.line } else { answer.failure = "\(got)" }
                } catch {
                    answer.failure = "\(error)"
                    kept = nil
                }
                answer.ended = monotonicNow()
                answers.withLock { $0.append(answer) }
                usleep(5_000)
            }
            state.withLock { $0.isRunning = false }
        }
    }

    /// Failures of requests other than those that were under way at that moment.
    func stop(forgiving moment: Model.Instant? = nil) throws -> (versions: Set<String>, failures: [Answer]) {
        state.withLock { $0.wanted = false }
        try eventually("the end of the prober", within: .seconds(120)) { !state.withLock(\.isRunning) }
        let all = answers.withLock { $0 }
        let failures = all.filter { answer in
            guard answer.version == nil else { return false }
            // The kernel takes a moment to end a process.
            return moment.map { answer.began > $0 + .milliseconds(250) || answer.ended < $0 } ?? true
        }
        return (Set(all.compactMap(\.version)), failures)
    }
}
