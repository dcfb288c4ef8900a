import Glibc
import Linux
import Model

/// `passenger _watch`: watches the `restart.txt` of one user's apps, and their code where that is wanted, as that user, so that
/// nothing with more rights ever opens a path in a tree which that user can rearrange, and a dead mount hangs this process and not
/// the server.
///
/// inotify is a hint that makes it quick; a stat once a second is the truth (inotify sees no remote changes, overflows,
/// and loses directories that are replaced). Ends when stdin does.
package enum WatcherProcess {
    package static func run(input: Int32 = 0, output: Int32 = 1) -> Int32 {
        do {
            try ignoreSignal(SIGPIPE)
            let loop = try WatcherLoop(input: input, output: output)
            try loop.run()
            return 0
        } catch {
            try? writeAll(STDERR_FILENO, Array("passenger _watch: \(error)\n".utf8))
            return 1
        }
    }
}

/// A reference, because there may be none of it: an optional value with one owner can hardly be looked into.
private final class Hints {
    let inotify: Inotify
    init() throws { inotify = try Inotify() }
}

private final class WatcherLoop {
    private static let lookInterval = Duration.seconds(1)
    private static let longestLine = 64 << 10

    private enum Token: UInt64 {
        case orders, hints
        /// From here on the apps' code, by number.
        case sources
    }

    private struct Watched {
        var place: RestartPlace
        var directory: String
        var trigger: RestartTrigger
        var watch: Int32?
        var nextLook = Instant.zero
        var wanted: WatcherOrder.Sources?
        var sources: SourceWatch?
        var changes = ChangeTrigger()
        /// One name of what has changed.
        var changed = ""
        var isPartialTold = false
    }

    private let input: Int32
    private let output: Int32
    private let epoll: Epoll
    /// Nil when the user's inotify instances are used up: then only the clock looks.
    private let hints: Hints?
    private var pending: [UInt8] = []
    private var apps: [String: Watched] = [:]
    /// Whose code a token stands for.
    private var tokens: [UInt64: String] = [:]
    private var nextToken = Token.sources.rawValue

    init(input: Int32, output: Int32) throws {
        self.input = input
        self.output = output
        epoll = try Epoll()
        hints = try? Hints()
        try epoll.add(input, .readable, token: Token.orders.rawValue)
        if let hints { try epoll.add(hints.inotify.number, .readable, token: Token.hints.rawValue) }
    }

    func run() throws {
        while true {
            let next = apps.values.map(\.nextLook).min()
            let left = next.map { Int(max(0, ($0 - monotonicNow()).wholeNanoseconds / 1_000_000 + 1)) }
            for event in try epoll.wait(timeoutMilliseconds: left.map { min($0, 1000) }) {
                if event.token == Token.orders.rawValue, try !takeOrders() { return }
                if event.token == Token.hints.rawValue { try takeHints() }
                if let app = tokens[event.token] { try takeChanges(app) }
            }
            let now = monotonicNow()
            for (name, app) in apps where now >= app.nextLook { try look(name) }
        }
    }

