import Foundation
import Glibc
import Linux
import Testing

/// A directory of one test's own: runtime and state directories, deploy roots, repositories, logs. Short, because sockets
/// lie in it; enterable for all, because the apps run as another user than the tests. Removed at the end.
final class Place: Sendable {
    let path: String

    /// A place in this one, for a second server; removed with it.
    func inner(_ name: String) throws -> Place { try Place(at: "\(path)/\(name)") }

    private init(at path: String) throws {
        self.path = path
        guard mkdir(path, 0o755) == 0 else { throw SystemError(call: "mkdir", errno: errno, subject: path) }
    }

    init() throws {
        var template = Array("/tmp/pXXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError(call: "mkdtemp", errno: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        chmod(path, 0o755)
    }

    deinit {
        // What cannot be removed stays in /tmp: it fails nothing.
        try? FileManager.default.removeItem(atPath: path)
    }

    /// An empty directory that belongs to the apps' user.
    func makeAppDirectory(_ name: String) throws -> String {
        let directory = "\(path)/\(name)"
        guard mkdir(directory, 0o755) == 0 else { throw SystemError(call: "mkdir", errno: errno, subject: directory) }
        AppUser.own(directory)
        return directory
    }

    func copyApp(_ language: Language, as name: String) throws -> String {
        let directory = "\(path)/\(name)"
        try FileManager.default.copyItem(
            atPath: "\(SourceTree.path)/Tests/apps/\(language.rawValue)", toPath: directory)
        AppUser.own(directory)
        return directory
    }
}

/// The sample apps.
enum Language: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case ruby, python, node, generic
    var testDescription: String { rawValue }

    /// Its workers get their descriptors by a message, at any number.
    var isForked: Bool { self == .ruby || self == .python }

    static let detected: [Language] = [.ruby, .python, .node]

    var startupFile: String {
        switch self {
        case .ruby: "config.ru"
        case .python: "passenger_wsgi.py"
        case .node: "app.js"
        case .generic: "server.py"
        }
    }

    /// A file that no interpreter takes.
    var syntaxError: String {
        switch self {
        case .ruby: "def broken(\n"
        case .python, .generic: "def broken(\n"
        case .node: "function broken( {\n"
        }
    }

    /// Put before the rest of the startup file: never comes to its end.
    var hanging: String {
        switch self {
        case .ruby: "sleep\n"
        case .python, .generic: "import time\ntime.sleep(1000)\n"
        case .node: "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);\n"
        }
    }

    /// Put before the rest of the startup file: ends the process a moment after it listens.
    var shortLived: String {
        switch self {
        case .ruby: "PhusionPassenger.on_event(:starting_worker_process) { Thread.new { sleep 0.2; exit!(7) } }\n"
        case .python, .generic: "import os, threading\nthreading.Timer(0.2, lambda: os._exit(7)).start()\n"
        case .node: "setTimeout(() => process.exit(7), 200);\n"
        }
    }
}

/// The user that owns apps, repositories and deploy roots: not root, when the tests are.
enum AppUser {
    static let isSwitched = geteuid() == 0
    static let uid: uid_t = isSwitched ? 65534 : geteuid()
    static let gid: gid_t = isSwitched ? 65534 : getegid()

    static func own(_ path: String) {
        guard isSwitched else { return }
        lchown(path, uid, gid)
        for name in FileManager.default.enumerator(atPath: path)?.compactMap({ $0 as? String }) ?? [] {
            lchown("\(path)/\(name)", uid, gid)
        }
    }

    /// A command line that runs as this user.
    static func command(_ arguments: [String]) -> [String] {
        isSwitched ? ["setpriv", "--reuid=\(uid)", "--regid=\(gid)", "--clear-groups"] + arguments : arguments
    }
}

enum SourceTree {
    /// This file lies in Tests/SystemTests/Support.
    static let path = #filePath.split(separator: "/").dropLast(4).map { "/\($0)" }.joined()
}
