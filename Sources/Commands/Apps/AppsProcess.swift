import AppConfig
import Foundation
import Glibc
import Linux
import Model
import Synchronization
import Watching

/// `passenger _apps`: tells the supervisor which apps there are in a directory, as they come and go. It runs as the
/// supervisor does, and looks at names, owners and modes only: it opens no file of an app.
///
/// inotify is a hint; the directory itself is looked at every second, each entry every half minute, and one that may become a deploy
/// root when something is made in it.
package enum AppsProcess {
    struct Input: Codable {
        struct Owner: Codable {
            var name: String
            var uid: UInt32
            var gid: UInt32
        }
        var directory: String
        var stateDirectory: String?
        /// Whose the apps' state is; nil when nothing switches users.
        var core: Owner?
        var startedAsRoot: Bool
    }

    package static func run() -> Int32 {
        do {
            try ignoreSignal(SIGPIPE)
            setProcessName("passenger-apps")
            let bytes = try readWholeFile(AppsWatcherPlan.inputTarget, limit: 1 << 20)
            let input = try JSONDecoder().decode(Input.self, from: Data(bytes))
            try AppsLoop(input, socket: AppsWatcherPlan.socketTarget).run()
            return 0
        } catch {
            printError("passenger _apps: \(error)")
            return 1
        }
    }
}

private final class AppsLoop {
    /// More of them than anybody serves from one directory; the core's queue takes this many.
    private static let mostEntries = 3000
    private static let directoryInterval = Duration.seconds(1)
    private static let entryInterval = Duration.seconds(30)
    /// What comes together is looked at together: a directory is made, then filled.
    private static let settling = Duration.milliseconds(200)

    private enum Token: UInt64 { case supervisor, hints }

    private let input: AppsProcess.Input
    private let socket: Int32
    private let epoll: Epoll
    private let hints: Hints?
    private let eyes = PatientEyes()
    private let states: StateDirectories
    private var state = AppsDirectoryState()
    private var stamp: DirectoryStamp?
    private var nextEntries = Instant.zero

    init(_ input: AppsProcess.Input, socket: Int32) throws {
        self.input = input
        self.socket = socket
        let core = input.core.map { PolicyUser(name: $0.name, uid: $0.uid, gid: $0.gid, groups: []) }
        states = StateDirectories(base: input.stateDirectory, core: core)
        epoll = try Epoll()
        hints = try? Hints()
        // The end of the supervisor is the end of it.
        try epoll.add(socket, .readable, token: Token.supervisor.rawValue)
        if let hints { try epoll.add(hints.inotify.number, .readable, token: Token.hints.rawValue) }
    }

    func run() throws {
        try look()
        try tell(.listed)
        while true {
            for event in try epoll.wait(timeoutMilliseconds: Int(Self.directoryInterval.inMilliseconds)) {
                if event.token == Token.supervisor.rawValue { return }
                let isOfDirectory = try hints?.areOfDirectory() ?? true
                // What an app's owner makes there is no reason to look at all others many times a second.
                nextEntries = min(
                    nextEntries, monotonicNow() + (isOfDirectory ? Self.settling : Self.directoryInterval))
                usleep(UInt32(Self.settling.inMilliseconds * 1000))
            }
            try look()
        }
    }

    private func look() throws {
        let (path, hints) = (input.directory, self.hints)
        let found = eyes.look(at: "") {
            // Before the look: what changes in between is then seen by the next.
            hints?.arm(path)
            return DirectoryStamp.take(path)
        }
        switch found ?? .failure(PatientEyes.silence) {
        case .failure(let reason):
            stamp = nil
            try change(.unreachable(reason.text))
        case .success(let now):
            guard now != stamp || monotonicNow() >= nextEntries else { return }
            stamp = now
            nextEntries = monotonicNow() + Self.entryInterval
            try change(.entries(now.identity, looks(now.names)))
        }
    }

