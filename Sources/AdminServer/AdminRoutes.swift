import AdminAPI
import HTTPTypes
import Hummingbird
import Model
import NIOCore

/// The routes: parse, ask the control plane, print.
struct AdminRoutes {
    private static let maxBody = 64 * 1024
    /// The whole file twice: as it was and as it is to be.
    private static let maxEnvironment = 4 << 20
    /// Thirty years: what is longer is a mistake.
    private static let longestBake = 1e9
    let controlPlane: any ControlPlane
    let standing: Standing
    let uploads: ArchiveUpload

    func responder() -> some HTTPResponder<AdminContext> {
        let router = Router(context: AdminContext.self)
        router.add(middleware: AuditTrail())
        router.add(middleware: ErrorAnswers(table: table))
        router.add(middleware: AccessCheck(standing: standing))
        addRoutes(router)
        return router.buildResponder()
    }

    /// Made when it is asked for: hardly any request needs it.
    func table() -> RouteTable {
        let table = RouteTable()
        addRoutes(table)
        return table
    }

    private func addRoutes(_ router: some RouterMethods<AdminContext>) {
        addServerRoutes(router)
        addAppRoutes(router.group("apps/:app"))
    }

    private func addServerRoutes(_ router: some RouterMethods<AdminContext>) {
        let plane = controlPlane
        router.get("livez") { _, _ in try json(HealthAnswer(status: "live")) }
        router.get("readyz") { _, _ in
            guard let reason = await plane.unreadiness() else { return try json(HealthAnswer(status: "ready")) }
            // A stranger is not told which apps there are.
            throw ControlError(.notRunning, standing.isStranger ? "Not ready." : "Not ready: \(reason).")
        }
        router.get("ping") { _, _ in try json(await plane.ping()) }
        router.get("status") { _, _ in json(bytes: seen(await plane.status()).json(), .ok) }
        addMetricsRoutes(router)
        router.get("apps") { _, _ in try json(await plane.apps().filter { standing.allows(.view, $0.name) }) }
        router.post("stop") { request, context in
            try requireAll(context, to: "stop")
            let order = try await body(StopRequest.self, of: request)
            return try json(await plane.stop(order, caller: context.caller), .accepted)
        }
        router.post("reload") { _, context in
            try requireAll(context, to: "reload")
            return try json(await plane.reload(caller: context.caller))
        }
        router.post("upgrade") { _, context in
            try requireAll(context, to: "upgrade")
            return try json(await plane.upgrade(caller: context.caller))
        }
    }

    /// For what concerns the whole server.
    private func requireAll(_ context: AdminContext, to deed: String) throws {
        guard standing != .all else { return }
        throw ControlError(
            .forbidden, "\(context.caller.subject) may not \(deed) this server.",
            hint: "Run the command as root or as the user that the server runs as.")
    }

    private func addAppRoutes(_ group: RouterGroup<AdminContext>) {
        let plane = controlPlane
        group.get("deploys") { _, context in try json(await plane.deploys(try await app(context, .view))) }
        group.get("releases") { _, context in try json(await plane.releases(try await app(context, .view))) }
        group.get("deploys/:n") { _, context in
            try json(await plane.deploy(try await app(context, .view), try deployNumber(context)))
        }
        group.post("deploys") { request, context in
            let app = try await app(context, .deploy)
            let order = try await deployOrder(request, app, context)
            return try json(await plane.startDeploy(app, order, caller: context.caller), .accepted)
        }
        group.post("deploys/plan") { request, context in
            let app = try await app(context, .deploy)
            let order = try await deployOrder(request, app, context)
            return try json(await plane.planDeploy(app, order, caller: context.caller))
        }
        group.post("deploys/:n/abort") { _, context in
            let (app, number) = (try await app(context, .deploy), try deployNumber(context))
            return try json(await plane.abort(app, deploy: number, caller: context.caller), .accepted)
        }
        group.post("deploys/:n/resume") { request, context in
            let (app, number) = (try await app(context, .deploy), try deployNumber(context))
            let order = try await body(DeployOrder.self, of: request)
            return try json(
                await plane.resumeDeploy(app, deploy: number, order, caller: context.caller), .accepted)
        }
        group.post("deploys/:n/approve") { request, context in
            let (app, number) = (try await app(context, .deploy), try deployNumber(context))
            let order = try await body(DeployOrder.self, of: request)
            return try json(await plane.approve(app, deploy: number, order, caller: context.caller), .accepted)
        }
        group.post("lock") { request, context in
            let app = try await app(context, .deploy)
            let order = try await body(LockRequest.self, of: request)
            let isText = order.message.unicodeScalars.allSatisfy { !CharacterClass.isControl($0) }
            guard !order.message.isEmpty, order.message.unicodeScalars.count <= 1000, isText else {
                throw ControlError(.usage, "message is a line of text of at most 1000 characters.")
            }
            return try json(await plane.lock(app, order, caller: context.caller))
        }
        group.post("unlock") { request, context in
            let app = try await app(context, .deploy)
            let order = try await body(UnlockRequest.self, of: request)
            return try json(await plane.unlock(app, order, caller: context.caller))
        }
        group.post("rollback") { request, context in
            let app = try await app(context, .deploy)
            let order = try await body(RollbackRequest.self, of: request)
            return try json(await plane.startRollback(app, order, caller: context.caller), .accepted)
        }
        group.post("restart") { request, context in
            let app = try await app(context, .deploy)
            let order = try await body(RestartRequest.self, of: request)
            return try json(await plane.startRestart(app, order, caller: context.caller), .accepted)
        }
        addCapacityRoutes(group)
        addEnvironmentRoutes(group)
        group.put("archive") { request, context in
            let app = try await app(context, .deploy)
            return try json(
                await uploads.receive(request, in: plane.spoolDirectory) { file in
                    try await plane.importArchive(app, file: file)
                })
        }
        group.get("operations/:id/events") { _, context in
            let app = try await app(context, .view)
            let text = try context.parameters.require("id")
            guard let operation = OperationID(text) else {
                throw ControlError(.notFound, "There is no operation \"\(text)\".")
            }
            return eventStream(try await plane.events(app, operation: operation))
        }
        group.get("logs") { request, context in
            let app = try await app(context, .view)
            return lineStream(try await plane.logs(app, try logQuery(request)))
        }
    }

