import HTTP1
import Model
import NIOCore
import Pool
import Testing

@testable import Gateway

@Suite struct ErrorPagesTests {
    private let pages = ErrorPages(template: "{{status}} {{title}}|{{message}}|{{error_id}}|{{other}}|{{open")

    private func field(_ name: String, _ answer: ErrorAnswer) -> String? {
        answer.fields.first { $0.name == name }?.value
    }

    @Test(
        "every failure has its status, title and sentence",
        arguments: [
            (GatewayFailure.unknownHost, 404, "Not Found"), (.badAnswer, 502, "Bad Gateway"),
            (.queueFull(status: 503), 503, "Service Unavailable"), (.workerTimedOut, 504, "Gateway Timeout"),
            (.queueTimeout(status: 504), 504, "Gateway Timeout"),
            (.bufferFull(disk: true), 507, "Insufficient Storage"),
        ])
    func failures(_ failure: GatewayFailure, _ status: Int, _ title: String) {
        let html = pages.answer(failure, id: "e1", route: nil, accepts: .html)
        #expect(html.status == status)
        #expect(html.body == "\(status) \(title)|\(failure.sentence)|e1||{{open".replacing("'", with: "&#39;"))
        #expect(field("Content-Type", html) == "text/html; charset=utf-8")
        #expect(field("Content-Length", html) == "\(html.body.utf8.count)")
        #expect(field("Retry-After", html) == (status == 503 ? "5" : nil))
        let json = pages.answer(failure, id: "e1", route: nil, accepts: .json)
        #expect(
            json.body
                == "{\"status\":\(status),\"title\":\"\(title)\",\"message\":\"\(failure.sentence)\",\"error_id\":\"e1\"}\n"
        )
        #expect(field("Content-Type", json) == "application/json; charset=utf-8")
    }

    @Test("in the log every failure has words, and no names of our own")
    func words() {
        let all: [GatewayFailure] = [
            .badRequest(status: 400, reason: "the method is not a token"), .bodyTooLarge(limit: 5), .requestTimeout,
            .bufferFull(disk: true), .bufferFull(disk: false), .unknownHost, .queueFull(status: 503),
            .queueTimeout(status: 504), .notBooted(summary: "no gem"), .shuttingDown, .paused, .workerUnreachable,
            .workerBusy, .workerDied, .badAnswer, .workerTimedOut, .notCached,
        ]
        let texts = all.map { "\($0)" }
        #expect(Set(all.map(\.reason)).count == FailureReason.allCases.count - 1)
        #expect(Set(texts).count == all.count)
        for text in texts {
            #expect(text.contains(" ") && text.firstMatch(of: /[a-z][A-Z]/) == nil, "\(text)")
        }
        let refusals: [Refusal] = [
            .queueFull(limit: 7), .queueTimeout, .notBooted(summary: "no gem"), .shuttingDown, .paused,
        ]
        for text in refusals.map({ "\($0)" }) {
            #expect(text.contains(" ") && text.firstMatch(of: /[a-z][A-Z]/) == nil, "\(text)")
        }
        let kind = GatewayEvent.answered(.queueFull(status: 503), id: "e", app: nil, request: nil).kind
        #expect("\(kind)" == "answers 503: the queue is full (max_request_queue_size)")
    }

    @Test("values are escaped in both formats, also in an app's own page")
    func escaping() throws {
        let message = "<a href=\"x\">&'\\\n\u{1}"
        let custom = try #require(ErrorTemplate(custom: "<p>{{message}}</p>"))
        let html = pages.answer(status: 500, message: message, id: "e", accepts: .html, custom: custom)
        #expect(html.body == "<p>&lt;a href=&quot;x&quot;&gt;&amp;&#39;\\\n\u{1}</p>")
        let json = pages.answer(status: 500, message: message, id: "e", accepts: .json, custom: custom)
        #expect(json.body.contains("\"message\":\"<a href=\\\"x\\\">&'\\\\\\n\\u0001\""))
    }

    @Test("why an app does not start is told whole, escaped, and only where its settings say so")
    func boot() throws {
        let pages = ErrorPages(
            template: "short {{message}}",
            boot:
                "{{app}}|{{summary}}|{{#hint}}hint {{hint}}{{/hint}}|{{#ended}}ended{{/ended}}|{{output}}|{{environment_names}}"
                + "|{{#limits}}limits {{limits}}{{/limits}}|{{directory}}|{{error_id}}")
        let failure = BootFailure(
            step: "load_app", summary: "<b>", outputTail: ["1", "{{hint}}"], hint: "a & b",
            environmentNames: ["PATH"])
        func page(_ friendly: Bool, _ format: ErrorFormat = .html, custom: String? = nil) throws -> String {
            var settings = AppSettings(name: AppName("blog")!, directory: "/srv/blog", kind: .rack)
            settings.friendlyErrorPages = friendly
            let route = Route(app: AppIndex(0), settings: settings)
            return pages.answer(
                .notBooted(summary: "<b>"), id: "e1", route: route, accepts: format,
                custom: custom.map { ErrorTemplate($0) }, boot: failure
            ).body
        }
        #expect(try page(true) == "blog|&lt;b&gt;|hint a &amp; b||1\n{{hint}}|PATH||/srv/blog|e1")
        #expect(try page(false) == "short \(GatewayFailure.notBooted(summary: "").sentence)")
        #expect(try page(true, custom: "own {{message}}") == "own &lt;b&gt;")
        #expect(try page(true, .json).contains("\"message\":\"<b>\""))
    }

    @Test("an app's own page is bounded")
    func bounded() {
        #expect(ErrorTemplate(custom: String(repeating: "x", count: 256 << 10)) != nil)
        #expect(ErrorTemplate(custom: String(repeating: "x", count: 256 << 10 + 1)) == nil)
    }

    @Test("a value that looks like a placeholder stays what it is")
    func placeholderInValue() {
        let answer = pages.answer(status: 404, message: "{{error_id}}", id: "secret", accepts: .html)
        #expect(answer.body.contains("|{{error_id}}|secret|"))
    }

    @Test("the head has neither Connection nor its end")
    func head() {
        let answer = pages.answer(.unknownHost, id: "e1", route: nil, accepts: .html)
        #expect(answer.head.hasPrefix("HTTP/1.1 404 Not Found\r\nDate: "))
        #expect(answer.head.hasSuffix("X-Error-ID: e1\r\n"))
    }
}
