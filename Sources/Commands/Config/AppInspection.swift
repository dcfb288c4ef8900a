import AppConfig
import Foundation
import Glibc
import Linux
import Model

/// One app's own files, read as the server reads them: as the app's user, whatever the caller may read.
package struct AppInspection {
    var environment: [String: String]
    var workingDirectory: String

    /// Nil for a deploy root without a release.
    func load(_ app: ConfiguredApp, as user: String?) throws(ConfigError) -> LoadedApp? {
        guard let directory = Self.code(of: app.location) else { return nil }
        let request = InspectRequest(
            directory: directory, root: app.location.isDeployRoot ? app.location.path : nil, name: app.name,
            environment: environment, workingDirectory: workingDirectory, operatorLayers: app.operatorLayers)
        guard geteuid() == 0, let user else {
            return try ConfigLoader(workingDirectory: workingDirectory).loadApp(request)
        }
        return try ask(request, as: user)
    }

    /// What runs from there: of a deploy root its live release.
    private static func code(of location: AppLocation) -> String? {
        guard location.isDeployRoot else { return location.path }
        guard let path = realpath("\(location.path)/current", nil) else { return nil }
        defer { free(path) }
        return String(cString: path)
    }

    private static let patience = 30.0

    /// This program in another role, which gives up root before it opens anything.
    private func ask(_ request: InspectRequest, as user: String) throws(ConfigError) -> LoadedApp {
        let output = Pipe()
        do {
            let input = try makeMemoryFile(
                name: "inspection", contents: [UInt8](try JSONEncoder().encode(request)), sealed: true)
            // Open until the child has it.
            defer { _ = input.number }
            let process = Process()
            process.executableURL = URL(fileURLWithPath: try ownProgram())
            process.arguments = ["_inspect", user]
            process.environment = [:]
            process.standardInput = FileHandle(fileDescriptor: input.number, closeOnDealloc: false)
            process.standardOutput = output
            try process.run()
            let watchdog = DispatchWorkItem { process.terminate() }
            DispatchQueue.global().asyncAfter(deadline: .now() + Self.patience, execute: watchdog)
            let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            watchdog.cancel()
            let answer = try JSONDecoder().decode(InspectAnswer.self, from: bytes)
            if let app = answer.app { return app }
            throw answer.error ?? ConfigError([])
        } catch let error as ConfigError {
            throw error
        } catch {
            throw ConfigError(
                ConfigProblem(at: .standard, "\(request.directory) could not be read as user \(user): \(error)"))
        }
    }

    /// `passenger _inspect USER`.
    package static func run(as user: String) -> Int32 {
        do throws(SystemError) {
            guard let entry = try lookUpUser(name: user) else { return 1 }
            try becomeUser(entry)
        } catch {
            printError("passenger _inspect: \(error)")
            return 1
        }
        return InspectProcess.run()
    }
}