    private func deployOrder(
        _ request: Request, _ app: AppName, _ context: AdminContext
    ) async throws -> DeployRequest {
        let order = try await body(DeployRequest.self, of: request)
        // Another repository than the configured one is any program at all.
        if order.repo != nil { try await require(.shell, app, context) }
        if let bake = order.bakeSeconds, !(0...AdminRoutes.longestBake).contains(bake) {
            throw ControlError(.usage, "bake_seconds is a number from 0 to \(Int(AdminRoutes.longestBake)).")
        }
        return order
    }

    private func addEnvironmentRoutes(_ group: RouterGroup<AdminContext>) {
        let plane = controlPlane
        group.get("env") { request, context in
            let app = try await app(context, .shell)
            let values = try flag("values", of: request)
            return try json(await plane.environment(app, values: values))
        }
        group.get("context") { _, context in
            try json(await plane.processContext(try await app(context, .shell)))
        }
        group.post("env") { request, context in
            let app = try await app(context, .shell)
            let order = try await body(EnvironmentRequest.self, of: request, limit: AdminRoutes.maxEnvironment)
            return try json(await plane.changeEnvironment(app, order, caller: context.caller), .accepted)
        }
    }

    private func addCapacityRoutes(_ group: RouterGroup<AdminContext>) {
        let plane = controlPlane
        group.post("scale") { request, context in
            let app = try await app(context, .operate)
            let order = try await body(ScaleRequest.self, of: request)
            if let workers = order.workers, !(1...100_000).contains(workers) {
                throw ControlError(.usage, "workers is a number from 1 to 100000, or null.")
            }
            return try json(await plane.scale(app, order, caller: context.caller))
        }
        group.post("pause") { request, context in
            let app = try await app(context, .operate)
            let order = try await body(PauseRequest.self, of: request)
            guard order.holdSeconds >= 0, order.holdSeconds <= 86_400 else {
                throw ControlError(.usage, "hold_seconds is a number from 0 to 86400.")
            }
            return try json(await plane.pause(app, order, caller: context.caller))
        }
        group.post("resume") { _, context in
            let app = try await app(context, .operate)
            return try json(await plane.resume(app, caller: context.caller))
        }
        group.post("workers/:pid/detach") { _, context in
            let app = try await app(context, .operate)
            let text = try context.parameters.require("pid")
            guard text.first != "+", let pid = Int32(text), pid > 0 else {
                throw ControlError(.notFound, "No worker has the process id \"\(text)\".")
            }
            return try json(await plane.detach(app, pid: pid, caller: context.caller))
        }
    }

