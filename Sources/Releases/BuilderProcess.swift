import Glibc
import Linux

/// The release builder: a child that runs as the deploy user and does every write under a deploy root.
package enum BuilderProcess {
    /// Serves requests from `input` until it ends, and owns the process meanwhile: signals, umask and exit. The exit status:
    /// 0, or 1 when the core's lines make no sense or the builder could not start.
    package static func run(input: Int32, output: Int32) -> Int32 {
        // A core that is gone is noticed at the end of the input; writing to it must not kill a clean-up half-way.
        signal(SIGPIPE, SIG_IGN)
        umask(0o022)
        FullDiskNotice.install(output: output)
        let events = EventWriter(output: output)
        do throws(SystemError) {
            let cancellation = try Cancellation()
            let reader = try RequestReader(input: input, cancellation: cancellation) { failure in
                if let failure { events.send(.error(failure)) }
                _exit(1)
            }
            try reader.start()
            return serve(reader, RequestHandler(events: events, cancellation: cancellation), events)
        } catch {
            events.send(.error(.system(error.errno, "start the release builder: \(error.call)")))
            return 1
        }
    }

    private static func serve(_ reader: RequestReader, _ handler: RequestHandler, _ events: EventWriter) -> Int32 {
        let libgit2 = LibGit2()
        defer { reader.finish() }
        return withExtendedLifetime(libgit2) { answerAll(reader, handler, events) }
    }

    private static func answerAll(_ reader: RequestReader, _ handler: RequestHandler, _ events: EventWriter) -> Int32 {
        while true {
            switch reader.next() {
            case .ended: return 0
            case .malformed:
                events.send(.error(BuilderFailure(.invalidRequest, "a line that is no request")))
                return 1
            case .request(let request):
                do throws(BuilderFailure) {
                    events.send(.ok(try handler.answer(request)))
                } catch {
                    events.send(.error(error))
                }
            }
        }
    }
}
