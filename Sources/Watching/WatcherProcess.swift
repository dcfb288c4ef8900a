import Glibc
import Linux
import Model

/// `passenger _watch`: watches the `restart.txt` of one app as the app's own user, so that nothing with more rights ever
/// opens a path in a tree which that user can rearrange, and a dead mount hangs this process and not the server.
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

    private enum Token: UInt64 { case orders, hints }

    private let input: Int32
    private let output: Int32
    private let epoll: Epoll
    /// Nil when the user's inotify instances are used up: then only the clock looks.
    private let hints: Hints?
    private var pending: [UInt8] = []
    private var place: RestartPlace?
    private var watched: Int32?
    private var trigger = RestartTrigger()
    private var nextLook = Instant.zero

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
            let left = max(0, (nextLook - monotonicNow()).wholeNanoseconds / 1_000_000 + 1)
            for event in try epoll.wait(timeoutMilliseconds: place == nil ? nil : Int(min(left, 1000))) {
                if event.token == Token.orders.rawValue, try !takeOrders() { return }
                if event.token == Token.hints.rawValue { try takeHints() }
            }
            if place != nil, monotonicNow() >= nextLook { try look() }
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
        guard let order = WatcherWire.decode(WatcherOrder.self, line) else {
            return try tell(WatcherEvent(.problem, message: "an order that makes no sense was ignored"))
        }
        if let directory = order.directory {
            place = RestartPlace(root: directory, directory: order.restartDirectory ?? "tmp")
            trigger = RestartTrigger()
            try look()
            try tell(WatcherEvent(.watching))
        }
        if let text = order.writeResult, let place {
            try tell(WatcherLoop.outcome(of: text, in: place))
        }
    }

    private static func outcome(of text: String, in place: RestartPlace) -> WatcherEvent {
        do throws(SystemError) {
            try place.writeResult(text)
            return WatcherEvent(.resultWritten)
        } catch {
            return WatcherEvent(.problem, message: "restart.result: \(error)")
        }
    }

    private func takeHints() throws {
        _ = try hints?.inotify.read()
        nextLook = .zero
    }

    private func look() throws {
        guard let place else { return }
        // Before the stat: a change in between is then seen by one of them.
        arm(place)
        let now = monotonicNow()
        nextLook = now + WatcherLoop.lookInterval
        switch trigger.observe(place.stamp(), now: now) {
        case .none: break
        case .lookAgain(let instant): nextLook = min(nextLook, instant)
        case .restart(let stamp): try tell(WatcherEvent(.restart, stamp: stamp))
        }
    }

    /// Watches the restart directory or, while that is missing, its parent. Adding a watch that is there already changes
    /// nothing, so this also finds a directory that was replaced.
    private func arm(_ place: RestartPlace) {
        guard let hints else { return }
        let mask: Inotify.Mask = [
            .created, .movedTo, .closedAfterWrite, .attributes, .selfDeleted, .selfMoved, .onlyDirectory,
        ]
        for path in [place.path, place.parent] {
            guard let watch = try? hints.inotify.add(path, mask) else { continue }
            if let watched, watched != watch { try? hints.inotify.remove(watched) }  // it may be gone by itself
            watched = watch
            return
        }
    }

    private func tell(_ event: WatcherEvent) throws { try writeAll(output, WatcherWire.line(event)) }
}
