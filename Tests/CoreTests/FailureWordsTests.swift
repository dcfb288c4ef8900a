import AdminAPI
import Logging
import Model
import Pool
import Synchronization
import Testing

@testable import Core
@testable import Deploys
@testable import Gateway

/// What people read of a failure, in reports and in the log.
@Suite struct FailureWordsTests {
    private let boot = BootFailure(step: "load_app", summary: "cannot load such file -- rack")

    private func failure() -> DeployFailure {
        DeployFailure(GenerationFailure(generation: GenerationNumber(2), failure: boot, failures: 1))
    }

    @Test func `a report says its step once`() {
        let failure = failure()
        #expect(failure.summary == "cannot load such file -- rack")
        #expect("\(failure)" == "load_app: cannot load such file -- rack")
        let report = FailureReport(failure, step: "boot")
        #expect(report.step == "load_app" && report.summary == "cannot load such file -- rack")
        #expect(report == FailureReport(failure, step: nil))
        // And the end of an operation, which a command shows, tells both in one line.
        let outcome = Deploys.OperationOutcome(
            .failed, summary: "boot failed: \(failure)", failedStep: .boot, failure: failure)
        let result = AdminAPI.OperationResult(outcome, of: .deploy)
        #expect(result.summary == "boot failed: load_app: cannot load such file -- rack")
        #expect(result.failure?.summary == "cannot load such file -- rack")
    }

    @Test func `a failure without a step of its own is told by its code, as programs are`() {
        let report = FailureReport(DeployFailure(.referenceUnknown, "there is no branch v2"), step: nil)
        #expect(report.step == "reference_unknown" && report.code == "reference_unknown")
        #expect(report.summary == "there is no branch v2")
    }

    @Test func `names of steps, states, results and codes are of one kind, wherever they are told`() {
        let names =
            DeployStep.allCases.map(\.name) + DeployFailure.Code.allCases.map(\.name)
            + Deploys.OperationResult.allCases.map(\.name) + WorkerState.allCases.map(\.rawValue)
            + AdminAPI.OperationOutcome.allCases.map(\.rawValue) + ErrorCode.allCases.map(\.rawValue)
        #expect(names.filter { $0.wholeMatch(of: /[a-z]+(_[a-z]+)*/) == nil } == [])
    }

    @Test func `a restart that failed before any boot is told by the step's name`() {
        let failure = DeployFailure(.internalError, "it broke")
        #expect(BootFailure(failure, step: .beforeSwitch).step == "before_switch")
        #expect(BootFailure(failure, step: nil).step == "internal_error")
    }

    @Test func `listeners are called by their addresses, as status lists them`() {
        #expect(ListenerName.address("http-tcp:127.0.0.1:3000") == "127.0.0.1:3000")
        #expect(ListenerName.address("https-tcp:[::1]:443") == "[::1]:443")
        #expect(ListenerName.address("http-unix:/run/blog.sock") == "unix:/run/blog.sock")
        #expect(ListenerName.address("admin") == "admin")
    }

    @Test func `the log tells refusals in words`() throws {
        let lines = Lines()
        let log = EventLog(logger: Logger(label: "test") { _ in lines }, format: .text)
        let blog = try #require(AppName("blog"))
        log.gateway(.answered(.queueFull(status: 503), id: "e1", app: blog, request: nil))
        log.gateway(
            .repeated(
                GatewayEvent.answered(.workerTimedOut, id: "e2", app: blog, request: nil).kind, more: 3, seconds: 10))
        log.pool(PoolEvent(app: blog, generation: GenerationNumber(1), kind: .refusedQueued(2, .queueTimeout)))
        #expect(
            lines.all == [
                "gateway: answered 503: the queue is full (max_request_queue_size), error id e1",
                "gateway: 3 more of app blog in the last 10 s: answers 504: the worker took too long (max_request_time)",
                "app blog g1: 2 waiting requests refused: they waited too long (max_request_queue_time)",
            ])
    }
}

private final class Lines: LogHandler {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: Logging.LogEvent) { lines.withLock { $0.append("\(event.message)") } }
}
