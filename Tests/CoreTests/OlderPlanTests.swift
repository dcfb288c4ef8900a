import Foundation
import Model
import Pool
import Testing

@testable import Core

@Suite struct OlderPlanTests {
    /// An upgrade begins with it, and is refused when it cannot be read.
    @Test func `the plan that a server of a version before runs by is read`() throws {
        let tests = #filePath.split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(tests)/older/boot-plan.json"))
        let plan = try CoreBootPlan.decode(Array(bytes))
        #expect(plan.server.listen.map(\.description) == ["127.0.0.1:8155"])
        let app = try #require(plan.apps.first)
        #expect(app.name.rawValue == "blog" && app.settings.serverNames == ["blog.example.com"])
        #expect(!app.settings.watchesSources)
    }

    /// The path of each member that is no element of a list.
    private func paths(_ members: [String: Any]) -> [[String]] {
        members.flatMap { key, value in
            [[key]] + paths(value as? [String: Any] ?? [:]).map { [key] + $0 }
        }
    }

    private func removing(_ path: ArraySlice<String>, from members: [String: Any]) -> [String: Any] {
        var rest = members
        guard let key = path.first else { return rest }
        rest[key] = path.count == 1 ? nil : removing(path.dropFirst(), from: rest[key] as? [String: Any] ?? [:])
        return rest
    }

    /// With all settings in it replaced.
    private func replacingSettings(in value: Any, by settings: [String: Any]) -> Any {
        if let list = value as? [Any] { return list.map { replacingSettings(in: $0, by: settings) } }
        guard let members = value as? [String: Any] else { return value }
        return Dictionary(
            uniqueKeysWithValues: members.map { key, value in
                (key, key == "settings" ? settings : replacingSettings(in: value, by: settings))
            })
    }

    private func members(_ bytes: Data) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
    }

    @Test func `whatever a version before did not know of the settings has its default`() throws {
        let name = try #require(AppName("blog"))
        var settings = AppSettings(name: name, directory: "/srv/blog", kind: .rack)
        // What is there stays, also where its form is not that of the default.
        settings.deploy.surge = .count(2)
        settings.environment = "staging"
        let generation = GenerationRecord(
            number: GenerationNumber(1), spec: GenerationSpec(app: name, settings: settings, workers: 1), state: .live,
            target: 1, bornAt: .zero, workers: [])
        let record = AppRecord(name: name, generations: [generation], live: generation.number)
        let snapshot = ServerSnapshot(
            pool: PoolRecord(apps: [record], lastWorker: WorkerNumber(1)), workers: [], preloaders: [])
        let whole = try members(Data(try SnapshotEncoder().encode(snapshot)))
        let stored = try members(try JSONEncoder().encode(settings))

        let always: Set = ["name", "directory", "kind", "environment"]
        // An optional that is missing is nil, whatever its default; nothing tells that it was not known.
        let optional = ["http", "files", "staticFilesDirectory"]
        let paths = paths(stored).filter { path in
            !always.contains(path[0]) && path != ["deploy"] && !path.starts(with: ["deploy", "surge"])
                && path != optional
        }
        #expect(paths.count > 100, "\(paths.count)")
        for path in paths {
            let older = replacingSettings(in: whole, by: removing(path[...], from: stored))
            let bytes = try JSONSerialization.data(withJSONObject: older)
            #expect(try ServerSnapshot.decode(Array(bytes)) == snapshot, "\(path)")
        }
    }
}