    /// False at the end of the input.
    private func takeOrders() throws -> Bool {
        let bytes = try readSome(input, limit: 16 << 10)
        guard !bytes.isEmpty else { return false }
        pending += bytes
        while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(pending[..<end])
            pending.removeSubrange(...end)
            try obey(line)
        }
        return pending.count <= WatcherLoop.longestLine
    }

    private func obey(_ line: [UInt8]) throws {
        guard let order = WatcherWire.decode(WatcherOrder.self, line), let app = order.app else {
            return try tell(WatcherEvent(.problem, message: "an order that makes no sense was ignored"))
        }
        if order.forget == true { forget(app) }
        if let directory = order.directory {
            forget(app)
            let restartDirectory = order.restartDirectory ?? "tmp"
            let known = order.known.flatMap { $0.directory == restartDirectory ? $0 : nil }
            apps[app] = Watched(
                place: RestartPlace(root: directory, directory: restartDirectory), directory: restartDirectory,
                trigger: known.map { RestartTrigger(known: $0.stamp) } ?? RestartTrigger(), wanted: order.sources)
            try look(app)
            let baseline = RestartFile(directory: restartDirectory, stamp: apps[app]?.trigger.known)
            try tell(WatcherEvent(.watching, app: app, file: baseline))
        }
        if let text = order.writeResult, let place = apps[app]?.place {
            try tell(WatcherLoop.outcome(of: text, in: place, app))
        }
    }

    private static func outcome(of text: String, in place: RestartPlace, _ app: String) -> WatcherEvent {
        do throws(SystemError) {
            try place.writeResult(text)
            return WatcherEvent(.resultWritten, app: app)
        } catch {
            return WatcherEvent(.problem, app: app, message: "restart.result: \(error)")
        }
    }

    private func takeHints() throws {
        guard let events = try hints?.inotify.read() else { return }
        let watches = Set(events.map(\.watch))
        // What overflowed is about all of them.
        let isLost = events.contains { $0.mask.contains(.overflowed) }
        for (name, app) in apps where isLost || app.watch.map(watches.contains) ?? false {
            apps[name]?.nextLook = .zero
        }
    }

    private func look(_ name: String) throws {
        guard let app = apps[name] else { return }
        // Before the stat: a change in between is then seen by one of them.
        arm(name, app.place)
        let now = monotonicNow()
        var next = now + WatcherLoop.lookInterval
        let decision = apps[name]?.trigger.observe(app.place.stamp(), now: now)
        if case .lookAgain(let instant) = decision { next = min(next, instant) }
        try lookAtSources(name, now)
        let due = apps[name]?.changes.due
        apps[name]?.nextLook = min(next, due ?? next)
        if case .restart(let stamp) = decision {
            let file = RestartFile(directory: app.directory, stamp: stamp)
            try tell(WatcherEvent(.restart, app: name, file: file, message: "restart.txt was touched"))
        }
    }

    /// Whether they are watched is asked anew each time: `always_restart.txt` comes and goes.
    private func lookAtSources(_ name: String, _ now: Instant) throws {
        guard let app = apps[name] else { return }
        let isWanted = app.wanted == .always || app.wanted == .ifAsked && app.place.hasAlwaysRestart
        if isWanted, app.sources == nil { try watchSources(name, app.place.root) }
        if !isWanted, app.sources != nil { forgetSources(name) }
        if apps[name]?.changes.isDue(now: now) ?? false {
            try tell(WatcherEvent(.restart, app: name, message: "\(app.changed) has changed"))
        }
    }

    private func watchSources(_ name: String, _ root: String) throws {
        do throws(SystemError) {
            let sources = try SourceWatch(root: root)
            try epoll.add(sources.number, .readable, token: nextToken)
            tokens[nextToken] = name
            nextToken += 1
            apps[name]?.sources = sources
        } catch {
            // Asked for again only by another order.
            apps[name]?.wanted = nil
            return try tell(WatcherEvent(.problem, app: name, message: "its code is not watched: \(error)"))
        }
        try tellPartial(name)
    }

    /// Once: more directories may come than can be watched.
    private func tellPartial(_ name: String) throws {
        guard let app = apps[name], app.sources?.isPartial ?? false, !app.isPartialTold else { return }
        apps[name]?.isPartialTold = true
        try tell(
            WatcherEvent(
                .problem, app: name,
                message: "not all of its code is watched: \(SourceWatch.limit) directories at most, and as many as "
                    + "fs.inotify.max_user_watches allows"))
    }

    private func takeChanges(_ name: String) throws {
        let changed = try apps[name]?.sources?.change()
        try tellPartial(name)
        guard let changed else { return }
        apps[name]?.changed = changed
        apps[name]?.changes.changed(now: monotonicNow())
        apps[name]?.nextLook = .zero
    }

    private func forgetSources(_ name: String) {
        tokens = tokens.filter { $0.value != name }
        apps[name]?.sources = nil
        apps[name]?.changes = ChangeTrigger()
        apps[name]?.isPartialTold = false
    }

    /// Watches the restart directory or, while that is missing, its parent. Adding a watch that is there already changes
    /// nothing, so this also finds a directory that was replaced.
    private func arm(_ name: String, _ place: RestartPlace) {
        guard let hints else { return }
        let mask: Inotify.Mask = [
            .created, .movedTo, .closedAfterWrite, .attributes, .selfDeleted, .selfMoved, .onlyDirectory,
        ]
        for path in [place.path, place.parent] {
            guard let watch = try? hints.inotify.add(path, mask) else { continue }
            let before = apps[name]?.watch
            apps[name]?.watch = watch
            if let before, before != watch { drop(before) }
            return
        }
    }

    private func forget(_ name: String) {
        forgetSources(name)
        guard let watch = apps.removeValue(forKey: name)?.watch else { return }
        drop(watch)
    }

    /// Another app's place may have the same directory.
    private func drop(_ watch: Int32) {
        guard !apps.values.contains(where: { $0.watch == watch }) else { return }
        try? hints?.inotify.remove(watch)  // it may be gone by itself
    }

    private func tell(_ event: WatcherEvent) throws { try writeAll(output, WatcherWire.line(event)) }
}
