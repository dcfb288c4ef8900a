package import Model
internal import Synchronization

/// All certificates of the server. Handshakes take a snapshot; whoever reloads builds another beside it, so that no
/// connection waits for a file, and none is dropped.
package final class CertificateStore: Sendable {
    package let http2: Bool
    private let source: any CertificateSource
    /// Held while files are read: by `reload` and `poll` only, never by a handshake.
    private let watches: Mutex<[PairWatch]>
    private let published: Mutex<CertificateTable>

    /// Reads all pairs. One that cannot be used is no error here: `status` has its problem, and later looks try again.
    /// `unixSeconds`: the wall clock, for expiry.
    package init(
        _ settings: TLSSettings, source: any CertificateSource = CertificateDirectory(), now: Instant,
        unixSeconds: Int64
    ) {
        http2 = settings.http2
        self.source = source
        watches = Mutex(settings.certificates.map(PairWatch.init))
        published = Mutex(CertificateTable([]))
        _ = look(now, unixSeconds, always: true)
    }

    /// The certificates of this moment.
    package var table: CertificateTable { published.withLock { $0 } }

    /// Reads all files again, whether they seem to have changed or not, and reports problems at once. Blocks.
    package func reload(now: Instant, unixSeconds: Int64) -> CertificateChanges {
        look(now, unixSeconds, always: true)
    }

    /// Other pairs, read and not used yet.
    package struct Prepared: Sendable {
        fileprivate var watches: [PairWatch]
        /// Why they had better not be used; empty when nothing is wrong.
        package var problems: [CertificateProblem] { watches.compactMap(\.problem) }
    }

    /// Reads these pairs, those that are in use already as well. Blocks.
    package func prepare(_ certificates: [CertificateFiles], now: Instant, unixSeconds: Int64) -> Prepared {
        let known = watches.withLock { $0 }
        return Prepared(
            watches: certificates.map { files in
                var watch = known.first { $0.files == files } ?? PairWatch(files)
                let read = read(files)
                _ = watch.wasRead(read.pair, stamps: read.stamps, now: now, unixSeconds: unixSeconds)
                return watch
            })
    }

    /// From the next handshake on.
    package func use(_ prepared: Prepared) {
        watches.withLock { watches in
            watches = prepared.watches
            let table = CertificateTable(watches.compactMap(\.current))
            published.withLock { $0 = table }
        }
    }

    /// Reads what has changed since the last look. Cheap when nothing has: two stat(2) a pair. To be called about once a
    /// second, not on an event loop. A pair that does not fit is reported only when it stays so for a few seconds.
    package func poll(now: Instant, unixSeconds: Int64) -> CertificateChanges {
        look(now, unixSeconds, always: false)
    }

    /// In the order of the settings.
    package func status(unixSeconds: Int64) -> [CertificateStatus] {
        watches.withLock { $0.map { CertificateStatus($0, unixSeconds: unixSeconds) } }
    }

    private func look(_ now: Instant, _ unixSeconds: Int64, always: Bool) -> CertificateChanges {
        watches.withLock { watches in
            var changes = CertificateChanges()
            for index in watches.indices {
                if always || watches[index].wantsReading(stamps(watches[index].files), now: now) {
                    let read = read(watches[index].files)
                    if watches[index].wasRead(read.pair, stamps: read.stamps, now: now, unixSeconds: unixSeconds) {
                        changes.replaced.append(watches[index].files)
                    }
                }
                if let problem = watches[index].problemToReport(now: now, patient: !always) {
                    changes.problems.append(problem)
                }
            }
            if !changes.replaced.isEmpty {
                let table = CertificateTable(watches.compactMap(\.current))
                published.withLock { $0 = table }
            }
            return changes
        }
    }

    private func stamps(_ files: CertificateFiles) -> PairWatch.Stamps? {
        // Whatever is wrong with them shows when they are read.
        guard let chain = try? source.stamp(files.chain), let key = try? source.stamp(files.key) else { return nil }
        return PairWatch.Stamps(chain: chain, key: key)
    }

    private func read(
        _ files: CertificateFiles
    ) -> (pair: Result<CertificatePair, CertificateProblem>, stamps: PairWatch.Stamps?) {
        do throws(CertificateProblem) {
            let chain = try read(files.chain, CertificatePair.chainLimit, files)
            let key = try read(files.key, CertificatePair.keyLimit, files)
            let stamps = PairWatch.Stamps(chain: chain.stamp, key: key.stamp)
            do throws(CertificateProblem) {
                let pair = try CertificatePair(chain: chain.bytes, key: key.bytes, files: files, http2: http2)
                return (.success(pair), stamps)
            } catch {
                return (.failure(error), stamps)
            }
        } catch {
            return (.failure(error), nil)
        }
    }

    private func read(
        _ path: String, _ limit: Int, _ files: CertificateFiles
    ) throws(CertificateProblem) -> (bytes: [UInt8], stamp: FileStamp) {
        do {
            return try source.read(path, limit: limit)
        } catch {
            throw CertificateProblem(files: files, path: path, reason: .unreadable(error))
        }
    }
}
