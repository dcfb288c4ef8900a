package import AccessLog
package import Model

/// What the gateway has counted of one app since the core started. What belongs to a generation is also there, until that is
/// gone; the sums above it never become less.
package struct AppTraffic: Sendable, Equatable {
    /// Generations that are remembered; of more, the oldest go.
    static let mostGenerations = 16

    /// By source, and of each by class.
    private var answers: [UInt64] = []
    /// Answers that the gateway gave in the app's place.
    private var failures: [UInt64] = []
    /// From the arrival of the request's head to the end of its answer. Without streams.
    package private(set) var duration = DurationHistogram()
    /// Of the requests that asked for a worker.
    package private(set) var queueWait = DurationHistogram()
    /// Bodies, without framing.
    package private(set) var requestBytes: UInt64 = 0
    package private(set) var answerBytes: UInt64 = 0
    package private(set) var generations: [GenerationTraffic] = []
    /// Index of the generation before: of most requests too.
    private var last = 0

    package init() {}

    package func answers(_ source: AnswerSource, _ status: StatusClass) -> UInt64 {
        answers.isEmpty ? 0 : answers[Self.place(source, status)]
    }

    package func failures(_ reason: FailureReason) -> UInt64 { failures.isEmpty ? 0 : failures[reason.rawValue] }

    private static func place(_ source: AnswerSource, _ status: StatusClass) -> Int {
        Int(source.rawValue) * StatusClass.allCases.count + status.rawValue
    }

    // MARK: Counting

    mutating func count(_ request: FinishedRequest) {
        if answers.isEmpty {
            answers = [UInt64](repeating: 0, count: AnswerSource.allCases.count * StatusClass.allCases.count)
        }
        answers[Self.place(request.source, request.status)] &+= 1
        if let nanoseconds = request.duration { duration.add(nanoseconds: nanoseconds) }
        if let nanoseconds = request.queueWait { queueWait.add(nanoseconds: nanoseconds) }
        requestBytes &+= UInt64(request.requestBytes)
        answerBytes &+= UInt64(request.answerBytes)
        guard let generation = request.generation else { return }
        if last >= generations.count || generations[last].number != generation { last = position(of: generation) }
        generations[last].count(request)
    }

    mutating func failed(_ reason: FailureReason) {
        if failures.isEmpty { failures = [UInt64](repeating: 0, count: FailureReason.allCases.count) }
        failures[reason.rawValue] &+= 1
    }

    mutating func addBytes(_ bytes: Int) { answerBytes &+= UInt64(bytes) }

    private mutating func position(of number: GenerationNumber) -> Int {
        if let position = generations.firstIndex(where: { $0.number == number }) { return position }
        // One that ends when its generation was forgotten already would bring it back for ever.
        if generations.count == Self.mostGenerations,
            let oldest = generations.indices.min(by: { generations[$0].number < generations[$1].number })
        {
            generations.remove(at: oldest)
        }
        generations.append(GenerationTraffic(number: number))
        return generations.count - 1
    }

    mutating func forget(_ number: GenerationNumber) { generations.removeAll { $0.number == number } }

    /// What another loop has counted.
    mutating func add(_ other: AppTraffic) {
        answers.add(other.answers)
        failures.add(other.failures)
        duration += other.duration
        queueWait += other.queueWait
        requestBytes &+= other.requestBytes
        answerBytes &+= other.answerBytes
        for generation in other.generations {
            if let position = generations.firstIndex(where: { $0.number == generation.number }) {
                generations[position].add(generation)
            } else {
                generations.append(generation)
            }
        }
    }
}

/// What workers of one generation answered, and what had to be answered because of them.
package struct GenerationTraffic: Sendable, Equatable {
    package let number: GenerationNumber
    private var answers = [UInt64](repeating: 0, count: StatusClass.allCases.count)
    package private(set) var duration = DurationHistogram()

    init(number: GenerationNumber) { self.number = number }

    package func answers(_ status: StatusClass) -> UInt64 { answers[status.rawValue] }

    fileprivate mutating func count(_ request: FinishedRequest) {
        answers[request.status.rawValue] &+= 1
        if let nanoseconds = request.duration { duration.add(nanoseconds: nanoseconds) }
    }

    fileprivate mutating func add(_ other: GenerationTraffic) {
        answers.add(other.answers)
        duration += other.duration
    }
}

extension [UInt64] {
    fileprivate mutating func add(_ other: [UInt64]) {
        if isEmpty { return self = other }
        for (index, count) in other.enumerated() { self[index] &+= count }
    }
}
