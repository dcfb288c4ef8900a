import Glibc
import Linux
import Model

/// The process that watches a directory of apps, and what it has told. It runs as the supervisor does, because only that
/// may look at every entry; a mount that hangs, and name services that are slow, hang it alone.
final class AppsWatcher {
    private static let restartDelay = Duration.seconds(5)

    private let plan: AppsWatcherPlan
    private let program: Descriptor
    private let input: Descriptor
    private let launchPlan: Descriptor
    /// Readable when it has something to say; nil while it does not run.
    private(set) var number: Int32?
    private(set) var restartAt: Instant?
    /// By the entry's name.
    private(set) var entries: [String: AppEntry] = [:]
    /// What else a new core has to know.
    private var notes: [String?: AppsMessage] = [:]
    private var isListed = false
    /// By the watcher that runs now.
    private var told: Set<String> = []

    init(plan: AppsWatcherPlan) throws(SystemError) {
        self.plan = plan
        program = try openPath("/proc/self/exe")
        input = try makeMemoryFile(name: "apps-plan", contents: plan.input)
        var launch = LaunchPlan(arguments: plan.arguments, environment: [], directory: "/")
        launch.programDescriptor = AppsWatcherPlan.programTarget
        launchPlan = try makeMemoryFile(name: "apps-launch-plan", contents: MessageCodec.encode(launch))
    }

    deinit { close() }

    private func close() {
        if let number { closeDescriptors([number]) }
        number = nil
    }

    /// Users that own a present app. Never root.
    var users: [PolicyUser] { entries.values.compactMap(\.user).filter { $0.uid != 0 } }

    func start(using launcher: borrowing Launcher) throws(SystemError) -> ChildProcess {
        restartAt = nil
        told = []
        let pair = try MessageSocket.pair()
        try pair.first.setNonBlocking()
        let process = try launcher.launch(
            plan: launchPlan.number,
            moves: [
                DescriptorMove(source: STDERR_FILENO, target: STDOUT_FILENO),
                DescriptorMove(source: STDERR_FILENO, target: STDERR_FILENO),
                DescriptorMove(source: pair.second.number, target: AppsWatcherPlan.socketTarget),
                DescriptorMove(source: input.number, target: AppsWatcherPlan.inputTarget),
                DescriptorMove(source: program.number, target: AppsWatcherPlan.programTarget),
            ],
            credentials: .own, makesOutputPipes: false)
        number = try duplicateDescriptor(pair.first.number).release()
        return process
    }

    /// What it knew stays known: a new one tells it again.
    func ended(now: Instant) {
        close()
        restartAt = now + Self.restartDelay
    }

    enum Received {
        case messages([AppsMessage])
        case nothingMore
        case closed(reason: String)
    }

    func receive() -> Received {
        guard let number else { return .nothingMore }
        do {
            guard let packet = try MessageSocket.receive(number) else { return .closed(reason: "it has ended") }
            closeDescriptors(packet.descriptors)
            do {
                let message = try MessageCodec.decodeApps(packet.bytes)
                let lost = lost(at: message)
                for message in lost + [message] { keep(message) }
                return .messages(lost + [message])
            } catch {
                return .closed(reason: "\(error)")
            }
        } catch {
            return error.errno == EAGAIN ? .nothingMore : .closed(reason: "\(error)")
        }
    }

    /// What went while no watcher ran: it is not there when all has been listed.
    private func lost(at message: AppsMessage) -> [AppsMessage] {
        guard message == .listed else { return [] }
        return entries.keys.filter { !told.contains($0) }.map { .gone(name: $0) }
    }

    /// A story that was told before.
    func recall(_ story: [AppsMessage]) { story.forEach(keep) }

    /// For a core that knows nothing yet.
    var story: [AppsMessage] {
        var story = entries.values.map { AppsMessage.present($0) }
        story += notes.values
        if isListed { story.append(.listed) }
        return story
    }

    private func keep(_ message: AppsMessage) {
        switch message {
        case .present(let entry):
            told.insert(entry.name)
            entries[entry.name] = entry
            notes[entry.name] = nil
        case .gone(let name):
            entries[name] = nil
            notes[name] = nil
        case .unreachable(let name, _):
            if let name { told.insert(name) }
            notes[name] = message
        case .reachable(let name): notes[name] = nil
        case .refused(let name, _):
            entries[name] = nil
            notes[name] = message
        case .listed: isListed = true
        }
    }
}