    /// The app that the path names, if its caller has the role; `-` is the only one that it may see.
    private func app(_ context: AdminContext, _ role: AppRole) async throws -> AppName {
        let text = try context.parameters.require("app")
        let all = await controlPlane.apps().map(\.name)
        let seen = all.filter { standing.allows(.view, $0) }
        if text == "-" {
            guard seen.count == 1 else {
                throw ControlError(
                    .unknownApp, seen.isEmpty ? "This server has no app." : "This server has \(seen.count) apps.",
                    hint: seen.isEmpty ? nil : "Name one: \(list(seen)).")
            }
            try await require(role, seen[0], context)
            return seen[0]
        }
        guard let name = AppName(text), all.contains(name) else {
            throw ControlError(
                .unknownApp, "There is no app \"\(text)\".", hint: seen.isEmpty ? nil : "There is: \(list(seen)).")
        }
        try await require(role, name, context)
        return name
    }

    private func require(_ role: AppRole, _ app: AppName, _ context: AdminContext) async throws {
        guard !standing.allows(role, app) else { return }
        let access = await controlPlane.access().first { $0.app == app }
        throw AccessPolicy.refusal(of: context.caller, role, access, app: app)
    }

    /// Of the server's own affairs only its users are told.
    private func seen(_ report: StatusReport) -> StatusReport {
        guard standing != .all else { return report }
        var report = report
        report.server.warnings = nil
        report.apps.removeAll { !standing.allows(.view, $0.name) }
        return report
    }

    private func list(_ names: [AppName]) -> String { names.map(\.rawValue).joined(separator: ", ") }

    private func deployNumber(_ context: AdminContext) throws -> DeployNumber {
        let text = try context.parameters.require("n")
        guard text.first != "+", let number = Int(text), number > 0 else {
            throw ControlError(.notFound, "There is no deploy \"\(text)\".", hint: "Deploys are numbered from 1.")
        }
        return DeployNumber(number)
    }

    /// An empty body is an empty object: every member of every request has a default.
    private func body<Value: Decodable>(
        _ type: Value.Type, of request: Request, limit: Int = AdminRoutes.maxBody
    ) async throws -> Value {
        let bytes: ByteBuffer
        do {
            bytes = try await request.body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw ControlError(.bodyTooLarge, "The request body is over \(limit) bytes.")
        }
        let text = bytes.readableBytes == 0 ? Array("{}".utf8) : Array(bytes.readableBytesView)
        do {
            return try WireJSON.decode(type, from: text)
        } catch let error as DecodingError {
            throw ControlError(.usage, "The request body is not what this path takes: \(error.inWords).")
        }
    }

    func json(_ value: some Encodable, _ status: HTTPResponse.Status = .ok) throws -> Response {
        json(bytes: try WireJSON.encode(value, pretty: true), status)
    }

    private func json(bytes: [UInt8], _ status: HTTPResponse.Status) -> Response {
        var bytes = bytes
        bytes.append(UInt8(ascii: "\n"))
        let headers: HTTPFields = [.contentType: "application/json"]
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// `true`, or `false` as it is without it. Other words are refused, and not taken for the one that was not meant.
    private func flag(_ name: String, of request: Request) throws(ControlError) -> Bool {
        switch request.uri.queryParameters[Substring(name)] {
        case nil, "false": return false
        case "true": return true
        default: throw ControlError(.usage, "\(name) is true or false.")
        }
    }

    private func logQuery(_ request: Request) throws(ControlError) -> LogQuery {
        let asked = request.uri.queryParameters
        var query = LogQuery()
        query.follows = try flag("follow", of: request)
        query.source = asked["source"].map(String.init)
        if let text = asked["lines"] {
            guard let lines = Int(text), (0...LogQuery.mostLines).contains(lines) else {
                throw ControlError(.usage, "lines is a number from 0 to \(LogQuery.mostLines).")
            }
            query.lines = lines
        }
        if let text = asked["generation"] {
            guard let number = UInt32(text) else { throw ControlError(.usage, "generation is a number.") }
            query.generation = GenerationNumber(number)
        }
        return query
    }

    /// The next batch is asked for when the one before was taken.
    private func lineStream(_ batches: AsyncStream<[LogEvent]>) -> Response {
        let body = ResponseBody { writer in
            for await batch in batches {
                var lines: [UInt8] = []
                for event in batch { lines += try WireJSON.encode(event) + [UInt8(ascii: "\n")] }
                try await writer.write(ByteBuffer(bytes: lines))
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "application/x-ndjson"], body: body)
    }

    /// One JSON object a line, written as they come; a slow reader holds back only itself.
    private func eventStream(_ events: AsyncStream<OperationEvent>) -> Response {
        let body = ResponseBody { writer in
            for await event in events {
                var line = try WireJSON.encode(event)
                line.append(UInt8(ascii: "\n"))
                try await writer.write(ByteBuffer(bytes: line))
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "application/x-ndjson"], body: body)
    }
}

private enum CharacterClass {
    static func isControl(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.generalCategory == .control }
}
