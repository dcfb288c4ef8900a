import Glibc
import Linux

/// `shared/.env` and its versions, `shared/.env.versions/N`: each mode 0600 from its birth, put in place by a rename, and
/// never reached through a link. Written as the deploy user, as everything here.
struct EnvironmentStore {
    private static let file = FileName(literal: ".env")
    private static let versions = FileName(literal: ".env.versions")
    static let mostBytes = 1 << 20

    /// What is in force, or a version as it was written down.
    func read(_ root: borrowing DeployRoot, version: Int? = nil) throws(BuilderFailure) -> EnvironmentText {
        let shared = try root.shared()
        guard let version else { return EnvironmentText(text: try current(shared), version: try numbers(shared).last) }
        let known = try numbers(shared)
        guard known.contains(version) else {
            throw BuilderFailure(
                .noSuchVersion, "there is no version \(version) of the env file",
                hint: known.isEmpty
                    ? "none was written down yet: `passenger env set` does that"
                    : "versions that are kept: \(known.map { "\($0)" }.joined(separator: ", "))")
        }
        let directory = try shared.openDirectory(EnvironmentStore.versions)
        return EnvironmentText(text: try read(name(version), in: directory), version: version)
    }

    /// Writes the next version and puts it in force; refused when somebody has changed the file since `replacing` was read.
    /// What is in force and was never written down (a first one, or one that was edited by hand) becomes a version before it.
    func write(
        _ root: borrowing DeployRoot, text: String, replacing: String?, keep: Int
    ) throws(BuilderFailure) -> EnvironmentText {
        guard text.utf8.count <= EnvironmentStore.mostBytes else {
            throw BuilderFailure(.invalidRequest, "the env file would have over \(EnvironmentStore.mostBytes) bytes")
        }
        let shared = try root.shared()
        let before = try current(shared)
        guard before == replacing else {
            throw BuilderFailure(
                .invalidRequest, "the env file was changed by somebody else in the meantime",
                hint: "look at it, and try again")
        }
        try shared.makeDirectory(EnvironmentStore.versions, mode: 0o700)
        let directory = try shared.openDirectory(EnvironmentStore.versions)
        var newest = try numbers(shared).last ?? 0
        let written = newest == 0 ? nil : try read(name(newest), in: directory)
        if let before, before != written {
            newest += 1
            try put(before, as: name(newest), in: directory)
        }
        try put(text, as: name(newest + 1), in: directory)
        try put(text, as: EnvironmentStore.file, in: shared)
        for old in try numbers(shared).dropLast(max(keep, 2)) { try directory.removeFile(name(old)) }
        return EnvironmentText(text: text, version: newest + 1)
    }

    /// Undoes the newest version: what was in force before it is again. Refused for any but the newest.
    func takeBack(_ root: borrowing DeployRoot, version: Int) throws(BuilderFailure) -> EnvironmentText {
        let shared = try root.shared()
        let known = try numbers(shared)
        guard known.last == version else {
            throw BuilderFailure(.invalidRequest, "version \(version) of the env file is not the newest")
        }
        let directory = try shared.openDirectory(EnvironmentStore.versions)
        let before = known.dropLast().last
        if let before {
            try put(read(name(before), in: directory), as: EnvironmentStore.file, in: shared)
        } else {
            try shared.removeFile(EnvironmentStore.file)
        }
        try directory.removeFile(name(version))
        return EnvironmentText(text: try current(shared), version: before)
    }

    // MARK: Files

    private func name(_ version: Int) -> FileName { FileName(made: "\(version)") }

    /// In order.
    private func numbers(_ shared: borrowing Directory) throws(BuilderFailure) -> [Int] {
        guard try shared.status(EnvironmentStore.versions) != nil else { return [] }
        let directory = try shared.openDirectory(EnvironmentStore.versions)
        return try directory.entries().compactMap { Int("\($0)") }.filter { $0 > 0 }.sorted()
    }

    private func current(_ shared: borrowing Directory) throws(BuilderFailure) -> String? {
        try shared.status(EnvironmentStore.file) == nil ? nil : read(EnvironmentStore.file, in: shared)
    }

    private func read(_ name: FileName, in directory: borrowing Directory) throws(BuilderFailure) -> String {
        let place = directory.join(name)
        // O_NONBLOCK: a FIFO in its place must not be waited for.
        let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
        let number = name.withCString { openat(directory.descriptor.number, $0, flags) }
        guard number >= 0 else {
            guard errno == ELOOP else { throw .system(errno, "open \(place)", path: place) }
            throw BuilderFailure(.invalidRequest, "\(place) is a link, and is not followed", path: place)
        }
        let file = Descriptor(owning: number)
        var status = stat()
        guard fstat(file.number, &status) == 0, status.isRegularFile else {
            throw BuilderFailure(.invalidRequest, "\(place) is no regular file", path: place)
        }
        do throws(SystemError) {
            let bytes = try readWholeFile(file.number, limit: EnvironmentStore.mostBytes)
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw SystemError(call: "read", errno: EILSEQ, subject: place)
            }
            return text
        } catch {
            throw .system(error.errno, "read \(place)", path: place)
        }
    }

    private func put(_ text: String, as name: FileName, in directory: borrowing Directory) throws(BuilderFailure) {
        let temporary = FileName(made: ".tmp-env-\(String(UInt64.random(in: 0 ... .max), radix: 36))")
        let bytes = Array(text.utf8)
        do throws(BuilderFailure) {
            // An array's closure throws anything, or nothing.
            let created = bytes.withUnsafeBytes { buffer -> Result<Void, BuilderFailure> in
                do throws(BuilderFailure) {
                    _ = try directory.createFile(temporary, mode: 0o600, contents: buffer)
                    return .success(())
                } catch { return .failure(error) }
            }
            try created.get()
            // The contents before the name.
            try directory.flushFileSystem()
            try directory.rename(temporary, to: name, in: directory)
            try directory.sync()
        } catch {
            try? directory.removeFile(temporary)
            throw error
        }
    }
}
