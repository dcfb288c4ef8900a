import AdminAPI
import Linux
import Terminal

/// Standard output and standard error of a command, and what they can show.
struct Console: Sendable {
    let output: TerminalTraits
    private let errors: TerminalTraits
    /// Set where the output becomes the log of a CI job that has forms of its own.
    let pipeline: PipelineLog?

    init(environment: [String: String]) {
        output = .of(1, environment: environment)
        errors = .of(2, environment: environment)
        pipeline = output.isLive ? nil : PipelineLog(environment: environment)
    }

    func write(_ text: String) { send(Array(text.utf8), to: 1) }
    func write(_ bytes: [UInt8]) { send(bytes, to: 1) }
    func line(_ text: String) { write("\(text)\n") }
    func lines(_ lines: [String]) { for text in lines { line(text) } }
    func error(_ text: String) { send(Array("\(text)\n".utf8), to: 2) }

    func json(_ value: some Encodable, pretty: Bool = true) throws {
        write(try WireJSON.encode(value, pretty: pretty) + [UInt8(ascii: "\n")])
    }

    func report(_ explanation: Explanation) {
        guard pipeline == .github else {
            for text in explanation.lines(errors) { error(text) }
            return
        }
        // The annotation stands beside the run; the evidence is in the log.
        let message = explanation.annotation
        send(Array(GitHubCommand.error(title: explanation.headline.showable, message).utf8), to: 2)
        for text in explanation.lines(errors).dropFirst() { error(GitHubCommand.harmless(text)) }
    }

    func report(_ error: ControlError, asJSON: Bool) {
        guard asJSON else { return report(Explanation(error)) }
        // Four strings always have a JSON form.
        try? json(["error": error], pretty: false)
    }

    /// Nothing can be told about an output that cannot be written to; the exit status still says how it went.
    private func send(_ bytes: [UInt8], to descriptor: Int32) {
        guard !bytes.isEmpty else { return }
        try? writeAll(descriptor, bytes)
    }
}

extension Explanation {
    init(_ error: ControlError) {
        self.init(headline: error.message, details: error.details, hint: error.hint)
    }

    init(_ failure: FailureReport, headline: String) {
        self.init(
            headline: headline, step: failure.step, exit: failure.exit,
            // A headline that ends with the cause need not be followed by it.
            details: (headline.hasSuffix(failure.summary) ? [] : [failure.summary])
                + (failure.details.map { [$0] } ?? []), outputTail: failure.outputTail,
            hint: failure.hint)
    }
}
