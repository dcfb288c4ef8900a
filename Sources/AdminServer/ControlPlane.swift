package import AdminAPI
package import Model

/// Who is at the other end of an admin connection, as the kernel says (SO_PEERCRED), or as a token does.
package struct Caller: Sendable, Equatable, CustomStringConvertible {
    /// Over TCP, the server's own.
    package var uid: UInt32
    package var pid: Int32
    /// Name of the token, over TCP.
    package var token: String?
    package init(uid: UInt32, pid: Int32) {
        self.uid = uid
        self.pid = pid
    }

    package init(token: String, uid: UInt32) {
        self.init(uid: uid, pid: 0)
        self.token = token
    }

    /// For people: `user id 1000`, `token ci`.
    package var description: String { token.map { "token \($0)" } ?? "user id \(uid)" }
    /// At the beginning of a sentence.
    var subject: String { token.map { "Token \($0)" } ?? "User id \(uid)" }
}

/// What the admin API can ask for; the core implements it. Routes parse, check the caller, call one of these, and print.
///
/// An app that does not exist is `ControlError(.unknownApp, …)`, a number that does not exist `.notFound`, an operation
/// that may not start now `.refused`. Starting an operation returns when it is accepted; `events` tells the rest.
package protocol ControlPlane: Sendable {
    func ping() async -> PingAnswer
    /// Why no requests should be sent here now; nil when they may.
    func unreadiness() async -> String?
    func status() async -> StatusReport
    /// Of all apps, whoever asks.
    func metrics() async -> MetricsReport
    func apps() async -> [AppSummary]
    /// Who may do what, of every app.
    func access() async -> [AppAccess]

    func startDeploy(_ app: AppName, _ request: DeployRequest, caller: Caller) async throws(ControlError)
        -> OperationAccepted
    /// What a deploy would do: nothing is done but to fetch.
    func planDeploy(_ app: AppName, _ request: DeployRequest, caller: Caller) async throws(ControlError) -> DeployPlan
    func startRollback(_ app: AppName, _ request: RollbackRequest, caller: Caller) async throws(ControlError)
        -> OperationAccepted
    func startRestart(_ app: AppName, _ request: RestartRequest, caller: Caller) async throws(ControlError)
        -> OperationAccepted
    /// Asks the running deploy to stop; returns the operation whose `finished` tells when it has.
    func abort(_ app: AppName, deploy: DeployNumber, caller: Caller) async throws(ControlError) -> OperationAccepted

    /// Goes on with a deploy that was interrupted, or left pending.
    func resumeDeploy(_ app: AppName, deploy: DeployNumber, _ order: DeployOrder, caller: Caller)
        async throws(ControlError)
        -> OperationAccepted
    /// A person has seen enough: what waits for that goes on, a canary gets everything, a watch is over.
    func approve(_ app: AppName, deploy: DeployNumber, _ order: DeployOrder, caller: Caller) async throws(ControlError)
        -> OperationAccepted
    /// Nothing is deployed until `unlock`.
    func lock(_ app: AppName, _ request: LockRequest, caller: Caller) async throws(ControlError) -> LockAnswer
    func unlock(_ app: AppName, _ request: UnlockRequest, caller: Caller) async throws(ControlError) -> LockAnswer

    /// Done at once, whatever operation runs; kept over restarts of the server.
    func scale(_ app: AppName, _ request: ScaleRequest, caller: Caller) async throws(ControlError) -> ScaleAnswer
    func pause(_ app: AppName, _ request: PauseRequest, caller: Caller) async throws(ControlError) -> PauseAnswer
    func resume(_ app: AppName, caller: Caller) async throws(ControlError) -> PauseAnswer
    /// A process that is no worker of this app is `.notFound`.
    func detach(_ app: AppName, pid: Int32, caller: Caller) async throws(ControlError) -> DetachAnswer

    /// All events of an operation from its first, then live ones; the stream ends after `finished`. The stream must be
    /// bounded by what an operation can emit, not by how fast its reader is.
    func events(_ app: AppName, operation: OperationID) async throws(ControlError) -> AsyncStream<OperationEvent>
    /// Those that are there now; nobody waits for more.
    func eventsUntilNow(_ app: AppName, operation: OperationID) async throws(ControlError) -> [OperationEvent]

    /// What the app's processes wrote, and write, in batches that are made when the reader asks for them: a slow one is told
    /// what it missed.
    func logs(_ app: AppName, _ query: LogQuery) async throws(ControlError) -> AsyncStream<[LogEvent]>

    func deploys(_ app: AppName) async throws(ControlError) -> [DeploySummary]
    func deploy(_ app: AppName, _ number: DeployNumber) async throws(ControlError) -> DeployDetail
    func releases(_ app: AppName) async throws(ControlError) -> [ReleaseSummary]

    /// Of files that are received; on a disk with room.
    var spoolDirectory: String { get }
    /// Takes a tar archive into the app's mirror; `file` stays the caller's.
    func importArchive(_ app: AppName, file: Int32) async throws(ControlError) -> ArchiveAnswer

    func environment(_ app: AppName, values: Bool) async throws(ControlError) -> EnvironmentAnswer
    func changeEnvironment(_ app: AppName, _ request: EnvironmentRequest, caller: Caller) async throws(ControlError)
        -> EnvironmentChange

    /// What a process of the live version has around it, its secrets too.
    func processContext(_ app: AppName) async throws(ControlError) -> ProcessContext

    /// Has the configuration read again; returns when it holds. `.refused`: nothing was changed.
    func reload(caller: Caller) async throws(ControlError) -> ReloadAnswer

    /// Has the program that is installed now take over; returns when its core serves. `.refused`: the server goes on as it is.
    func upgrade(caller: Caller) async throws(ControlError) -> UpgradeAnswer

    /// Begins an orderly shutdown of the whole server.
    func stop(_ request: StopRequest, caller: Caller) async throws(ControlError) -> StopAccepted
}
