import AdminAPI
import AdminClient
import Core
import Foundation
import Glibc
import Linux
import Model

/// The server in the background: a session of its own, its log in a file, and a report on how it came up.
enum Daemon {
    private static let planTarget: Int32 = 3
    private static let reportTarget: Int32 = 4

    /// Returns when the server serves (0) or says why it does not.
    static func start(_ plans: StartPlans) throws -> Int32 {
        let server = plans.core.server
        let log = try openLog(server.logFile ?? defaultLog(server.instanceName, plans.core.environment))
        let report = try launch(plans.supervisor, log: log.number)
        switch try waitForReport(report) {
        case .ready(let summary):
            print("passenger \(ProductVersion.current) \(summary)")
            return try appStatus(plans)
        case .failed(let reason, let exitCode):
            throw StartError(reason, exitCode: exitCode)
        }
    }

    /// The server serves; whether the app does, it says itself. An app that does not boot is tried again for ever, so the
    /// server stays: what is wrong may be a database that comes up later.
    private static func appStatus(_ plans: StartPlans) throws -> Int32 {
        let client = AdminClient(socketPath: "\(plans.core.instanceDirectory)/admin.sock")
        for app in try client.status().apps where !app.generations.contains(where: { $0.state == .live }) {
            guard let failure = app.lastFailure else { continue }
            throw ControlError(
                .failed, "\(app.name) does not boot: \(failure.step): \(failure.summary)",
                hint: failure.hint ?? "The server goes on trying; see its log, or stop it with `passenger stop`.",
                details: failure.details.map { [$0] } ?? failure.outputTail)
        }
        return 0
    }

    /// Spawns the supervisor with `log` as its output; the descriptor returned carries one `StartReport`.
    static func launch(_ plan: SupervisorPlan, log: Int32) throws -> Descriptor {
        let report = try Pipe(nonBlockingReader: false)
        var plan = plan
        plan.reportDescriptor = reportTarget
        let file = try makeMemoryFile(name: "supervisor-plan", contents: MessageCodec.encode(plan), sealed: true)
        let null = try openFile("/dev/null", flags: O_RDWR)
        let pid = try spawnProcess(
            path: "/proc/self/exe", arguments: ["passenger", "_supervise", "\(planTarget)"],
            environment: ServiceVariables.removed(from: ProcessInfo.processInfo.environment).map {
                "\($0.key)=\($0.value)"
            },
            moves: [
                DescriptorMove(source: null.number, target: 0), DescriptorMove(source: log, target: 1),
                DescriptorMove(source: log, target: 2), DescriptorMove(source: file.number, target: planTarget),
                DescriptorMove(source: report.writer.number, target: reportTarget),
            ])
        try StartClaim.pass(to: pid, in: plan.instanceDirectory)
        return try report.reader.duplicate()
    }

    static func waitForReport(_ report: borrowing Descriptor) throws -> StartReport {
        let bytes = try readAll(report.number, limit: 64 << 10)
        guard !bytes.isEmpty else {
            return .failed(reason: "the server ended before it was ready; its log says why", exitCode: 1)
        }
        return try MessageCodec.decodeStartReport(bytes)
    }

    /// Not in the instance's directory, which goes with the server.
    private static func defaultLog(_ instance: String, _ environment: [String: String]) throws -> String {
        let directory =
            geteuid() == 0 ? "/var/log/passenger" : "\(environment["HOME"] ?? "/tmp")/.local/state/passenger/log"
        try InstanceFiles.make(directory, mode: 0o755)
        return "\(directory)/\(instance).log"
    }

    private static func openLog(_ path: String) throws -> Descriptor {
        try openFile(path, flags: O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o640)
    }
}
