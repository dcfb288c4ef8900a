import Glibc
import Linux
import Model
import NIOSSL
import Testing

@testable import TLS

@Suite(.serialized) struct CertificateStoreTests {
    let made: Certificates
    init() throws { made = try Certificates() }

    private func store(_ names: String..., source: any CertificateSource = CertificateDirectory()) -> CertificateStore {
        var settings = TLSSettings()
        settings.certificates = names.map(made.files)
        return CertificateStore(settings, source: source, now: .zero, unixSeconds: wallClock())
    }

    @Test func aServerNameSelectsExactThenWildcardThenTheFirst() throws {
        try made.make("first", ["DNS:example.com"])
        try made.make("star", ["DNS:*.example.com", "DNS:Example.ORG"])
        try made.make("exact", ["DNS:www.example.com", "DNS:example.com"])
        let store = store("first", "star", "exact")
        let table = store.table
        let contexts = try ["example.com", "a.example.com", "www.example.com"].map {
            try #require(table.context(for: $0))
        }
        #expect(contexts[0] === table.first)
        #expect(contexts[1] !== contexts[0] && contexts[2] !== contexts[1] && contexts[2] !== contexts[0])
        let selected: [(String?, Int)] = [
            (nil, 0), ("", 0), ("EXAMPLE.com", 0), ("example.com.", 0), ("www.example.com", 2), ("WWW.Example.Com", 2),
            ("b.example.com", 1), ("a.b.example.com", 0), (".example.com", 0), ("example.org", 1), ("example.net", 0),
            ("com", 0), ("*.example.com", 1), (".", 0),
        ]
        for (name, index) in selected {
            #expect(table.context(for: name) === contexts[index], "\(name ?? "none")")
        }
        #expect(
            store.status(unixSeconds: wallClock()).map(\.names) == [
                ["example.com"], ["*.example.com", "example.org"], ["www.example.com", "example.com"],
            ])
    }

    @Test func theCommonNameCountsOnlyWithoutAlternatives() throws {
        try made.make("old", [], common: "Old.example.com")
        try made.make("new", ["DNS:new.example.com"], common: "ignored.example.com")
        try made.make("address", ["IP:127.0.0.1"], common: "ignored.example.com")
        let status = store("old", "new", "address").status(unixSeconds: wallClock())
        #expect(status.map(\.names) == [["old.example.com"], ["new.example.com"], []])
        #expect(status[2].warnings == [.noNames])
    }

    @Test func damagedCertificatesHaveNoCommonName() throws {
        let files = try made.make("a", [], common: "example.com")
        let der = try NIOSSLCertificate.fromPEMBytes(readFile(files.chain))[0].toDERBytes()
        #expect(DistinguishedName.commonName(ofCertificate: der) == Array("example.com".utf8))
        for length in 0..<der.count { _ = DistinguishedName.commonName(ofCertificate: Array(der[..<length])) }
        for index in der.indices {
            var damaged = der
            damaged[index] ^= 0x81
            _ = DistinguishedName.commonName(ofCertificate: damaged)
        }
    }

    @Test func whatCannotBeUsedSaysWhy() throws {
        let good = try made.make("good", ["DNS:example.com"])
        try made.make("mismatch", ["DNS:b.example.com"])
        try made.copy(good.key, to: made.files("mismatch").key)
        for (name, traditional) in [("pkcs8", false), ("traditional", true)] {
            try made.make(name, ["DNS:c.example.com"])
            try made.encrypt(name, traditional: traditional)
        }
        try made.make("nokey", ["DNS:d.example.com"])
        try made.write("nothing", to: made.files("nokey").key)
        try made.make("nochain", ["DNS:e.example.com"])
        try made.write("", to: made.files("nochain").chain)
        try made.make("large", ["DNS:f.example.com"])
        try made.write(String(repeating: "x", count: 300_000), to: made.files("large").chain)
        try made.make("fifo", ["DNS:g.example.com"])
        unlink(made.files("fifo").key)
        mkfifo(made.files("fifo").key, 0o600)

        let store = store("good", "mismatch", "pkcs8", "traditional", "nokey", "nochain", "large", "fifo", "absent")
        let problems = store.status(unixSeconds: wallClock()).map(\.problem)
        #expect(problems[0] == nil)
        #expect(problems[1]?.reason == .keyDoesNotMatch && problems[1]?.path == made.files("mismatch").key)
        #expect(problems[2]?.reason == .encryptedKey && problems[3]?.reason == .encryptedKey)
        #expect(problems[4]?.reason == .notAKey)
        #expect(problems[5]?.reason == .notACertificate && problems[5]?.path == made.files("nochain").chain)
        #expect(problems[6]?.reason == .unreadable(SystemError(call: "read", errno: EFBIG)))
        #expect(
            problems[7]?.reason
                == .unreadable(SystemError(call: "read", errno: EINVAL, subject: made.files("fifo").key)))
        guard case .unreadable(let error) = problems[8]?.reason else {
            Issue.record("expected unreadable")
            return
        }
        #expect(error.errno == ENOENT)
        #expect(store.table.context(for: "b.example.com") === store.table.first)
        #expect(problems.compactMap { $0 }.allSatisfy { $0.description.contains(made.path) })
    }

    @Test func aKeyThatOthersCanReadIsWarnedOf() throws {
        let files = try made.make("a", ["DNS:example.com"])
        let store = store("a")
        #expect(store.status(unixSeconds: wallClock())[0].warnings == [])
        chmod(files.key, 0o644)
        _ = store.poll(now: at(1), unixSeconds: wallClock())
        #expect(store.status(unixSeconds: wallClock())[0].warnings == [.keyReadableByOthers])
    }

    @Test func expiryIsWarnedOf() throws {
        try made.make("a", ["DNS:example.com"], days: 30)
        let store = store("a")
        let now = wallClock()
        let warnings = { (days: Int64) in store.status(unixSeconds: now + days * 86400)[0].warnings }
        #expect(warnings(0) == [] && warnings(20) == [.expiresSoon] && warnings(31) == [.expired])
        #expect(warnings(-1) == [.notYetValid])
    }

    @Test func aChangedPairIsUsedAtTheNextPoll() throws {
        let files = try made.make("a", ["DNS:example.com"])
        let store = store("a")
        let before = store.table.first
        #expect(store.poll(now: at(1), unixSeconds: wallClock()) == CertificateChanges())
        #expect(store.table.first === before)
        try made.make("a", ["DNS:example.com"])
        #expect(store.poll(now: at(2), unixSeconds: wallClock()) == CertificateChanges(replaced: [files]))
        #expect(store.table.first !== before)
    }

    @Test func aSwappedLinkIsAChange() throws {
        let old = try made.make("old", ["DNS:old.example.com"])
        let new = try made.make("new", ["DNS:new.example.com"])
        let live = made.files("live")
        symlink(old.chain, live.chain)
        symlink(old.key, live.key)
        let store = store("live")
        for (target, link) in [(new.chain, live.chain), (new.key, live.key)] {
            symlink(target, link + ".next")
            rename(link + ".next", link)
        }
        #expect(store.poll(now: at(1), unixSeconds: wallClock()).replaced == [live])
        #expect(store.status(unixSeconds: wallClock())[0].names == ["new.example.com"])
    }

    @Test func aHalfWrittenPairIsNoNewsUntilItLasts() throws {
        let files = try made.make("a", ["DNS:example.com"])
        let next = try made.make("next", ["DNS:example.com"])
        let store = store("a")
        let before = store.table.first
        try made.copy(next.chain, to: files.chain)
        #expect(store.poll(now: at(1), unixSeconds: wallClock()) == CertificateChanges())
        #expect(store.poll(now: at(5), unixSeconds: wallClock()) == CertificateChanges())
        #expect(store.status(unixSeconds: wallClock())[0].problem?.reason == .keyDoesNotMatch)
        let late = store.poll(now: at(6), unixSeconds: wallClock())
        #expect(late.problems.map(\.reason) == [.keyDoesNotMatch])
        // Once is enough.
        #expect(store.poll(now: at(60), unixSeconds: wallClock()) == CertificateChanges())
        #expect(store.table.first === before)
        try made.copy(next.key, to: files.key)
        #expect(store.poll(now: at(61), unixSeconds: wallClock()).replaced == [files])
        #expect(store.status(unixSeconds: wallClock())[0].problem == nil && store.table.first !== before)
    }

    @Test func aReloadReportsAtOnceAndKeepsTheOldPair() throws {
        let files = try made.make("a", ["DNS:example.com"])
        let store = store("a")
        let before = store.table.first
        try made.write("garbage", to: files.chain)
        #expect(store.reload(now: at(1), unixSeconds: wallClock()).problems.map(\.reason) == [.notACertificate])
        #expect(store.table.first === before)
    }

    @Test func anExpiredPairDoesNotReplaceAValidOne() throws {
        let files = try made.make("a", ["DNS:example.com"], days: 90)
        let store = store("a")
        let before = store.table.first
        try made.make("a", ["DNS:example.com"], days: 1)
        let later = wallClock() + 10 * 86400
        guard case .expired = store.reload(now: at(1), unixSeconds: later).problems.first?.reason else {
            Issue.record("expected expired")
            return
        }
        #expect(store.table.first === before)
        // When both are, the newer one is as good.
        #expect(store.reload(now: at(2), unixSeconds: wallClock() + 100 * 86400).replaced == [files])
    }

    @Test func otherPairsAreReadBeforeTheyAreUsed() throws {
        try made.make("a", ["DNS:a.example.com"])
        let store = store("a")
        let before = store.table.first
        let other = try made.make("b", ["DNS:b.example.com"])
        let prepared = store.prepare([other], now: at(1), unixSeconds: wallClock())
        #expect(prepared.problems.isEmpty && store.table.first === before)
        store.use(prepared)
        #expect(store.table.first !== before && store.table.context(for: "b.example.com") != nil)
        #expect(store.status(unixSeconds: wallClock()).map(\.files) == [other])

        try made.write("garbage", to: other.chain)
        let bad = store.prepare([other], now: at(2), unixSeconds: wallClock())
        #expect(bad.problems.map(\.reason) == [.notACertificate])
        // What was read and is not used leaves no trace.
        #expect(store.status(unixSeconds: wallClock())[0].problem == nil)
    }

    @Test func bytesMayComeFromElsewhere() throws {
        struct Held: CertificateSource {
            let files: [String: [UInt8]]
            func stamp(_ path: String) throws(SystemError) -> FileStamp {
                FileStamp(device: 0, inode: 0, size: 0, modified: 0, changed: 0, mode: 0o600)
            }
            func read(_ path: String, limit: Int) throws(SystemError) -> (bytes: [UInt8], stamp: FileStamp) {
                guard let bytes = files[path] else { throw SystemError(call: "open", errno: EACCES, subject: path) }
                return (bytes, try stamp(path))
            }
        }
        let files = try made.make("a", ["DNS:example.com"])
        let held = Held(files: [files.chain: try readFile(files.chain), files.key: try readFile(files.key)])
        unlink(files.key)
        #expect(store("a", source: held).status(unixSeconds: wallClock())[0].problem == nil)
    }
}
