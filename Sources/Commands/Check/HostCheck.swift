import AppConfig
import Foundation
import Glibc
import Linux
import Model
import Terminal

/// Whether this machine is ready for a server with these settings.
struct HostCheck {
    let server: ServerSettings
    let path: String
    /// Listen addresses of the servers that run here already, which may well be taken.
    let served: Set<String>

    func findings() -> [Finding] {
        limits() + [user(), clock(), systemd()] + server.listen.compactMap(port) + disks() + install()
    }

    private func limits() -> [Finding] {
        let text = (try? readFile("/proc/self/limits")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let files = Self.limit("Max open files", in: text)?.hard ?? .max
        let processes = Self.limit("Max processes", in: text)?.soft ?? .max
        return [
            files >= 4096
                ? .ok(
                    "open_files",
                    files == .max ? "a server may open any number of files" : "a server may open \(files) files")
                : .error(
                    "open_files", "a server may open only \(files) files (hard limit of nofile)",
                    mend: "Raise it: LimitNOFILE=65536 in the systemd unit, or nofile in /etc/security/limits.conf."),
            processes >= 512
                ? .ok(
                    "processes", processes == .max ? "processes are not limited" : "\(processes) processes are allowed")
                : .warning(
                    "processes", "this user may have only \(processes) processes and threads (nproc)",
                    mend: "Raise it: LimitNPROC in the systemd unit, or nproc in /etc/security/limits.conf."),
        ]
    }

    /// Of /proc/PID/limits (proc(5)).
    static func limit(_ name: String, in text: String) -> (soft: Int, hard: Int)? {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else { return nil }
        let words = line.dropFirst(name.count).split(separator: " ")
        func number(_ word: Substring) -> Int { word == "unlimited" ? .max : Int(word) ?? 0 }
        return words.count > 1 ? (number(words[0]), number(words[1])) : nil
    }

    private func user() -> Finding {
        guard geteuid() == 0 else {
            return .ok("user", "the server runs as user id \(geteuid()), and so do all apps")
        }
        let name = server.coreUser ?? "passenger"
        if let user = try? lookUpUser(name: name) {
            return user.uid != 0
                ? .ok("user", "started by root, the server's core runs as \(name)")
                : .error("user", "core_user is root", mend: "Name an unprivileged user.")
        }
        guard server.coreUser == nil else {
            return .error("user", "there is no user \(name)", mend: "Make it: useradd --system \(name)")
        }
        return .warning(
            "user", "there is no user passenger: the server's core runs as nobody",
            mend: "Make it: useradd --system --no-create-home passenger")
    }

    private func clock() -> Finding {
        isClockSynchronized()
            ? .ok("clock", "the clock is synchronized")
            : .warning(
                "clock", "nothing synchronizes the clock: logs and certificates depend on it",
                mend: "Run a time service, such as systemd-timesyncd or chrony; a container has its host's clock.")
    }

    private func systemd() -> Finding {
        guard access("/run/systemd/system", F_OK) == 0 else {
            return .ok("systemd", "this machine is not managed by systemd")
        }
        let units = ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"].map {
            "\($0)/systemd/system/passenger.service"
        }
        return units.contains { access($0, F_OK) == 0 }
            ? .ok("systemd", "there is a unit passenger.service")
            : .warning(
                "systemd", "no unit starts a server when the machine starts",
                mend: "passenger integrate systemd > /etc/systemd/system/passenger.service")
    }

    private func port(_ address: ListenAddress) -> Finding? {
        guard case .tcp(let host, let port) = address else { return nil }
        if served.contains("\(address)") { return .ok("port", "\(address) is served by passenger") }
        do throws(SystemError) {
            _ = try bindTCP(host: host, port: UInt16(clamping: port), sharesPort: false)
            return .ok("port", "\(address) is free")
        } catch {
            switch error.errno {
            case EADDRINUSE:
                return .error(
                    "port", "\(address) is taken by another program",
                    mend: "Find it with ss -ltnp, or choose another 'port'.")
            case EACCES:
                return .error(
                    "port", "\(address) may not be used by this user",
                    mend: "Start as root, or take a port above 1023 behind a proxy.")
            default:
                return .error("port", "\(address) cannot be used: \(error)", mend: "Look at 'address' and 'port'.")
            }
        }
    }

    private func disks() -> [Finding] {
        [server.dataBufferDirectory].map { Self.disk($0) }
    }

    static func disk(_ directory: String) -> Finding {
        var facts = statvfs()
        guard statvfs(directory, &facts) == 0 else {
            return .error(
                "disk", "\(directory) cannot be used: \(SystemError.describe(errno))", mend: "Make the directory.")
        }
        let free = Int(facts.f_bavail) * Int(facts.f_frsize)
        let text = "\(directory) has \(HumanFormat.size(bytes: free)) free"
        let isShortOfFiles = facts.f_files > 0 && facts.f_favail * 50 < facts.f_files
        if free < 100 << 20 { return .error("disk", text, mend: "Make room: deploys and large requests need it.") }
        if isShortOfFiles {
            return .warning(
                "disk", "\(directory): few files can be added (inodes)", mend: "Remove files; df -i counts them.")
        }
        return free < 1 << 30
            ? .warning("disk", text, mend: "Make room: a deploy needs a whole copy of the app.") : .ok("disk", text)
    }

    private func install() -> [Finding] {
        InstallCheck.all(path: path).map { check in
            let what = check.what.replacingOccurrences(of: "Checking ", with: "")
            guard let mend = check.mend else { return .ok("install", "\(what): in order") }
            return Finding(
                level: check.isError ? .error : .warning, check: "install", message: "not in order: \(what)", mend: mend
            )
        }
    }
}
