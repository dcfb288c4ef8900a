import AdminAPI
import Glibc
import Linux

/// `integrate --from`: reads, converts, and prints or writes what came of it.
struct ConversionOutput {
    let path: String
    let socket: String
    /// Nil for what the file looks like.
    let server: WebServer?
    let templates: (WebServer) -> SiteWriter

    struct Result {
        /// By name.
        var files: [(name: String, text: String)]
        var notes: [ConversionNote]
    }

    func result() throws -> Result {
        let server = try kind()
        var reader = ConfigurationFiles(server: server)
        let statements = try reader.read(path)
        var conversion = Conversion(socket: socket)
        switch server {
        case .nginx: conversion.takeNginx(statements)
        case .apache: conversion.takeApache(statements)
        }
        guard !conversion.file.apps.isEmpty else {
            let details = (reader.notes + conversion.notes).map(\.description)
            throw ControlError(
                .failed, "No app of Passenger's is found in \(path).",
                hint: "Name the file that has passenger_enabled, or the virtual hosts.", details: details)
        }
        let writer = templates(server)
        var files = [("passenger.yml", conversion.file.text(from: path))]
        for (name, site) in conversion.sites { files.append((name, try writer.text(site))) }
        return Result(files: files, notes: reader.notes + conversion.notes)
    }

    private func kind() throws(ControlError) -> WebServer {
        if let server { return server }
        do throws(SystemError) {
            if let server = ConfigurationFiles.server(of: try ConfigurationFiles.text(of: path)) { return server }
        } catch {
            throw ControlError(.failed, "\(path) cannot be read: \(error.reason).")
        }
        throw ControlError(
            .usage, "\(path) does not say whether it is nginx' or Apache's.",
            hint: "passenger integrate nginx --from \(path)")
    }

    /// Never over a file that is there: all of them, or none.
    static func write(_ result: Result, to directory: String) throws(ControlError) {
        for file in result.files where access("\(directory)/\(file.name)", F_OK) == 0 {
            throw ControlError(
                .refused, "There is \(directory)/\(file.name) already.", hint: "Name an empty directory.")
        }
        if mkdir(directory, 0o755) != 0, errno != EEXIST {
            throw ControlError(.failed, "\(directory) cannot be made: \(SystemError.describe(errno)).")
        }
        var written: [String] = []
        for file in result.files {
            let path = "\(directory)/\(file.name)"
            do throws(SystemError) {
                // What it holds of variables may be secret.
                let mode: UInt32 = file.name == "passenger.yml" ? 0o640 : 0o644
                let made = try openFile(path, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
                written.append(path)
                try writeAll(made.number, Array(file.text.utf8))
            } catch {
                for path in written { unlink(path) }
                throw ControlError(.failed, "\(path) cannot be written: \(error.reason).")
            }
        }
    }
}
