import AdminAPI
import Model
import Testing

/// What programs read from `--json`. A change here breaks them: add, and neither rename nor remove.
struct WireFormatTests {
    private static let failure: FailureReport = {
        var failure = FailureReport(
            step: "build", summary: "exit status 3", details: "npm ci", exit: "exit status 3", outputTail: ["boom"],
            hint: "mend it")
        failure.code = "command_failed"
        return failure
    }()

    static let lines: [(OperationEvent, String)] = [
        (.stepStarted(step: "build", title: "npm ci"), #"{"event":"step_started","step":"build","title":"npm ci"}"#),
        (.output(step: "build", line: "ok"), #"{"event":"output","line":"ok","step":"build"}"#),
        (.progress(step: "fetch", text: "3 objects"), #"{"event":"progress","step":"fetch","text":"3 objects"}"#),
        (.stepFinished(step: "build", seconds: 1.5), #"{"event":"step_finished","seconds":1.5,"step":"build"}"#),
        (
            .stepFinished(step: "build", seconds: 2, failure: "exit status 3"),
            #"{"event":"step_finished","failure":"exit status 3","seconds":2,"step":"build"}"#
        ),
        (
            .switched(release: "42-9be0d13", milliseconds: 0.5),
            #"{"event":"switched","milliseconds":0.5,"release":"42-9be0d13"}"#
        ),
        (.notice(level: .alarm, text: "both worse"), #"{"event":"notice","level":"alarm","text":"both worse"}"#),
        (.skipped(events: 7), #"{"event":"skipped","events":7}"#),
        (
            .finished(
                OperationResult(
                    .stable, deploy: DeployNumber(42), release: "42-9be0d13", summary: "live", switchMilliseconds: 0.5,
                    seconds: 30)),
            #"{"event":"finished","result":{"deploy":42,"outcome":"stable","release":"42-9be0d13","seconds":30,"summary":"live","switch_milliseconds":0.5}}"#
        ),
        (
            .finished(OperationResult(.failed, deploy: DeployNumber(43), failure: failure)),
            #"{"event":"finished","result":{"deploy":43,"failure":{"code":"command_failed","details":"npm ci","exit":"exit status 3","hint":"mend it","output_tail":["boom"],"step":"build","summary":"exit status 3"},"outcome":"failed"}}"#
        ),
    ]

    @Test func `Every event is written as documented, and read again`() throws {
        for (event, line) in WireFormatTests.lines {
            let bytes = try WireJSON.encode(event)
            #expect(String(decoding: bytes, as: UTF8.self) == line)
            #expect(try WireJSON.decode(OperationEvent.self, from: bytes) == event)
        }
    }

    @Test func `Lines of logs are written as documented, and read again`() throws {
        let line = LogLine(
            time: WallTime(millisecondsSince1970: 0), generation: GenerationNumber(7), worker: WorkerNumber(12),
            source: "w12", stream: "stderr", text: "boom")
        let lines: [(LogEvent, String)] = [
            (
                .line(line),
                #"{"event":"line","generation":7,"source":"w12","stream":"stderr","text":"boom","time":"1970-01-01T00:00:00.000Z","worker":12}"#
            ), (.skipped(lines: 3), #"{"event":"skipped","lines":3}"#),
        ]
        for (event, text) in lines {
            let bytes = try WireJSON.encode(event)
            #expect(String(decoding: bytes, as: UTF8.self) == text)
            #expect(try WireJSON.decode(LogEvent.self, from: bytes) == event)
        }
        #expect(try WireJSON.decode(LogEvent.self, from: Array(#"{"event":"new"}"#.utf8)) == .unknown(event: "new"))
    }

    @Test func `Outcomes, codes and exit statuses keep their names`() {
        #expect(
            OperationOutcome.allCases.map { "\($0.rawValue) \($0.exitStatus)" } == [
                "stable 0", "switched 0", "pending 0", "failed 1", "aborted 1", "rolled_back 5", "restarted 0",
                "interrupted 1",
            ])
        #expect(
            ErrorCode.allCases.map { "\($0.rawValue) \($0.exitStatus)" } == [
                "failed 1", "internal_error 1", "usage 2", "body_too_large 2", "unknown_app 2", "not_found 1",
                "method_not_allowed 2", "not_running 3", "refused 4", "superseded 4", "forbidden 4", "unauthorized 4",
                "too_many_attempts 4",
                "rolled_back 5", "timed_out 6",
            ])
        var late = OperationResult(.failed, failure: WireFormatTests.failure)
        #expect(late.exitStatus == 1)
        late.failure?.code = "command_timed_out"
        #expect(late.exitStatus == 6)
    }

    @Test func `A deploy's story has stable names`() throws {
        var detail = DeployDetail(
            summary: DeploySummary(number: DeployNumber(42), state: "stable"),
            steps: [
                DeployStep(
                    step: "npm ci", state: "done", seconds: 1.5, startedAt: WallTime(millisecondsSince1970: 0))
            ])
        detail.requester = DeployRequester(
            user: "ann", uid: 1000, command: "passenger deploy", ci: ["CI_JOB_URL": "https://ci/1"])
        detail.commit = DeployCommit(id: "9be0d13", author: "Ann <a@b>", subject: "mend")
        detail.repository = "git@host:blog.git"
        detail.previous = "41-aaaaaaa"
        let text = String(decoding: try WireJSON.encode(detail), as: UTF8.self)
        #expect(
            text
                == #"{"commit":{"author":"Ann <a@b>","id":"9be0d13","subject":"mend"},"previous":"41-aaaaaaa","#
                + #""repository":"git@host:blog.git","requester":{"ci":{"CI_JOB_URL":"https://ci/1"},"#
                + #""command":"passenger deploy","link":"https://ci/1","uid":1000,"user":"ann"},"#
                + #""steps":[{"seconds":1.5,"started_at":"1970-01-01T00:00:00.000Z","state":"done","step":"npm ci"}],"#
                + #""summary":{"number":42,"state":"stable"}}"#)
    }

    @Test func `A pipeline is found by its own variables, and only a web page is a link`() {
        let environment = [
            "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "ann/blog", "GITHUB_RUN_ID": "7",
            "GITHUB_TOKEN": "secret", "CI_JOB_URL": "",
        ]
        let found = Pipeline.found(in: environment)
        #expect(found.keys.sorted() == ["GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_SERVER_URL"])
        #expect(Pipeline.link(found) == "https://github.com/ann/blog/actions/runs/7")
        #expect(Pipeline.link(["CI_JOB_URL": "javascript:alert(1)"]) == nil)
    }
}
