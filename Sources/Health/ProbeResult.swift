internal import Model

/// What a worker answered.
package struct ProbeAnswer: Sendable, Equatable {
    package var status: Int
    package var reason: String
    /// Names as sent, values, in order.
    package var headers: [[String]]
    /// At most `HealthProbe.bodyLimit` bytes.
    package var body: [UInt8]
    /// False for a stream that went on when time or the limit was up.
    package var bodyComplete: Bool

    package init(
        status: Int, reason: String = "", headers: [[String]] = [], body: [UInt8] = [], bodyComplete: Bool = true
    ) {
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body
        self.bodyComplete = bodyComplete
    }

    /// The first header of that name, in any case.
    package func header(_ name: String) -> String? {
        headers.first { $0[0].lowercased() == name.lowercased() }?[1]
    }
}

/// Why there is no answer.
package struct ProbeFailure: Error, Sendable, Equatable {
    package enum Kind: String, Sendable {
        /// Our own settings make no request.
        case badRequest
        /// Nobody listens, or the kernel refuses.
        case connect
        case timedOut
        /// The connection ended before the answer did.
        case closed
        /// The answer is not HTTP.
        case malformed
    }
    package var kind: Kind
    /// One line.
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }
}

/// One probe: what was asked, what came back, how long it took.
package struct ProbeResult: Sendable, Equatable {
    package var url: String
    package var headers: [[String]]
    package var outcome: Result<ProbeAnswer, ProbeFailure>
    package var duration: Duration

    package init(
        url: String, headers: [[String]] = [], outcome: Result<ProbeAnswer, ProbeFailure>, duration: Duration
    ) {
        self.url = url
        self.headers = headers
        self.outcome = outcome
        self.duration = duration
    }

    /// Bytes of the body that a report shows.
    package static let shownBody = 1024

    /// The whole evidence for a person: request, status, headers, start of the body, time taken.
    package var report: String {
        var lines = ["GET \(url)"]
        lines += headers.map { "  \($0[0]): \($0[1])" }
        switch outcome {
        case .failure(let failure): lines.append("no answer after \(duration.inWords): \(failure.message)")
        case .success(let answer):
            lines.append("answered \(answer.statusText) after \(duration.inWords)")
            lines += answer.headers.map { "  \($0[0]): \($0[1])" }
            if !answer.body.isEmpty {
                lines.append(String(decoding: answer.body.prefix(Self.shownBody), as: UTF8.self))
                if answer.body.count > Self.shownBody { lines.append("(cut off)") }
            }
        }
        return lines.joined(separator: "\n")
    }
}

extension ProbeAnswer {
    /// "503 Service Unavailable"
    var statusText: String { reason.isEmpty ? "\(status)" : "\(status) \(reason)" }
}
