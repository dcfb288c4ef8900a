import AccessLog
import Model
import Pool

/// A request at its end, as it is counted.
struct FinishedRequest {
    var source: AnswerSource
    var status: StatusClass
    /// Of the worker that had it.
    var generation: GenerationNumber?
    /// Nanoseconds; nil for a stream, whose end says nothing about the app.
    var duration: Int64?
    /// Nil when no worker was asked for.
    var queueWait: Int64?
    var requestBytes: Int
    var answerBytes: Int
}

/// What one event loop counts: plain numbers, written on that loop alone. They are summed up with those of the other loops
/// when somebody asks.
struct LoopTraffic {
    /// By the app's index.
    private(set) var apps: ContiguousArray<AppTraffic> = []
    /// Answers to what belonged to no app.
    private(set) var unrouted = [UInt64](repeating: 0, count: StatusClass.allCases.count)

    mutating func count(_ app: AppIndex?, _ request: FinishedRequest) {
        guard let app else { return unrouted[request.status.rawValue] &+= 1 }
        makeRoom(for: app)
        apps[app.rawValue].count(request)
    }

    mutating func failed(_ app: AppIndex, _ reason: FailureReason) {
        makeRoom(for: app)
        apps[app.rawValue].failed(reason)
    }

    mutating func addBytes(_ bytes: Int, to app: AppIndex) {
        makeRoom(for: app)
        apps[app.rawValue].addBytes(bytes)
    }

    /// Indices are small, and never given to another app.
    private mutating func makeRoom(for app: AppIndex) {
        while apps.count <= app.rawValue { apps.append(AppTraffic()) }
    }

    mutating func forget(_ generation: GenerationNumber, of app: AppIndex) {
        guard app.rawValue < apps.count else { return }
        apps[app.rawValue].forget(generation)
    }

    mutating func forget(_ app: AppIndex) {
        guard app.rawValue < apps.count else { return }
        apps[app.rawValue] = AppTraffic()
    }
}
