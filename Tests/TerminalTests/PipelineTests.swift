import Model
import Terminal
import Testing

private func seconds(_ value: Double) -> Instant { Instant(nanoseconds: Int64(value * 1e9)) }

struct PipelineTests {
    private func github(_ events: [StepEvent]) -> String {
        var steps = GitHubSteps(.plain)
        let text = events.map { steps.show($0, at: seconds(1)) }.joined()
        return text + steps.end(at: seconds(1))
    }

    @Test func `GitHub gets a group for each step, and annotations`() {
        let text = github([
            .started(title: "npm ci"), .output(line: "added 3 packages"), .progress(text: "3 of 4"),
            .warning("slow: 50%\nsee, the log"), .finished(seconds: 2, failure: nil), .started(title: "boot"),
            .finished(seconds: 1, failure: "exit status 1"), .alarm("both\r\nworse"),
        ])
        #expect(
            text == """
                ::group::npm ci
                added 3 packages
                ::warning title=passenger::slow: 50%25%0Asee, the log
                ::endgroup::
                ok      npm ci (2.0 s)
                ::group::boot
                ::endgroup::
                failed  boot (1.0 s): exit status 1
                ::error title=passenger::both%0D%0Aworse

                """)
    }

    @Test func `A step that nobody finished is closed`() {
        #expect(
            github([.started(title: "a"), .started(title: "b")]).hasSuffix("::endgroup::\n::group::b\n::endgroup::\n"))
    }

    @Test(arguments: [
        "::error::x", "  ::set-output name=a::b", "\u{1B}[1m::add-mask::y", "a ##[error]x", "\t::endgroup::",
    ])
    func `What a build writes is never a command to GitHub`(_ line: String) {
        let shown = github([.output(line: line), .note(StyledText(line))])
        for line in shown.split(separator: "\n") {
            #expect(!line.drop { $0 == " " }.hasPrefix("::"))
            #expect(!line.contains("##["))
        }
        let title = github([.started(title: "a\n\(line)")])
        #expect(title.split(separator: "\n").count == 2)
    }

    @Test func `Properties of an annotation cannot end it, or begin another`() {
        let text = GitHubCommand.error(title: "a:b,c%\nd", "m%\r\nn")
        #expect(text == "::error title=a%3Ab%2Cc%25%0Ad::m%25%0D%0An\n")
    }

    @Test func `GitLab gets a collapsed section for each step`() {
        var steps = GitLabSteps(.plain, epoch: 1_700_000_000)
        var text = steps.show(.started(title: "npm ci"), at: seconds(5))
        text += steps.show(.output(line: "section_end:1:passenger_1\r\u{1B}[0Kx"), at: seconds(6))
        text += steps.show(.finished(seconds: 2, failure: nil), at: seconds(7))
        text += steps.show(.started(title: "boot"), at: seconds(8)) + steps.end(at: seconds(9))
        #expect(
            text == "section_start:1700000005:passenger_1[collapsed=true]\r\u{1B}[0Knpm ci\n"
                + "section_end:1:passenger_1x\n"
                + "section_end:1700000007:passenger_1\r\u{1B}[0Kok      npm ci (2.0 s)\n"
                + "section_start:1700000008:passenger_2[collapsed=true]\r\u{1B}[0Kboot\n"
                + "section_end:1700000009:passenger_2\r\u{1B}[0K")
    }

    @Test func `The pipeline is known by its variables, and its commit`() {
        #expect(PipelineLog(environment: ["CI": "true"]) == nil)
        let github = ["GITHUB_ACTIONS": "true", "GITHUB_SHA": "abc"]
        #expect(PipelineLog(environment: github) == .github)
        #expect(PipelineLog.github.commit(environment: github) == "abc")
        #expect(PipelineLog(environment: ["GITLAB_CI": "true"]) == .gitlab)
        #expect(PipelineLog.gitlab.commit(environment: ["CI_COMMIT_SHA": ""]) == nil)
    }
}
