import Deploys
import Foundation
import Model
import Pool
import Spawning

/// All that a core leaves for the one after it, beside the supervisor's table: who serves what, and which processes those
/// are. JSON, with a version of its own.
struct ServerSnapshot: Codable, Equatable {
    /// Of the format. Another one is refused, and the apps are booted.
    static let version = 1

    struct Worker: Codable, Equatable {
        var number: WorkerNumber
        var process: ProcessMark
    }

    struct Preloader: Codable, Equatable {
        var app: AppName
        var generation: GenerationNumber
        var process: ProcessMark
    }

    private(set) var version = ServerSnapshot.version
    var pool: PoolRecord
    var workers: [Worker]
    var preloaders: [Preloader]
    /// Nil: by a core that took none.
    var notes: [AppNote]?

    init(pool: PoolRecord, workers: [Worker], preloaders: [Preloader], notes: [AppNote] = []) {
        self.pool = pool
        self.workers = workers
        self.preloaders = preloaders
        self.notes = notes
    }

    /// Nothing of it is used unless all of it can be read.
    static func decode(_ bytes: [UInt8]) throws(Unreadable) -> ServerSnapshot {
        let (data, decoder) = (Data(bytes), JSONDecoder())
        guard let head = try? decoder.decode(Head.self, from: data) else { throw .damaged }
        guard head.version == version else { throw .otherVersion(head.version) }
        guard let snapshot = try? OlderSettings.decode(ServerSnapshot.self, from: data) else { throw .damaged }
        return snapshot
    }

    private struct Head: Decodable { var version: Int }

    enum Unreadable: Error, Equatable, CustomStringConvertible {
        case damaged
        case otherVersion(Int)

        var description: String {
            switch self {
            case .damaged: "it is damaged"
            case .otherVersion(let version): "it is of version \(version), not \(ServerSnapshot.version)"
            }
        }
    }
}
