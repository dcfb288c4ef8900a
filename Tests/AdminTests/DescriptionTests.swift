import AdminAPI
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import Model
import NIOCore
import Testing
import Yams

@testable import AdminServer

/// templates/openapi.yaml against the code: what is in one of them and not in the other.
struct DescriptionTests {
    private struct Types {
        var request: (any Decodable.Type)?
        var answer: (any Decodable.Type)?
        /// Each line of the answer; such types are described event by event.
        var line: String?
        init(_ answer: (any Decodable.Type)?, from request: (any Decodable.Type)? = nil, line: String? = nil) {
            self.answer = answer
            self.request = request
            self.line = line
        }
    }

    private static var operations: [String: Types] {
        [
            "GET /livez": Types(HealthAnswer.self), "GET /readyz": Types(HealthAnswer.self),
            "GET /ping": Types(PingAnswer.self), "GET /status": Types(StatusReport.self),
            "GET /metrics": Types(String.self), "GET /metrics.json": Types(MetricsReport.self),
            "GET /apps": Types([AppSummary].self), "POST /stop": Types(StopAccepted.self, from: StopRequest.self),
            "POST /reload": Types(ReloadAnswer.self), "POST /upgrade": Types(UpgradeAnswer.self),
            "GET /apps/{app}/deploys": Types([DeploySummary].self),
            "POST /apps/{app}/deploys": Types(OperationAccepted.self, from: DeployRequest.self),
            "POST /apps/{app}/deploys/plan": Types(DeployPlan.self, from: DeployRequest.self),
            "GET /apps/{app}/deploys/{n}": Types(DeployDetail.self),
            "POST /apps/{app}/deploys/{n}/abort": Types(OperationAccepted.self),
            "POST /apps/{app}/deploys/{n}/resume": Types(OperationAccepted.self, from: DeployOrder.self),
            "POST /apps/{app}/deploys/{n}/approve": Types(OperationAccepted.self, from: DeployOrder.self),
            "GET /apps/{app}/releases": Types([ReleaseSummary].self),
            "POST /apps/{app}/lock": Types(LockAnswer.self, from: LockRequest.self),
            "POST /apps/{app}/unlock": Types(LockAnswer.self, from: UnlockRequest.self),
            "POST /apps/{app}/rollback": Types(OperationAccepted.self, from: RollbackRequest.self),
            "POST /apps/{app}/restart": Types(OperationAccepted.self, from: RestartRequest.self),
            // A file: `binary`.
            "PUT /apps/{app}/archive": Types(ArchiveAnswer.self, from: String.self),
            "GET /apps/{app}/operations/{id}/events": Types(nil, line: "OperationEvent"),
            "GET /apps/{app}/logs": Types(nil, line: "LogEvent"),
            "POST /apps/{app}/scale": Types(ScaleAnswer.self, from: ScaleRequest.self),
            "POST /apps/{app}/pause": Types(PauseAnswer.self, from: PauseRequest.self),
            "POST /apps/{app}/resume": Types(PauseAnswer.self),
            "POST /apps/{app}/workers/{pid}/detach": Types(DetachAnswer.self),
            "GET /apps/{app}/env": Types(EnvironmentAnswer.self),
            "POST /apps/{app}/env": Types(EnvironmentChange.self, from: EnvironmentRequest.self),
            "GET /apps/{app}/context": Types(ProcessContext.self),
        ]
    }

    private let description: Described
    private let blog = AppName("blog")!

    init() throws {
        let path = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined() + "/templates/openapi.yaml"
        description = Described(try Yams.load(yaml: String(contentsOfFile: path, encoding: .utf8)))
    }

    private func routes(_ standing: Standing = .all) -> AdminRoutes {
        AdminRoutes(controlPlane: FakeControlPlane(), standing: standing, uploads: ArchiveUpload())
    }

    /// `GET /status` and what is said of it.
    private var described: [String: Described] {
        var found: [String: Described] = [:]
        for (path, item) in description["paths"].members {
            for (method, operation) in item.members where method != "parameters" {
                found["\(method.uppercased()) \(path)"] = operation
            }
        }
        return found
    }

    @Test func `Each route is described, and nothing else is`() {
        let routes = Set(routes().table().routes.map { "\($0.method.rawValue) \($0.path)" })
        #expect(routes == Set(described.keys))
        #expect(routes == Set(DescriptionTests.operations.keys))
        for (name, operation) in described {
            let asked = name.matches(of: /\{(\w+)\}/).map { String($0.output.1) }
            let item = description["paths"][String(name.split(separator: " ")[1])]
            let named = item["parameters"].items.map { resolved($0)["name"].text }
            #expect(asked == named, "\(name)")
            for answer in operation["responses"].members.values {
                #expect(!resolved(answer)["description"].text.isEmpty, "\(name)")
            }
        }
    }