    private func looks(_ names: [String]) -> [String: AppsDirectoryState.Look] {
        var looks: [String: AppsDirectoryState.Look] = [:]
        for name in names.prefix(Self.mostEntries) {
            let (directory, startedAsRoot) = (input.directory, input.startedAsRoot)
            let hints = self.hints
            let look = eyes.look(at: name) {
                let look = EntryLook.look(at: name, in: directory, startedAsRoot: startedAsRoot)
                guard case .app(let facts) = look, let root = facts.rootOfCurrent, let hints else { return look }
                hints.arm(root: root)
                return EntryLook.look(at: name, in: directory, startedAsRoot: startedAsRoot)
            }
            switch look {
            case .some(.some(let look)): looks[name] = look
            // A plain file, such as a README, is nobody's app.
            case .some(.none): continue
            case .none: looks[name] = .unreachable(PatientEyes.silence.text)
            }
        }
        for name in names.dropFirst(Self.mostEntries) {
            looks[name] = .other("one of more than \(Self.mostEntries) entries")
        }
        return looks
    }

    private func change(_ listing: AppsDirectoryState.Listing) throws {
        for change in state.observe(listing) {
            switch change {
            case .present(let name, let facts): try tell(present(name, facts))
            case .gone(let name): try tell(.gone(name: name))
            case .unreachable(let name, let reason): try tell(.unreachable(name: name, reason: reason))
            case .reachable(let name): try tell(.reachable(name: name))
            case .refused(let name, let reason): try tell(.refused(name: name, reason: reason))
            }
        }
    }

    private func present(_ name: String, _ facts: AppsDirectoryState.Facts) -> AppsMessage {
        guard let appName = AppName(name) else {
            return .refused(name: name, reason: "its name may have letters, digits, '.', '_' and '-' only, at most 64")
        }
        var entry = AppEntry(
            name: name, path: facts.path, isDeployRoot: facts.isDeployRoot, owner: facts.owner, user: nil,
            objection: facts.objection, stateDirectory: nil)
        do {
            if input.startedAsRoot, facts.owner != 0, facts.objection == nil {
                entry.user = try lookUpUser(uid: facts.owner)
                if entry.user == nil { entry.objection = "it belongs to uid \(facts.owner), which has no name" }
            }
            let location = facts.isDeployRoot ? AppLocation.deployRoot(facts.path) : .inPlace(facts.path)
            entry.stateDirectory = try states.make(for: appName, at: location)
        } catch {
            return .refused(name: name, reason: (error as? StartError)?.message ?? "\(error)")
        }
        return .present(entry)
    }

    /// Waits when the supervisor is busy.
    private func tell(_ message: AppsMessage) throws { try MessageSocket.send(socket, MessageCodec.encode(message)) }
}

/// A reference, because there may be none of it.
private final class Hints: Sendable {
    let inotify: Inotify
    private let directory = Mutex<Int32?>(nil)
    init() throws { inotify = try Inotify() }

    /// A watch that is there already stays as it is; a directory that was replaced gets one.
    func arm(_ path: String) {
        let watch = try? inotify.add(
            path, [.created, .deleted, .movedTo, .movedFrom, .attributes, .selfDeleted, .selfMoved, .onlyDirectory])
        directory.withLock { $0 = watch }
    }

    /// A root that another tool deploys to: what makes it a deploy root is a directory in it. Not watched, it is seen half a minute
    /// later.
    func arm(root: String) { _ = try? inotify.add(root, [.created, .movedTo, .onlyDirectory]) }

    /// Whether any of what has happened is about the directory of apps itself.
    func areOfDirectory() throws(SystemError) -> Bool {
        let watch = directory.withLock { $0 }
        return try inotify.read().contains { $0.watch == watch || $0.mask.contains(.overflowed) }
    }
}

/// What is in the directory, and which one it is.
private struct DirectoryStamp: Equatable, Sendable {
    var identity: AppsDirectoryState.Identity
    /// Sorted; without hidden ones.
    var names: [String]

    static func take(_ path: String) -> Result<DirectoryStamp, PatientEyes.Reason> {
        do throws(SystemError) {
            let handle = try openFile(path, flags: O_RDONLY | O_DIRECTORY)
            var status = stat()
            guard fstat(handle.number, &status) == 0 else { throw SystemError(call: "fstat", errno: errno) }
            let names = try directoryEntries(handle.number).filter { !$0.hasPrefix(".") }.sorted()
            return .success(DirectoryStamp(identity: .init(status), names: names))
        } catch {
            return .failure(.init(text: SystemError.describe(error.errno)))
        }
    }
}
