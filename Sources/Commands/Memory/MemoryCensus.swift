import AdminAPI
import Linux
import Model

/// Counts the processes of a server: those that its status names, and their children. Looks by the eyes that it is given.
struct MemoryCensus {
    let entries: [ProcessEntry]
    let look: (Int32) -> ProcessMemory?
    private let children: [Int32: [ProcessEntry]]

    init(entries: [ProcessEntry], look: @escaping (Int32) -> ProcessMemory?) {
        self.entries = entries
        self.look = look
        children = Dictionary(grouping: entries, by: \.parent)
    }

    func report(_ status: StatusReport) -> MemoryReport {
        MemoryReport(
            instance: status.server.instance, apps: status.apps.map(app), server: server(status.server))
    }

    private func app(_ app: AppStatus) -> MemoryReport.App {
        MemoryReport.App(
            name: app.name, root: app.root, kind: app.kind, environment: app.environment,
            generations: app.generations.map(generation),
            companions: app.companions.flatMap { companion in
                companion.pid.map { tree($0, .companion, companion.name, nil) } ?? []
            })
    }

    private func generation(_ generation: GenerationStatus) -> MemoryReport.Generation {
        let preloader = generation.preloader?.pid.map { tree($0, .preloader, "preloader", nil) } ?? []
        let workers = generation.workers.flatMap { worker in
            worker.pid.map { tree($0, .worker, "\(worker.number)", worker.memory) } ?? []
        }
        return MemoryReport.Generation(
            number: generation.number, release: generation.release, state: generation.state.rawValue,
            processes: preloader + workers)
    }

    /// Children of the supervisor that are this program: helpers. Whatever else there is belongs to an app, as does the worker of
    /// a site without code.
    private func server(_ server: ServerStatus) -> [MemoryReport.Process] {
        let own: [(Int32, MemoryReport.Process.Kind, String)] =
            [(server.supervisorPid, .supervisor, "supervisor"), (server.corePid, .core, "core")]
            + (children[server.supervisorPid] ?? []).filter {
                $0.pid != server.corePid && $0.isPassenger && $0.command.dropFirst().first != "_static-app"
            }
            .map { ($0.pid, .helper, $0.shortName) }
        return own.compactMap { pid, kind, name in look(pid).map { process(pid, kind, name, $0) } }
    }

    /// `told`: what the server measured of the whole tree, which counts where we cannot look closely ourselves.
    private func tree(
        _ root: Int32, _ kind: MemoryReport.Process.Kind, _ name: String, _ told: MemoryStatus?
    ) -> [MemoryReport.Process] {
        guard let own = look(root) else { return [] }
        var rows = [process(root, kind, name, own)]
        // Pids are no tree when one was used again meanwhile: each is counted once.
        var seen: Set<Int32> = [root]
        var waiting = children[root] ?? []
        while let child = waiting.popLast() {
            guard seen.insert(child.pid).inserted, let memory = look(child.pid) else { continue }
            var row = process(child.pid, kind, "\(name): \(child.command.joined(separator: " "))", memory)
            row.isChild = true
            rows.append(row)
            waiting += children[child.pid] ?? []
        }
        guard let told, told.isExact, !rows.allSatisfy(\.isExact) else { return rows }
        return [
            MemoryReport.Process(
                pid: root, kind: kind, name: name, processes: told.processes, privateBytes: told.privateBytes,
                sharedBytes: told.sharedBytes, pssBytes: told.pssBytes, swapBytes: told.swapBytes,
                virtualBytes: own.virtualBytes, isExact: true)
        ]
    }

    private func process(
        _ pid: Int32, _ kind: MemoryReport.Process.Kind, _ name: String, _ memory: ProcessMemory
    ) -> MemoryReport.Process {
        MemoryReport.Process(
            pid: pid, kind: kind, name: name, privateBytes: memory.privateBytes, sharedBytes: memory.sharedBytes,
            pssBytes: memory.proportionalBytes, swapBytes: memory.swapBytes, virtualBytes: memory.virtualBytes,
            isExact: memory.isExact)
    }
}

extension ProcessEntry {
    private var base: Substring { (command.first ?? "").split(separator: "/").last ?? "" }
    /// Workers have titles of several words.
    fileprivate var isPassenger: Bool {
        base == "passenger" && command.count > 1 || base.hasPrefix("passenger-") && !base.contains(" ")
    }
    /// `passenger-guard`; `passenger _run` of an internal command.
    fileprivate var shortName: String {
        command.count > 1 && command[1].hasPrefix("_") ? "\(base) \(command[1])" : "\(base)"
    }
}

extension MemoryCensus {
    /// Of this machine, now. A process that makes its readers wait is looked at from afar.
    static func now() -> MemoryCensus {
        let eyes = PatientEyes()
        return MemoryCensus(entries: ProcessEntry.all()) { pid in
            eyes.look(at: "\(pid)") { processMemory(pid: pid) } ?? processMemoryAtAGlance(pid: pid)
        }
    }
}