    @Test func `Requests and answers have the members, types and choices that are described`() throws {
        let (asked, answered) = (ShapeCatalogue(), ShapeCatalogue())
        for (name, types) in DescriptionTests.operations {
            let operation = try #require(described[name], "\(name)")
            let request = operation["requestBody"]["content"].members.values.first?["schema"]
            if let type = types.request {
                #expect(isSame(try asked.shape(of: type), try #require(request, "\(name)")), "\(name)")
            } else {
                #expect(request == nil, "\(name)")
            }
            let success = try #require(operation["responses"].members.first { $0.key.hasPrefix("2") }?.value, "\(name)")
            let answer = try #require(success["content"].members.values.first?["schema"], "\(name)")
            if let type = types.answer { #expect(isSame(try answered.shape(of: type), answer), "\(name)") }
            if let line = types.line { #expect(answer["$ref"].text == "#/components/schemas/\(line)", "\(name)") }
        }
        _ = try answered.shape(of: ErrorEnvelope.self)
        // Of the events, which are described one by one.
        for type in [OperationResult.self, OperationEvent.NoticeLevel.self] as [any Decodable.Type] {
            _ = try answered.shape(of: type)
        }
        _ = try answered.shape(of: [GenerationNumber].self)
        let all = asked.definitions.merging(answered.definitions) { $1 }
        let schemas = description["components"]["schemas"]
        #expect(Set(all.keys).union(["OperationEvent", "LogEvent"]) == Set(schemas.members.keys))
        for (name, definition) in all {
            check(definition, schemas[name], name, isRequest: answered.definitions[name] == nil)
        }
    }

    private func check(
        _ definition: ShapeCatalogue.Definition, _ schema: Described, _ name: String, isRequest: Bool
    ) {
        switch definition {
        case .choice(let names):
            #expect(schema["type"].text == "string" && schema["enum"].items.map(\.text) == names, "\(name)")
        case .single(let shape): #expect(isSame(shape, schema), "\(name)")
        case .object(let members, let required):
            #expect(schema["type"].text == "object", "\(name)")
            #expect(Set(members.keys) == Set(schema["properties"].members.keys), "\(name)")
            #expect(required == Set(schema["required"].items.map(\.text)), "\(name)")
            for (member, shape) in members {
                let property = schema["properties"][member]
                #expect(isSame(shape, property), "\(name).\(member)")
                // What may be left out of a request may be null; what is not in an answer is absent.
                #expect(isNullable(property) == (isRequest && !required.contains(member)), "\(name).\(member)")
            }
        }
    }

    private func isNullable(_ schema: Described) -> Bool {
        schema["type"].items.contains { $0.text == "null" }
            || schema["oneOf"].items.contains { $0["type"].text == "null" }
    }

    private func isSame(_ shape: Shape, _ schema: Described) -> Bool {
        if let choice = schema["oneOf"].items.first { return isSame(shape, choice) }
        let type = schema["type"].items.first?.text ?? schema["type"].text
        switch shape {
        case .string: return type == "string"
        case .integer: return type == "integer"
        case .number: return type == "number"
        case .boolean: return type == "boolean"
        case .list(let element): return type == "array" && isSame(element, schema["items"])
        case .map(let value): return type == "object" && isSame(value, schema["additionalProperties"])
        case .named(let name): return schema["$ref"].text == "#/components/schemas/\(name)"
        }
    }

    private func resolved(_ node: Described) -> Described {
        node["$ref"].text.split(separator: "/").dropFirst().reduce(node["$ref"].text.isEmpty ? node : description) {
            $0[String($1)]
        }
    }

    @Test func `Each event has the members that are described`() throws {
        let line = LogLine(
            time: WallTime(millisecondsSince1970: 0), generation: GenerationNumber(7), worker: WorkerNumber(12),
            source: "w12", stream: "stderr", text: "boom")
        let logs = try [LogEvent.line(line), .skipped(lines: 3)].map { try WireJSON.encode($0) }
        let operations = try WireFormatTests.lines.map { try WireJSON.encode($0.0) }
        for (name, lines) in [("LogEvent", logs), ("OperationEvent", operations)] {
            let choices = description["components"]["schemas"][name]["oneOf"].items
            var seen: [String: Set<String>] = [:]
            for line in lines {
                let members = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
                let event = try #require(members["event"] as? String)
                let choice = try #require(
                    choices.first { $0["properties"]["event"]["const"].text == event }, "\(event)")
                #expect(Set(choice["required"].items.map(\.text)).isSubset(of: members.keys), "\(event)")
                seen[event, default: []].formUnion(members.keys)
            }
            #expect(seen.count == choices.count)
            for choice in choices {
                let event = choice["properties"]["event"]["const"].text
                #expect(seen[event] == Set(choice["properties"].members.keys), "\(event)")
            }
        }
    }

    @Test func `Each answer's status is that of its code, and is described`() {
        let known = Set(ErrorCode.allCases.map { "\($0.httpStatus)" })
        let errors = description["components"]["responses"].members
        for (name, operation) in described {
            for (status, answer) in operation["responses"].members where !status.hasPrefix("2") {
                #expect(known.contains(status), "\(name) \(status)")
                #expect(
                    errors[String(answer["$ref"].text.split(separator: "/").last ?? "")] != nil, "\(name) \(status)")
            }
        }
    }

