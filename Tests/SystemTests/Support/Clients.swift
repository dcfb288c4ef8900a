import AdminAPI
import Foundation
import Testing

/// The clients in Tests/clients, and those that other people wrote.
enum Clients {
    static let directory = "\(SourceTree.path)/Tests/clients"

    static func isInstalled(_ program: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
        }
    }

    /// Runs a client to its end, which has to be a good one; no proxy of this machine's comes between.
    @discardableResult
    static func run(_ command: [String], in place: Place, within limit: Duration = .seconds(180)) throws -> Program.End
    {
        var environment = ProcessInfo.plainEnvironment
        environment["NO_PROXY"] = "*"
        environment["no_proxy"] = "*"
        let end = try Program(command, environment: environment, in: place).wait(within: limit, "\(command)")
        try #require(end.status == 0, "\(command): \(end.everything)")
        return end
    }

    static func curl(_ arguments: String..., in place: Place) throws -> String {
        try run(["curl", "-sS", "--max-time", "90"] + arguments, in: place).output
    }

    /// The interpreter of the virtual environment with the clients from Tests/clients/requirements.txt.
    static func python(in place: Place) throws -> String {
        try run(["\(SourceTree.path)/scripts/lib/client-venv"], in: place, within: .seconds(540)).output.trimmed
    }

    /// What strain.py did to a server, and what came of it.
    static func strain(_ what: String, _ server: TestServer, _ amount: Int) throws -> Strain {
        let command = ["python3", "\(directory)/strain.py", what, "\(server.port)", "\(amount)"]
        let end = try run(command, in: server.place, within: .seconds(450))
        let pid = try server.status().server.corePid
        print("\(what) \(amount): \(end.output.trimmed), core: \(memory(of: pid)) KiB")
        return try JSONDecoder().decode(Strain.self, from: Data(end.output.utf8))
    }

    /// The same over HTTP/2 (http2.py); the server's port speaks TLS.
    static func http2(_ what: String, _ server: TestServer, _ amount: Int, _ path: String? = nil) throws -> Strain {
        let command = ["python3", "\(directory)/http2.py", what, "\(server.port)", "\(amount)"]
        let end = try run(command + (path.map { [$0] } ?? []), in: server.place, within: .seconds(300))
        print("\(what) \(amount): \(end.output.trimmed)")
        return try JSONDecoder().decode(Strain.self, from: Data(end.output.utf8))
    }

    enum Memory: String {
        case now = "VmRSS:"
        case peak = "VmHWM:"
    }

    /// Resident, in KiB.
    static func memory(of pid: Int32, _ which: Memory = .now) -> Int {
        let line = text(of: "/proc/\(pid)/status").split(separator: "\n").first { $0.hasPrefix(which.rawValue) }
        return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } ?? 0
    }
}

/// What strain.py and http2.py print; each kind has some of it.
struct Strain: Decodable {
    var clients: Int?
    var ended: Int?
    /// Seconds until the server let go of the first and of the last.
    var first: Double?
    var last: Double?
    /// How often each beginning of an answer was heard, or the one that was.
    var said: Said?
    var slowestOther: Double?
    var slowestFile: Double?
    var connections: Int?
    var sent: Int?
    /// Of the server's GOAWAY.
    var code: Int?
    var requests: Int?
    var size: Int?
    var digest: String?

    enum CodingKeys: String, CodingKey {
        case clients, ended, first, last, said, connections, sent, code, requests, size, digest
        case slowestOther = "slowest_other_ms"
        case slowestFile = "slowest_file_ms"
    }

    enum Said: Decodable, Equatable {
        case counts([String: Int])
        case one(String)
        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .one(text)
            } else {
                self = .counts(try container.decode([String: Int].self))
            }
        }
    }
}
