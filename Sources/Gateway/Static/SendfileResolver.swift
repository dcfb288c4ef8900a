internal import Glibc
internal import Linux
package import Model

/// Why a file that an app named is not sent. For the log: the client learns nothing of it.
package enum SendfileRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// Empty, not UTF-8, with a NUL, a malformed or misleading escape, or a `..`.
    case badName
    /// No key of `accel_redirects` is a prefix of the URI.
    case noMapping
    case notFound
    case notAFile
    /// The file is there, outside of the release, shared/ and `sendfile_roots`.
    case outside(String)
    case unreadable(String)

    package var description: String {
        switch self {
        case .badName: "its name cannot be a file's"
        case .noMapping: "no accel_redirects prefix matches"
        case .notFound: "there is no such file"
        case .notAFile: "it is not a regular file"
        case .outside(let path): "\(path) is not in the release, shared/ or sendfile_roots"
        case .unreadable(let reason): reason
        }
    }
}

/// Files that an app asks the gateway to send in its stead. One per app and generation; may be used on any thread. Every
/// call blocks on the file system.
package struct SendfileResolver: Sendable {
    private let application: String
    private let roots: [String]
    private let redirects: [StaticSite.Mount]

    package init(release: StaticSite.Release, shared: String?, settings: FileSettings) {
        application = release.application
        roots =
            [release.directory] + (shared.map { [$0] } ?? [])
            + settings.sendfileRoots.map { StaticSite.path($0, in: release.application) }
        redirects = settings.accelRedirects.map { prefix, directory in
            StaticSite.Mount(
                prefix: StaticSite.prefix(prefix), directory: StaticSite.path(directory, in: release.application))
        }.sorted { $0.prefix.count > $1.prefix.count }
    }

    /// X-Sendfile: a path, taken as it is (Rack sends it unescaped), relative to the app's directory or absolute.
    package func sendfile(_ value: UnsafeRawBufferPointer) -> Result<StaticFile, SendfileRefusal> {
        guard let path = name(value) else { return .failure(.badName) }
        return open(StaticSite.path(path, in: application))
    }

    /// X-Accel-Redirect: a URI path, percent-encoded, below a configured prefix. The longest prefix counts.
    package func accelRedirect(_ value: UnsafeRawBufferPointer) -> Result<StaticFile, SendfileRefusal> {
        let query = value.firstIndex(of: UInt8(ascii: "?")) ?? value.count
        var decoded: [UInt8] = []
        guard RequestPath.decode(value.upTo(query), into: &decoded) else { return .failure(.badName) }
        return decoded.withUnsafeBytes { uri in
            guard let redirect = redirects.first(where: { $0.contains(uri) }) else { return .failure(.noMapping) }
            guard let rest = name(uri.from(redirect.prefix.count + 1)), !hasDots(rest) else {
                return .failure(.badName)
            }
            return open(redirect.directory + "/" + rest)
        }
    }

    private func name(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard !bytes.isEmpty, bytes.count < 4096, !bytes.contains(0) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Where the file lies is judged anyway; a `..` behind a prefix would go round the prefix itself.
    private func hasDots(_ path: String) -> Bool { path.split(separator: "/").contains { $0 == ".." || $0 == "." } }

    private func open(_ path: String) -> Result<StaticFile, SendfileRefusal> {
        do throws(SystemError) {
            let descriptor = try openPath(path)
            guard let identity = FileIdentity(descriptor: descriptor.number) else { throw SystemError(call: "fstat") }
            guard let real = AllowedRoots.realPath(of: descriptor.number), AllowedRoots(roots).part(of: real) != nil
            else { return .failure(.outside(path)) }
            guard identity.isRegular else { return .failure(.notAFile) }
            var name = path
            let opening = FileOpening(type: name.withUTF8 { ContentType(name: UnsafeRawBufferPointer($0)) })
            guard let file = try opening.open(LocatedFile(descriptor, identity), .identity) else {
                return .failure(.unreadable("it may not be read"))
            }
            return .success(StaticFile(plain: file))
        } catch {
            return .failure(error.errno == ENOENT || error.errno == ENOTDIR ? .notFound : .unreadable(error.reason))
        }
    }
}
