package import AdminAPI
package import Model

/// Asks a server's admin API over its Unix socket. Blocking: commands have one thread and nothing else to do.
package struct AdminClient: Sendable {
    package let socketPath: String
    /// For the answer to a plain request; event streams have no limit.
    private var timeout: Duration

    package init(socketPath: String, timeout: Duration = .seconds(30)) {
        self.socketPath = socketPath
        self.timeout = timeout
    }

    package func get<Answer: Decodable>(_ path: String, as type: Answer.Type) throws(ControlError) -> Answer {
        try decode(type, from: ask("GET", path, body: []))
    }

    package func post<Answer: Decodable>(
        _ path: String, _ request: some Encodable, as type: Answer.Type
    ) throws(ControlError) -> Answer {
        guard let body = try? WireJSON.encode(request) else {
            throw ControlError(.usage, "The request cannot be written as JSON.")
        }
        return try decode(type, from: ask("POST", path, body: body))
    }

    /// The answer as it is, whatever its status; `onBytes` is given the body as it comes. Returns the status.
    package func raw(
        _ method: String, _ path: String, body: [UInt8], onBytes: ([UInt8]) -> Void
    ) throws(ControlError) -> Int {
        var connection = try AdminConnection.open(socketPath: socketPath, method: method, path: path, body: body)
        while true {
            // Until the head is there the server owes an answer; after that it may be an event stream.
            switch try connection.next(timeout: connection.hasHead ? nil : timeout) {
            case .bytes(let bytes): if !bytes.isEmpty { onBytes(bytes) }
            case .timedOut: if !connection.hasHead { throw silence }
            case .interrupted: continue
            case .done: return connection.status
            }
        }
    }

    /// Sends all that comes from a descriptor as the app's archive.
    package func sendArchive(_ app: AppName, from descriptor: Int32) throws(ControlError) -> ArchiveAnswer {
        var connection = try AdminConnection.open(
            socketPath: socketPath, method: "PUT", path: "/apps/\(app)/archive", streaming: descriptor)
        var answer: [UInt8] = []
        while true {
            // Unpacking takes as long as it takes.
            switch try connection.next(timeout: nil) {
            case .bytes(let bytes): answer += bytes
            case .timedOut, .interrupted: continue
            case .done:
                guard (200..<300).contains(connection.status) else {
                    throw AdminClient.error(in: answer, status: connection.status)
                }
                return try decode(ArchiveAnswer.self, from: answer)
            }
        }
    }

    /// The events of an operation, from its first.
    package func events(_ app: AppName, _ operation: OperationID) throws(ControlError) -> EventStream<OperationEvent> {
        let path = "/apps/\(app)/operations/\(operation)/events"
        return EventStream(try AdminConnection.open(socketPath: socketPath, method: "GET", path: path, body: []))
    }

    /// What the app's processes wrote, and with `follows` what they write.
    package func logs(_ app: AppName, _ query: LogQuery) throws(ControlError) -> EventStream<LogEvent> {
        EventStream(
            try AdminConnection.open(
                socketPath: socketPath, method: "GET", path: "/apps/\(app)/logs?\(query.text)", body: []))
    }

    /// What a core refuses because another one has taken over is asked of that one.
    private func ask(_ method: String, _ path: String, body: [UInt8]) throws(ControlError) -> [UInt8] {
        do throws(ControlError) {
            return try askOnce(method, path, body: body)
        } catch  where error.code == .superseded {
            return try askOnce(method, path, body: body)
        }
    }

    private func askOnce(_ method: String, _ path: String, body: [UInt8]) throws(ControlError) -> [UInt8] {
        var answer: [UInt8] = []
        let status = try raw(method, path, body: body) { answer += $0 }
        guard (200..<300).contains(status) else { throw AdminClient.error(in: answer, status: status) }
        return answer
    }

    private func decode<Answer: Decodable>(_ type: Answer.Type, from bytes: [UInt8]) throws(ControlError) -> Answer {
        try understood { try WireJSON.decode(type, from: bytes) }
    }

    private func understood<Answer>(_ read: () throws -> Answer) throws(ControlError) -> Answer {
        do {
            return try read()
        } catch {
            throw ControlError(
                .failed, "The server's answer is not understood.",
                hint: "Server and command may be of different versions: see passenger --version and GET /ping.",
                details: [(error as? DecodingError)?.inWords ?? "\(error)"])
        }
    }

    private var silence: ControlError {
        ControlError(.timedOut, "The server did not answer within \(Int(timeout.inSeconds)) s.")
    }

    private struct ErrorEnvelope: Decodable { var error: ControlError }

    static func error(in body: [UInt8], status: Int) -> ControlError {
        if let envelope = try? WireJSON.decode(ErrorEnvelope.self, from: body) { return envelope.error }
        return ControlError(.failed, "The server answered with HTTP status \(status).")
    }
}

/// The paths that commands use, in one place.
extension AdminClient {
    package func status() throws(ControlError) -> StatusReport {
        let json = try statusJSON()
        return try understood { try StatusReport(json: json) }
    }
    /// The same as the server writes it: a large one takes longer to read, and to write again, than it takes to come by.
    package func statusJSON() throws(ControlError) -> [UInt8] { try ask("GET", "/status", body: []) }

    package func metrics(of app: String? = nil) throws(ControlError) -> MetricsReport {
        try get("/metrics.json\(AdminClient.query(app: app))", as: MetricsReport.self)
    }