    @Test func `Each operation needs the role that is described, and its answer is one of those that are`() async throws
    {
        let bodies = ["/lock": #"{"message":"a"}"#]
        var standings: [(AppRole?, Standing)] = AppRole.allCases.map { ($0, .roles([blog: [$0]])) }
        standings += [(nil, .all), (nil, .roles([:]))]
        for (name, operation) in described {
            let words = name.split(separator: " ").map(String.init)
            let path = [("{app}", "blog"), ("{n}", "8"), ("{pid}", "42"), ("{id}", "deploy-8")].reduce(words[1]) {
                $0.replacing($1.0, with: $1.1)
            }
            let needed = operation["x-role"].text
            for (role, standing) in standings {
                let isAllowed =
                    switch needed {
                    case "none": true
                    case "all": standing == .all
                    default: standing == .all || role.map { $0.includes(AppRole(rawValue: needed)!) } ?? false
                    }
                let body = bodies.first { words[1].hasSuffix($0.key) }?.value ?? ""
                let answer = try await ask(words[0], path, standing, body)
                let status = "\(answer.status.code)"
                #expect((status != "403") == isAllowed, "\(name) as \(standing): \(status)")
                #expect(operation["responses"].members[status] != nil, "\(name) as \(standing): \(status)")
            }
        }
    }

    @Test(arguments: [
        ("DELETE", "/status", "GET"), ("HEAD", "/apps", "GET"), ("PUT", "/apps/blog/deploys/", "GET, POST"),
        ("GET", "/apps/blog/deploys/plan", "POST"), ("POST", "/apps/blog/deploys/8", "GET"), ("GET", "/stop", "POST"),
    ])
    func `A method that a path does not take is answered with those that it takes`(
        _ method: String, _ path: String, _ allowed: String
    ) async throws {
        let answer = try await ask(method, path, .all, "")
        #expect(answer.status == .methodNotAllowed && answer.headers[.allow] == allowed)
        // A stranger does not even learn which paths there are.
        #expect(try await ask(method, path, .roles([:]), "").status == .forbidden)
    }

    @Test(arguments: [
        ("POST", "/apps/blog/deploys", #"{"bake_seconds":-1}"#),
        ("POST", "/apps/blog/deploys", #"{"bake_seconds":1e10}"#),
        ("POST", "/apps/blog/lock", "{\"message\":\"a\(String(repeating: "\u{301}", count: 1000))\"}"),
        ("GET", "/apps/blog/logs?follow=yes", ""), ("GET", "/apps/blog/env?values=TRUE", ""),
    ])
    func `What is out of the range that is described is refused`(
        _ method: String, _ path: String, _ body: String
    ) async throws {
        #expect(try await ask(method, path, .all, body).status == .badRequest)
    }

    @Test(arguments: ["/apps/blog/deploys/+8", "/apps/blog/workers/+42/detach"])
    func `A number has digits alone`(_ path: String) async throws {
        let method = path.hasSuffix("detach") ? "POST" : "GET"
        #expect(try await ask(method, path, .all, "").status == .notFound)
    }

    private func ask(_ method: String, _ path: String, _ standing: Standing, _ body: String) async throws -> Response {
        let method = try #require(HTTPRequest.Method(method))
        let request = Request(
            head: HTTPRequest(method: method, scheme: "http", authority: "x", path: path),
            body: RequestBody(buffer: ByteBuffer(string: body)))
        let context = AdminContext(
            source: AdminContextSource(
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, caller: Caller(uid: 1000, pid: 1)))
        return try await routes(standing).responder().respond(to: request, context: context)
    }
}

/// A piece of the description; what is not there is empty.
private struct Described {
    let value: Any?
    init(_ value: Any?) { self.value = value }

    subscript(_ name: String) -> Described { Described(members[name]?.value) }
    var members: [String: Described] {
        (value as? [AnyHashable: Any] ?? [:]).reduce(into: [:]) { $0["\($1.key)"] = Described($1.value) }
    }
    var items: [Described] { (value as? [Any] ?? []).map { Described($0) } }
    /// Names of types that YAML reads as something else are written as text.
    var text: String { value as? String ?? "" }
}
