import AdminAPI
import Hummingbird
import Linux
import NIOCore
import Synchronization

/// Takes the body of a request into a file without a name: whatever becomes of the connection, nothing is left of it.
final class ArchiveUpload: Sendable {
    /// As it comes, usually compressed.
    static let mostBytes = 2 << 30
    private static let mostAtOnce = 2

    private let running = Mutex(0)

    /// `body` gets the file, at its beginning.
    func receive<Answer>(
        _ request: Request, in directory: String, _ body: (Int32) async throws -> Answer
    ) async throws -> Answer {
        let isFirst = running.withLock { running in
            guard running < ArchiveUpload.mostAtOnce else { return false }
            running += 1
            return true
        }
        guard isFirst else {
            throw ControlError(.refused, "Other archives are being received.", hint: "Try again in a moment.")
        }
        defer { running.withLock { $0 -= 1 } }
        let file: Descriptor
        do throws(SystemError) { file = try openUnnamedFile(in: directory) } catch {
            throw ControlError(.failed, "The archive cannot be kept: \(error).", hint: "See data_buffer_dir.")
        }
        var received = 0
        for try await buffer in request.body {
            received += buffer.readableBytes
            guard received <= ArchiveUpload.mostBytes else {
                throw ControlError(.bodyTooLarge, "The archive is over \(ArchiveUpload.mostBytes >> 20) MiB.")
            }
            do throws(SystemError) { try writeAll(file.number, Array(buffer.readableBytesView)) } catch {
                throw ControlError(.failed, "The archive cannot be kept: \(error).", hint: "See data_buffer_dir.")
            }
        }
        try seekToStart(file.number)
        return try await body(file.number)
    }
}