    /// In Prometheus' form.
    package func metricsText(of app: String? = nil) throws(ControlError) -> [UInt8] {
        try ask("GET", "/metrics\(AdminClient.query(app: app))", body: [])
    }

    /// A name that is none finds nothing, and need not be written as a part of a path.
    private static func query(app: String?) -> String {
        app.map { "?app=\(AppName($0)?.rawValue ?? ".")" } ?? ""
    }

    package func apps() throws(ControlError) -> [AppSummary] { try get("/apps", as: [AppSummary].self) }

    package func deploy(_ app: AppName, _ request: DeployRequest) throws(ControlError) -> OperationAccepted {
        try post("/apps/\(app)/deploys", request, as: OperationAccepted.self)
    }

    /// Fetching takes as long as it takes.
    package func plan(_ app: AppName, _ request: DeployRequest) throws(ControlError) -> DeployPlan {
        var patient = self
        patient.timeout = .seconds(600)
        return try patient.post("/apps/\(app)/deploys/plan", request, as: DeployPlan.self)
    }

    package func rollback(_ app: AppName, _ request: RollbackRequest) throws(ControlError) -> OperationAccepted {
        try post("/apps/\(app)/rollback", request, as: OperationAccepted.self)
    }

    package func restart(_ app: AppName, _ request: RestartRequest) throws(ControlError) -> OperationAccepted {
        try post("/apps/\(app)/restart", request, as: OperationAccepted.self)
    }

    package func scale(_ app: AppName, _ request: ScaleRequest) throws(ControlError) -> ScaleAnswer {
        try post("/apps/\(app)/scale", request, as: ScaleAnswer.self)
    }

    package func pause(_ app: AppName, _ request: PauseRequest) throws(ControlError) -> PauseAnswer {
        try post("/apps/\(app)/pause", request, as: PauseAnswer.self)
    }

    package func resume(_ app: AppName) throws(ControlError) -> PauseAnswer {
        try post("/apps/\(app)/resume", ResumeRequest(), as: PauseAnswer.self)
    }

    package func detach(_ app: AppName, pid: Int32) throws(ControlError) -> DetachAnswer {
        try post("/apps/\(app)/workers/\(pid)/detach", DetachRequest(), as: DetachAnswer.self)
    }

    package func processContext(_ app: AppName) throws(ControlError) -> ProcessContext {
        try get("/apps/\(app)/context", as: ProcessContext.self)
    }

    package func abort(_ app: AppName, deploy number: DeployNumber) throws(ControlError) -> OperationAccepted {
        try post("/apps/\(app)/deploys/\(number)/abort", RestartRequest(), as: OperationAccepted.self)
    }

    package func resumeDeploy(
        _ app: AppName, deploy number: DeployNumber, _ order: DeployOrder
    ) throws(ControlError) -> OperationAccepted {
        try post("/apps/\(app)/deploys/\(number)/resume", order, as: OperationAccepted.self)
    }

    package func approve(
        _ app: AppName, deploy number: DeployNumber, _ order: DeployOrder
    ) throws(ControlError) -> OperationAccepted {
        try post("/apps/\(app)/deploys/\(number)/approve", order, as: OperationAccepted.self)
    }

    package func lock(_ app: AppName, _ request: LockRequest) throws(ControlError) -> LockAnswer {
        try post("/apps/\(app)/lock", request, as: LockAnswer.self)
    }

    package func unlock(_ app: AppName, _ request: UnlockRequest) throws(ControlError) -> LockAnswer {
        try post("/apps/\(app)/unlock", request, as: LockAnswer.self)
    }

    package func deploys(_ app: AppName) throws(ControlError) -> [DeploySummary] {
        try get("/apps/\(app)/deploys", as: [DeploySummary].self)
    }

    package func deployDetail(_ app: AppName, _ number: DeployNumber) throws(ControlError) -> DeployDetail {
        try get("/apps/\(app)/deploys/\(number)", as: DeployDetail.self)
    }

    package func releases(_ app: AppName) throws(ControlError) -> [ReleaseSummary] {
        try get("/apps/\(app)/releases", as: [ReleaseSummary].self)
    }

    package func environment(_ app: AppName, values: Bool) throws(ControlError) -> EnvironmentAnswer {
        try get("/apps/\(app)/env\(values ? "?values=true" : "")", as: EnvironmentAnswer.self)
    }

    package func changeEnvironment(
        _ app: AppName, _ request: EnvironmentRequest
    ) throws(ControlError) -> EnvironmentChange {
        try post("/apps/\(app)/env", request, as: EnvironmentChange.self)
    }

    /// The files of every app are looked at.
    package func reload() throws(ControlError) -> ReloadAnswer {
        var patient = self
        patient.timeout = .seconds(600)
        return try patient.post("/reload", ReloadRequest(), as: ReloadAnswer.self)
    }

    /// A deploy that runs is waited for.
    package func upgrade() throws(ControlError) -> UpgradeAnswer {
        var patient = self
        patient.timeout = .seconds(1800)
        return try patient.post("/upgrade", UpgradeRequest(), as: UpgradeAnswer.self)
    }

    package func stop(_ request: StopRequest) throws(ControlError) -> StopAccepted {
        try post("/stop", request, as: StopAccepted.self)
    }
}
