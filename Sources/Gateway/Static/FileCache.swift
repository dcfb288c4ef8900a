internal import Glibc
internal import HTTP1
package import Linux
package import Model

/// What is known about a path.
package enum FileFinding: Sendable {
    case file(StaticFile)
    /// The app's.
    case none
    /// The app's too, but the name is a fingerprinted one: a 404 must not be stored, the file may come with the next
    /// release.
    case missingFingerprinted
    /// There may be a file, and it could not be opened: descriptors ran out, the disk failed.
    case failed(SystemError)
}

/// The files that one event loop has open, and the names that it knows to be absent. Bounded; what was found is trusted
/// for a second and then looked at again by its path. Not Sendable: each loop has its own.
package final class FileCache {
    private let trust: Duration
    private let hash = PathHash()
    private var files: EntryTable
    /// Apart, so that asking for what is not there pushes nothing out that is.
    private var absences: EntryTable
    private var sites: [ObjectIdentifier: SiteDirectories] = [:]
    /// The one that was asked last.
    private var lastSite: SiteDirectories?
    private var scratch: [UInt8] = []

    /// Each entry has up to three descriptors.
    package init(capacity: Int = 1024, trust: Duration = .seconds(1)) {
        self.trust = trust
        files = EntryTable(capacity: capacity)
        absences = EntryTable(capacity: capacity)
    }

    /// Ask for GET and HEAD only. May block on the file system when the answer is not known or older than a second.
    /// - Parameter path: raw, without query, without the app's `base_uri`.
    package func find(_ site: StaticSite, path: UnsafeRawBufferPointer, now: Instant) -> FileFinding {
        guard let base = path.baseAddress, path.count > 0 else {
            return withUnsafeBytes(of: UInt8(ascii: "/")) { find(site, decoded: $0, now: now) }
        }
        guard memchr(base, 0x25, path.count) != nil else { return find(site, decoded: path, now: now) }
        // Taken out for the time, or a second access to `self` would be one to it.
        var decoded: [UInt8] = []
        swap(&decoded, &scratch)
        defer { swap(&decoded, &scratch) }
        guard RequestPath.decode(path, into: &decoded) else { return .none }
        return decoded.withUnsafeBytes { find(site, decoded: $0, now: now) }
    }

    /// Closes what nobody asked for in a minute, and lets go of sites that are no longer in use. Call it now and then.
    package func sweep(now: Instant, unused: Duration = .seconds(60)) {
        files.removeAll { now - $0.lastUsed >= unused }
        absences.removeAll { now - $0.lastUsed >= unused }
        sites = sites.filter { now - $0.value.lastUsed < unused }
        lastSite = nil
    }

    package func forget(_ site: StaticSite) {
        files.removeAll { $0.site === site }
        absences.removeAll { $0.site === site }
        sites[ObjectIdentifier(site)] = nil
        lastSite = nil
    }

    package var openFileCount: Int { files.count }
    package var absenceCount: Int { absences.count }

    private func find(_ site: StaticSite, decoded path: UnsafeRawBufferPointer, now: Instant) -> FileFinding {
        let key = hash.of(path, mixing: UInt64(UInt(bitPattern: ObjectIdentifier(site))))
        let known = files.find(key, site, path)
        if let known, let file = known.file, now < known.trustedUntil {
            known.lastUsed = now
            return .file(file)
        }
        if known == nil, let absence = absences.find(key, site, path), now < absence.trustedUntil {
            absence.lastUsed = now
            return absence.fingerprint == .none ? .none : .missingFingerprinted
        }
        return look(site, path, key, known, now)
    }

    private func look(
        _ site: StaticSite, _ path: UnsafeRawBufferPointer, _ key: UInt64, _ known: FileEntry?, _ now: Instant
    ) -> FileFinding {
        guard RequestPath.isServable(path) else { return .none }
        let fingerprint = Fingerprint.grade(path)
        let directories = directories(of: site, now)
        guard directories.mayHave(path, fingerprint, now: now, trust: trust) else {
            if known != nil { files.remove(key) }
            return fingerprint == .none ? .none : .missingFingerprinted
        }
        do throws(SystemError) {
            let file = try directories.search(path, fingerprint, now: now, trust: trust, old: known?.file)
            return keep(file, FileEntry(key, site, path, fingerprint, now: now, trust: trust))
        } catch {
            files.remove(key)
            // Whatever comes next needs descriptors more than we do.
            if error.errno == EMFILE || error.errno == ENFILE { files.removeAll { _ in true } }
            return .failed(error)
        }
    }

    private func keep(_ file: StaticFile?, _ entry: FileEntry) -> FileFinding {
        guard let file else {
            files.remove(entry.key)
            absences.insert(entry)
            return entry.fingerprint == .none ? .none : .missingFingerprinted
        }
        entry.file = file
        absences.remove(entry.key)
        files.insert(entry)
        return .file(file)
    }

    private func directories(of site: StaticSite, _ now: Instant) -> SiteDirectories {
        if let lastSite, lastSite.site === site { return lastSite }
        if let known = sites[ObjectIdentifier(site)] {
            lastSite = known
            return known
        }
        // It keeps the site alive, so that no other can have the same identity.
        let made = SiteDirectories(site, hash: hash, now: now)
        sites[ObjectIdentifier(site)] = made
        return made
    }
}
