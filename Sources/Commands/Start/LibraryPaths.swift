import Foundation

/// Where this version's own files lie: the launch helper, the loaders, the templates.
///
/// Installed, that is `PREFIX/lib/passenger/VERSION/` beside `PREFIX/bin/passenger`; in a checkout the helper is beside the
/// program and the rest is found by going up to the folder that has `scripts/loaders`.
struct LibraryPaths {
    var program: String
    var launchProgram: String
    var loaders: String
    var templates: String

    /// What holds the loaders.
    var directory: String { Self.directory(of: loaders) }

    static func find(program: String, version: String) throws(StartError) -> LibraryPaths {
        let bin = directory(of: program)
        let installed = "\(directory(of: bin))/lib/passenger/\(version)"
        if isDirectory("\(installed)/loaders") {
            return LibraryPaths(
                program: program, launchProgram: "\(installed)/passenger-launch", loaders: "\(installed)/loaders",
                templates: "\(installed)/templates")
        }
        var folder = bin
        while folder != "/" {
            if isDirectory("\(folder)/scripts/loaders") {
                return LibraryPaths(
                    program: program, launchProgram: "\(bin)/passenger-launch", loaders: "\(folder)/scripts/loaders",
                    templates: "\(folder)/templates")
            }
            folder = directory(of: folder)
        }
        throw StartError(
            "the files of passenger \(version) are not where they were installed: \(installed)",
            hint: "Install it again: scripts/install.")
    }

    private static func directory(of path: String) -> String { (path as NSString).deletingLastPathComponent }

    private static func isDirectory(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }
}

/// Why a server could not be started, with what to do about it.
struct StartError: Error, CustomStringConvertible {
    var message: String
    var hint: String?
    var exitCode: Int32 = 1

    init(_ message: String, hint: String? = nil, exitCode: Int32 = 1) {
        self.message = message
        self.hint = hint
        self.exitCode = exitCode
    }

    var description: String { hint.map { "\(message)\n\($0)" } ?? message }
}
