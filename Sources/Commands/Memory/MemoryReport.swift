import Model

/// `passenger memory-stats --json`: every process of a server, and what it takes, in bytes.
struct MemoryReport: Encodable, Equatable {
    struct Sum: Encodable, Equatable {
        var processes = 0
        var privateBytes = 0
        var sharedBytes = 0
        /// Private, and of what is shared each one's share: only these may be added up.
        var pssBytes = 0
        var swapBytes = 0
        /// False where one of them could not be looked at closely.
        var isExact = true
    }

    struct Process: Encodable, Equatable {
        enum Kind: String, Encodable { case supervisor, core, helper, preloader, worker, companion }
        var pid: Int32
        var kind: Kind
        /// `w12`, `preloader`, `worker.1`, `supervisor`; a child of it, the child's own command.
        var name: String
        /// Of another one of the list, which started it.
        var isChild = false
        /// With it its children, where only the server could look.
        var processes = 1
        var privateBytes: Int
        var sharedBytes: Int
        var pssBytes: Int
        var swapBytes: Int
        var virtualBytes: Int
        var isExact: Bool
    }

    struct Generation: Encodable, Equatable {
        var number: GenerationNumber
        var release: String?
        var state: String
        var processes: [Process]
        var total: Sum { Sum(processes) }
        enum CodingKeys: String, CodingKey { case number, release, state, processes, total }
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(number, forKey: .number)
            try container.encodeIfPresent(release, forKey: .release)
            try container.encode(state, forKey: .state)
            try container.encode(processes, forKey: .processes)
            try container.encode(total, forKey: .total)
        }
    }

    struct App: Encodable, Equatable {
        var name: AppName
        var root: String
        var kind: AppKind?
        var environment: String
        var generations: [Generation]
        var companions: [Process]
        var total: Sum { Sum(generations.flatMap(\.processes) + companions) }
        enum CodingKeys: String, CodingKey { case name, root, kind, environment, generations, companions, total }
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(name, forKey: .name)
            try container.encode(root, forKey: .root)
            try container.encodeIfPresent(kind, forKey: .kind)
            try container.encode(environment, forKey: .environment)
            try container.encode(generations, forKey: .generations)
            try container.encode(companions, forKey: .companions)
            try container.encode(total, forKey: .total)
        }
    }

    var instance: String
    var apps: [App]
    /// The server's own.
    var server: [Process]
    var all: [Process] { server + apps.flatMap { $0.generations.flatMap(\.processes) + $0.companions } }
    enum CodingKeys: String, CodingKey { case instance, apps, server, serverTotal, total }
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(instance, forKey: .instance)
        try container.encode(apps, forKey: .apps)
        try container.encode(server, forKey: .server)
        try container.encode(Sum(server), forKey: .serverTotal)
        try container.encode(Sum(all), forKey: .total)
    }
}

extension MemoryReport.Sum {
    init(_ processes: [MemoryReport.Process]) {
        for process in processes {
            self.processes += process.processes
            privateBytes += process.privateBytes
            sharedBytes += process.sharedBytes
            pssBytes += process.pssBytes
            swapBytes += process.swapBytes
            isExact = isExact && process.isExact
        }
    }
}
