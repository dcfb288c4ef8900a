import Foundation
import Linux
package import Model
import Pool

/// What a state directory held when the server started.
package struct LoadedJournal: Sendable {
    package var records: [DeployRecord] = []
    package var live: LiveRecord?
    /// `live.json` cannot be read, or is missing although something was live.
    package var isLiveLost = false
    /// Numbers whose journal could not be read: taken all the same.
    package var unreadable: [DeployNumber] = []
    /// For the log and for `status`, one line each.
    package var problems: [String] = []
}

extension Journal {
    /// Far beyond any record: thirteen steps with 64 KiB of output each.
    private static let maxRecordBytes = 16 << 20

    /// Reads everything. A file that cannot be read is set aside and reported: a server that does not start because of
    /// a torn file would turn a nuisance into an outage.
    package func load() -> LoadedJournal {
        var loaded = LoadedJournal()
        let folder = Journal.deploys(directory)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names {
            guard name.hasSuffix(".json"), let number = Int(name.dropLast(5)) else { continue }
            switch read(DeployRecord.self, folder, name, newest: DeployRecord.version) {
            case .success(var record):
                record.failure?.dropStep()
                loaded.records.append(record)
            case .failure(let problem):
                loaded.unreadable.append(DeployNumber(number))
                loaded.problems.append(problem.text)
            }
        }
        loaded.records.sort { $0.number < $1.number }
        loaded.unreadable += damagedNumbers(names)
        guard FileManager.default.fileExists(atPath: directory + "/live.json") else {
            // It is written at the first switch, long before anything is stable.
            loaded.isLiveLost = loaded.records.contains(where: \.wasStable)
            return loaded
        }
        switch read(LiveRecord.self, directory, "live.json", newest: LiveRecord.version) {
        case .success(let live): loaded.live = live
        case .failure(let problem):
            loaded.isLiveLost = true
            loaded.problems.append(problem.text)
        }
        return loaded
    }

    private struct Problem: Error { let text: String }
    private struct Versioned: Decodable { let version: Int }

    private func read<Value: Decodable>(
        _ type: Value.Type, _ folder: String, _ name: String, newest: Int
    ) -> Result<Value, Problem> {
        let path = "\(folder)/\(name)"
        do {
            let data = Data(try readFile(path, limit: Journal.maxRecordBytes))
            let version = try StateJSON.decoder().decode(Versioned.self, from: data).version
            guard version <= newest else {
                // Not damaged: a newer passenger wrote it and may want it back.
                return .failure(Problem(text: "\(path) is of version \(version), newer than this program knows"))
            }
            return .success(try decode(type, data))
        } catch let error as SystemError {
            return .failure(Problem(text: "\(path) could not be read: \(error)"))
        } catch {
            return .failure(Problem(text: setAside(name, folder)))
        }
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ data: Data) throws -> Value {
        try OlderSettings.decode(type, from: data, StateJSON.decoder())
    }

    private func setAside(_ name: String, _ folder: String) -> String {
        let aside = freeName(name + ".damaged", folder)
        do {
            try FileManager.default.moveItem(atPath: "\(folder)/\(name)", toPath: "\(folder)/\(aside)")
            return "\(folder)/\(name) is damaged; it was set aside as \(aside)"
        } catch {
            return "\(folder)/\(name) is damaged and could not be set aside: \(error.localizedDescription)"
        }
    }

    private func freeName(_ name: String, _ folder: String) -> String {
        var candidate = name
        var count = 1
        while FileManager.default.fileExists(atPath: "\(folder)/\(candidate)") {
            count += 1
            candidate = "\(name).\(count)"
        }
        return candidate
    }

    /// From earlier starts: their numbers stay taken.
    private func damagedNumbers(_ names: [String]) -> [DeployNumber] {
        names.filter { $0.contains(".json.damaged") }.compactMap { name in
            Int(name.prefix { $0 != "." }).map { DeployNumber($0) }
        }
    }
}

extension DeployFailure {
    /// Journals of earlier versions have the step of a boot in its summary as well.
    fileprivate mutating func dropStep() {
        guard let step = boot?.step, summary.hasPrefix("\(step): ") else { return }
        summary.removeFirst(step.count + 2)
    }
}
