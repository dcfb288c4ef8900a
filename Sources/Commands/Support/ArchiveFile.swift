import AdminAPI
import ArgumentParser
import Glibc
import Linux

/// `--archive FILE`, or `-` for standard input.
struct ArchiveFile: ExpressibleByArgument, Sendable {
    let path: String
    init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        path = argument
    }

    var isInput: Bool { path == "-" }

    /// `body` borrows the descriptor.
    func open<Result>(_ body: (Int32) throws -> Result) throws -> Result {
        if isInput { return try body(0) }
        let file: Descriptor
        do throws(SystemError) { file = try openFile(path, flags: O_RDONLY) } catch {
            throw ControlError(.usage, "The archive cannot be opened: \(error).")
        }
        return try body(file.number)
    }
}
