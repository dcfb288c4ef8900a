internal import Glibc
internal import Linux
internal import Model

/// The directories of one site as one event loop sees them, and the search through them.
final class SiteDirectories {
    let site: StaticSite
    var lastUsed: Instant
    /// By release, then as `site.mounts`.
    private let directories: [[MountedDirectory]]
    private let hash: PathHash

    init(_ site: StaticSite, hash: PathHash, now: Instant) {
        self.site = site
        self.hash = hash
        lastUsed = now
        directories = site.releases.map { release in
            let roots = [release.directory] + (site.shared.map { [$0] } ?? []) + site.staticRoots
            return site.mounts.map {
                MountedDirectory(path: StaticSite.path($0.directory, in: release.application), roots: roots)
            }
        }
    }

    /// False: certainly no file, after at most one look at each directory a second.
    func mayHave(
        _ path: UnsafeRawBufferPointer, _ fingerprint: Fingerprint, now: Instant, trust: Duration
    ) -> Bool {
        lastUsed = now
        var found = false
        forEachMount(path, fingerprint) { directory, rest in
            directory.refresh(now: now, trust: trust, hash: hash)
            found = directory.mayHave(rest, hash: hash)
            return !found
        }
        return found
    }

    /// `old`: what was found before, given back when it is still the same.
    func search(
        _ path: UnsafeRawBufferPointer, _ fingerprint: Fingerprint, now: Instant, trust: Duration, old: StaticFile?
    ) throws(SystemError) -> StaticFile? {
        var found: StaticFile?
        var failure: SystemError?
        forEachMount(path, fingerprint) { directory, rest in
            directory.refresh(now: now, trust: trust, hash: hash)
            guard directory.mayHave(rest, hash: hash) else { return true }
            do throws(SystemError) {
                found = try search(directory, rest, fingerprint, old)
            } catch {
                failure = error
            }
            return found == nil && failure == nil
        }
        if let failure { throw failure }
        return found
    }

    /// Every directory where the path may be, in order, until `body` says no. Only a fingerprinted name means the same in
    /// every release.
    private func forEachMount(
        _ path: UnsafeRawBufferPointer, _ fingerprint: Fingerprint,
        _ body: (MountedDirectory, UnsafeRawBufferPointer) -> Bool
    ) {
        for release in directories.prefix(fingerprint == .none ? 1 : directories.count) {
            for (mount, directory) in zip(site.mounts, release) where mount.contains(path) {
                if !body(directory, path.from(mount.prefix.count)) { return }
            }
        }
    }

    /// The rules of the page cache: `/x` is x, else x.html, else x/index.html; `/x/` is x/index.html, else x.html. `rest`
    /// starts with a slash.
    private func search(
        _ directory: MountedDirectory, _ rest: UnsafeRawBufferPointer, _ fingerprint: Fingerprint, _ old: StaticFile?
    ) throws(SystemError) -> StaticFile? {
        // A name that is no UTF-8 would become another one in a String.
        guard let name = String(validating: rest.from(1), as: UTF8.self) else { return nil }
        let isImmutable = fingerprint == .certain
        if name.isEmpty { return try file(directory, "index.html", false, old) }
        if name.utf8.last == UInt8(ascii: "/") {
            if let index = try file(directory, name + "index.html", false, old) { return index }
            return try file(directory, String(name.dropLast()) + ".html", false, old)
        }
        guard let located = try directory.locate(name) else { return try file(directory, name + ".html", false, old) }
        if located.identity.isRegular { return try opened(located, directory, name, isImmutable, old) }
        let isDirectory = located.identity.isDirectory
        if let page = try file(directory, name + ".html", false, old) { return page }
        return isDirectory ? try file(directory, name + "/index.html", false, old) : nil
    }

    private func file(
        _ directory: MountedDirectory, _ name: String, _ isImmutable: Bool, _ old: StaticFile?
    ) throws(SystemError) -> StaticFile? {
        guard let located = try regular(directory, name) else { return nil }
        return try opened(located, directory, name, isImmutable, old)
    }

    private func opened(
        _ located: LocatedFile, _ directory: MountedDirectory, _ name: String, _ isImmutable: Bool,
        _ old: StaticFile?
    ) throws(SystemError) -> StaticFile? {
        var name = name
        let type = name.withUTF8 { ContentType(name: UnsafeRawBufferPointer($0)) }
        let brotli = type.isCompressible ? try regular(directory, name + ".br") : nil
        let gzip = type.isCompressible ? try regular(directory, name + ".gz") : nil
        if let old, old.plain.identity == located.identity, old.brotli?.identity == brotli?.identity,
            old.gzip?.identity == gzip?.identity, old.plain.isImmutable == isImmutable
        {
            return old
        }
        let opening = FileOpening(type: type, isImmutable: isImmutable, hasVariants: brotli != nil || gzip != nil)
        guard let plain = try opening.open(located, .identity) else { return nil }
        return StaticFile(
            plain: plain, brotli: try opening.open(brotli, .brotli), gzip: try opening.open(gzip, .gzip))
    }

    private func regular(_ directory: MountedDirectory, _ name: String) throws(SystemError) -> LocatedFile? {
        guard let located = try directory.locate(name), located.identity.isRegular else { return nil }
        return located
    }
}
