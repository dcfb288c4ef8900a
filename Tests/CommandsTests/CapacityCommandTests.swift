import AdminAPI
import ArgumentParser
import Model
import Terminal
import Testing

@testable import Commands

struct CapacityCommandTests {
    @Test(arguments: [["4"], ["blog", "4"], ["--reset"], ["blog", "--reset"], ["4", "--app", "blog"]])
    func `scale takes a number or a reset, and perhaps an app`(_ arguments: [String]) throws {
        _ = try ScaleCommand.parse(arguments)
    }

    @Test(arguments: [
        [], ["0"], ["-1"], ["blog"], ["a", "b", "2"], ["blog", "2", "--app", "shop"], ["4", "5", "--reset"],
    ])
    func `everything else is a mistake`(_ arguments: [String]) {
        #expect(throws: (any Error).self) { _ = try ScaleCommand.parse(arguments) }
    }

    @Test func `what came of it is one sentence`() {
        let blog = AppName("blog")!
        #expect(ScaleCommand.text(ScaleAnswer(app: blog, wanted: 4, kept: 4)) == "blog is kept at 4 workers.")
        #expect(
            ScaleCommand.text(ScaleAnswer(app: blog, wanted: 9, kept: 6))
                == "blog is kept at 6 workers, not at 9: max_pool_size and max_instances leave no more.")
        #expect(
            ScaleCommand.text(ScaleAnswer(app: blog, wanted: nil, kept: 3))
                == "blog has as many workers as it needs; 3 now.")
        let detached = DetachAnswer(app: blog, worker: WorkerNumber(7), pid: 42, outcome: .detached)
        #expect(
            DetachProcessCommand.text(detached)
                == "Worker w7 of blog (pid 42) gets no more requests, and is replaced.")
    }

    @Test func `status tells of a pause, of a scale by hand, and of an app that sleeps`() {
        var app = AppStatus(
            name: AppName("blog")!, root: "/srv/blog", mode: .inPlace, kind: .rack, environment: "production")
        app.pausedSince = WallTime(millisecondsSince1970: 0)
        app.scale = 4
        app.generations = [GenerationStatus(number: GenerationNumber(1), release: nil, state: .live, workers: [])]
        let server = ServerStatus(
            instance: "default", version: "1.0", supervisorPid: 1, corePid: 2,
            startedAt: WallTime(millisecondsSince1970: 0), uptimeSeconds: 90, listeners: ["0.0.0.0:80"])
        let text = StatusText(traits: .plain).lines(StatusReport(server: server, apps: [app])).joined(separator: "\n")
        #expect(text.contains("  paused since 1970-01-01T00:00:00.000Z: requests are held"))
        #expect(text.contains("  kept at 4 by hand; undo with: passenger scale blog --reset"))
        #expect(text.contains("asleep"))
    }
}
