import Deploys
import Foundation
import Model
import Pool
import Testing

struct MaskingTests {
    private let secret = "hunter2-hunter2"

    @Test func `No secret gets into events, the journal or a failure`() async throws {
        let fixture = try Fixture()
        let secret = secret
        fixture.settings.change { settings in
            settings.secrets = [secret]
            settings.settings.deploy.build = ["make \(secret)"]
            settings.repository = "https://ann:pass-word@host/blog.git"
        }
        fixture.commands.end("make \(secret)", .ended(.exited(1)))
        let handle = try await fixture.operations.deploy(DeployRequest(requester: somebody))
        let outcome = try await fixture.finish(handle)
        #expect(outcome.failure?.summary.contains("***") == true)
        let events = handle.log.snapshot().map { "\($0)" }.joined()
        #expect(events.contains("output of make ***"))
        let record = try #require(await fixture.operations.deploy(DeployNumber(1)))
        let overview = await fixture.operations.overview()
        for text in [events, "\(outcome)", "\(record.steps)", "\(record.failure as Any)", "\(overview)"] {
            #expect(!text.contains(secret), "\(text)")
        }
        _ = await fixture.journal.flush()
        for name in try FileManager.default.subpathsOfDirectory(atPath: fixture.directory.path) {
            guard name.hasSuffix(".json") else { continue }
            let data = FileManager.default.contents(atPath: "\(fixture.directory.path)/\(name)") ?? Data()
            #expect(!String(decoding: data, as: UTF8.self).contains("pass-word"), "\(name)")
            var members = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
            // A command that is written in the configuration is no output.
            members["settings"] = nil
            #expect(!"\(members)".contains(secret), "\(name)")
        }
    }

    @Test func `A boot's failure is masked with the output it brings`() {
        let boot = BootFailure(
            step: "load_app", summary: "no \(secret)", details: "at \(secret)", outputTail: ["\(secret)!"], hint: secret
        )
        let masked = DeployFailure(.bootFailed, "x", boot: boot).masked(SecretMask([secret]))
        #expect(masked.boot?.summary == "no ***" && masked.boot?.outputTail == ["***!"])
        #expect(!"\(masked)".contains(secret))
    }
}
