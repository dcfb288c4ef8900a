import Testing
import Watching

@Suite struct AppsDirectoryStateTests {
    typealias State = AppsDirectoryState
    private let here = State.Identity(device: 1, inode: 2)

    private func facts(_ path: String, inode: UInt64 = 10, owner: UInt32 = 1000, isEmpty: Bool = false) -> State.Facts {
        State.Facts(
            path: path, isDeployRoot: false, owner: owner, objection: nil,
            identity: State.Identity(device: 1, inode: inode), isEmpty: isEmpty)
    }

    @Test func `apps come, stay and go with their entries`() {
        var state = State()
        let (blog, shop) = (facts("/blog"), facts("/shop"))
        #expect(state.observe(.entries(here, ["blog": .app(blog)])) == [.present(name: "blog", blog)])
        #expect(state.observe(.entries(here, ["blog": .app(blog)])) == [])
        #expect(
            state.observe(.entries(here, ["shop": .app(shop)])) == [.gone(name: "blog"), .present(name: "shop", shop)])
    }

    @Test func `another owner or another root is another app; another directory at the same place is not`() {
        var state = State()
        _ = state.observe(.entries(here, ["blog": .app(facts("/blog"))]))
        #expect(state.observe(.entries(here, ["blog": .app(facts("/blog", inode: 11))])) == [])
        for other in [facts("/blog", owner: 1001), facts("/elsewhere", owner: 1001)] {
            #expect(
                state.observe(.entries(here, ["blog": .app(other)])) == [
                    .gone(name: "blog"), .present(name: "blog", other),
                ])
        }
    }

    @Test func `a root that becomes a deploy root is the app that its current was`() {
        var root = facts("/blog", inode: 12)
        root.isDeployRoot = true
        var state = State()
        _ = state.observe(.entries(here, ["blog": .app(facts("/blog/current"))]))
        #expect(state.observe(.entries(here, ["blog": .app(root)])) == [.present(name: "blog", root)])
        #expect(state.observe(.entries(here, ["blog": .app(root)])) == [])
        // Back again, it is another; and so it is when somebody else's is in its place, or somebody could put one there.
        let current = facts("/blog/current")
        #expect(
            state.observe(.entries(here, ["blog": .app(current)])) == [
                .gone(name: "blog"), .present(name: "blog", current),
            ])
        for change in [
            { (other: inout State.Facts) in other.owner = 1001 }, { $0.objection = "others may write there" },
            { $0.path = "/other" }, { $0.isDeployRoot = false },
        ] {
            var other = root
            change(&other)
            var state = State()
            _ = state.observe(.entries(here, ["blog": .app(current)]))
            #expect(
                state.observe(.entries(here, ["blog": .app(other)])) == [
                    .gone(name: "blog"), .present(name: "blog", other),
                ])
        }
        #expect(current.rootOfCurrent == "/blog" && root.rootOfCurrent == nil && facts("/blog").rootOfCurrent == nil)
    }

    @Test func `what cannot be seen goes on being served`() {
        var state = State()
        let blog = facts("/blog")
        _ = state.observe(.entries(here, ["blog": .app(blog)]))
        let lost = State.Listing.entries(here, ["blog": .unreachable("gone")])
        #expect(state.observe(lost) == [.unreachable(name: "blog", reason: "gone")])
        #expect(state.observe(lost) == [])
        #expect(state.observe(.entries(here, ["blog": .app(blog)])) == [.reachable(name: "blog")])
        // The directory itself.
        #expect(state.observe(.unreachable("no answer")) == [.unreachable(name: nil, reason: "no answer")])
        #expect(state.observe(.entries(here, ["blog": .app(blog)])) == [.reachable(name: nil)])
    }

    @Test func `an empty directory in the place of a mount is no reason to stop anything`() {
        var state = State()
        let blog = facts("/blog")
        _ = state.observe(.entries(here, ["blog": .app(blog)]))
        let unmounted = state.observe(
            .entries(here, ["blog": .app(facts("/blog", inode: 99, owner: 0, isEmpty: true))]))
        #expect(unmounted.count == 1)
        guard case .unreachable("blog", _) = unmounted.first else {
            Issue.record("\(unmounted)")
            return
        }
        #expect(state.observe(.entries(here, ["blog": .app(blog)])) == [.reachable(name: "blog")])
        let other = State.Identity(device: 7, inode: 7)
        guard case .unreachable(nil, _) = state.observe(.entries(other, [:])).first else {
            Issue.record("the whole directory")
            return
        }
        // Emptied by hand is another thing.
        #expect(state.observe(.entries(here, [:])) == [.reachable(name: nil), .gone(name: "blog")])
    }

    @Test func `what is no app is said once, and may become one`() {
        var state = State()
        let blog = facts("/blog")
        let file = State.Listing.entries(here, ["blog": .other("a file")])
        #expect(state.observe(file) == [.refused(name: "blog", reason: "a file")])
        #expect(state.observe(file) == [])
        #expect(state.observe(.entries(here, ["blog": .app(blog)])) == [.present(name: "blog", blog)])
        #expect(state.observe(file) == [.gone(name: "blog"), .refused(name: "blog", reason: "a file")])
        // One that was never seen is not known to be an app.
        #expect(
            state.observe(.entries(here, ["new": .unreachable("dangling")])) == [
                .gone(name: "blog"), .unreachable(name: "new", reason: "dangling"),
            ])
        #expect(state.observe(.entries(here, ["new": .app(blog)])) == [.present(name: "new", blog)])
    }
}
