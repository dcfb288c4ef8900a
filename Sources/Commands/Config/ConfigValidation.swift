import AppConfig
import Core
import Foundation
import Glibc
import Linux
import Model
import TLS

/// All that `start` reads before it binds anything, read and put away again: the server's configuration, its users and
/// certificates, and each app's own files. Nothing is made or changed.
struct ConfigValidation {
    private(set) var problems: [ConfigProblem] = []
    private(set) var warnings: [String] = []
    private(set) var apps: [AppName] = []

    private let environment: [String: String]
    private let workingDirectory = FileManager.default.currentDirectoryPath

    /// `path`: a server file, an app's file, or a directory.
    init(_ path: String, environment: [String: String]) {
        self.environment = environment
        do throws(ConfigError) {
            check(try load(path))
        } catch {
            problems += error.problems
        }
        // A sole app's file is read twice: by the server and by the app's user.
        var seen: Set<String> = []
        warnings = warnings.filter { seen.insert($0).inserted }
    }

    private func load(_ path: String) throws(ConfigError) -> LoadedConfiguration {
        var status = stat()
        let isFile = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        let name = (path as NSString).lastPathComponent
        let isAppFile = isFile && name.hasPrefix("Passengerfile.")
        let directory = isAppFile ? (path as NSString).deletingLastPathComponent : path
        return try ConfigLoader(workingDirectory: workingDirectory).loadServer(
            arguments: [:], environment: environment, directory: isFile && !isAppFile ? nil : directory,
            serverFile: isFile && !isAppFile ? path : nil)
    }

    private mutating func check(_ loaded: LoadedConfiguration) {
        warnings += loaded.warnings.map(\.description)
        for refused in loaded.refused { note("app \(refused.name): \(refused.reason)") }
        checkCertificates(loaded.server)
        do {
            var users = try StartUsers(server: loaded.server, servesMany: loaded.servesMany)
            var claims = HostClaims()
            for app in loaded.apps + entries(loaded.directory) {
                apps.append(app.name)
                if loaded.servesMany, let conflict = claims.claim(app) { note("app \(app.name): \(conflict)") }
                check(app, &users, isOneOfMany: loaded.servesMany)
            }
        } catch {
            note(error)
        }
    }

    private mutating func check(_ app: ConfiguredApp, _ users: inout StartUsers, isOneOfMany: Bool) {
        let subject = isOneOfMany ? "app \(app.name): " : ""
        do {
            let (names, doubts) = try users.add(app)
            warnings += doubts
            let inspection = AppInspection(environment: environment, workingDirectory: workingDirectory)
            guard let read = try inspection.load(app, as: names.deploys) else { return }
            warnings += read.warnings.map(\.description)
        } catch let error as ConfigError {
            problems += error.problems
        } catch {
            note(error, subject)
        }
    }

    /// Of `apps_dir`, those that are there now.
    private mutating func entries(_ directory: AppsDirectory?) -> [ConfiguredApp] {
        guard let directory else { return [] }
        let loader = ConfigLoader(workingDirectory: workingDirectory)
        var found: [ConfiguredApp] = []
        do {
            for name in try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() {
                let path = "\(directory.path)/\(name)"
                guard !name.hasPrefix("."), let app = AppName(name), isDirectory(path) else { continue }
                do throws(ConfigError) {
                    found.append(
                        try loader.configureEntry(
                            app, at: AppLocation.detect(entry: Paths.resolved(path)), of: directory, arguments: [:],
                            environment: environment))
                } catch {
                    problems += error.problems
                }
            }
        } catch {
            note("apps_dir \(directory.path) cannot be read: \(error.localizedDescription)")
        }
        return found
    }

    private func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private mutating func checkCertificates(_ server: ServerSettings) {
        guard !server.tls.listen.isEmpty else { return }
        let now = Int64(time(nil))
        let store = CertificateStore(server.tls, now: monotonicNow(), unixSeconds: now)
        for status in store.status(unixSeconds: now) {
            if let problem = status.problem { note("certificate: \(problem)") }
        }
    }

    private mutating func note(_ error: any Error, _ subject: String = "") {
        let start = error as? StartError
        note(subject + (start?.message ?? "\(error)"), hint: start?.hint)
    }

    private mutating func note(_ message: String, hint: String? = nil) {
        problems.append(ConfigProblem(at: .standard, message, hint: hint))
    }
}

extension HostClaims {
    fileprivate mutating func claim(_ app: ConfiguredApp) -> Conflict? {
        claim(app.settings.serverNames, basePath: app.settings.http.baseURI, for: app.name)
    }
}
