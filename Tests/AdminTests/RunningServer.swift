import AdminClient
import AdminServer
import Foundation
import Glibc
import Linux
import Logging
import Model
import NIOPosix

/// Runs `body` against an admin server on a real Unix socket, then stops it and removes everything.
func withServer(
    _ plane: FakeControlPlane, users: [UInt32] = [getuid()], mode: UInt32 = 0o666,
    _ body: @Sendable (_ socketPath: String) async throws -> Void
) async throws {
    let directory = try TemporaryDirectory()
    let path = "\(directory.path)/admin.sock"
    let listener = try listenUnix(path: path, mode: mode, backlog: 16).release()
    let server = AdminServer(
        controlPlane: plane, access: AccessPolicy(instanceUsers: users),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await withThrowingTaskGroup { group in
        group.addTask { try await server.run(listener: listener, group: .singleton) }
        // An error of the body is the test's; the server is stopped in either case.
        defer { group.cancelAll() }
        try await body(path)
    }
}

/// A directory that goes away with its last reference. Traversable by all, so that another user can reach a socket in it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = "\(NSTemporaryDirectory())/pa-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        chmod(path, 0o755)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// The client blocks, so it runs on a thread of its own and not on one of the few that all tasks share.
func blocking<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Swift.Result(catching: body)) }
    }
}
