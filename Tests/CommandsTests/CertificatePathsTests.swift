import Foundation
import Model
import Testing

@testable import Commands

struct CertificatePathsTests {
    @Test func `without root every path is for the supervisor, named once`() {
        let pair = CertificateFiles(chain: "/tmp/both.pem", key: "/tmp/both.pem")
        let paths = CertificatePaths([pair, CertificateFiles(chain: "/a", key: "/b")], isRoot: false)
        #expect(paths.trusted == ["/tmp/both.pem", "/a", "/b"])
        #expect(paths.warnings.isEmpty)
    }

    @Test(.enabled(if: geteuid() == 0))
    func `root opens nothing that others could put a link in place of`() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("certificates-\(UUID())").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: directory)
        let open = "\(directory)/a.key"
        try Data().write(to: URL(fileURLWithPath: open))
        let paths = CertificatePaths([CertificateFiles(chain: "/etc/passwd", key: open)], isRoot: true)
        #expect(paths.trusted == ["/etc/passwd"])
        #expect(paths.warnings.count == 1 && paths.warnings[0].hasPrefix(open))
    }
}
