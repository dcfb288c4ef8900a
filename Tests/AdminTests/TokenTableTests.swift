import Model
import Testing

@testable import AdminServer

struct TokenTableTests {
    private let secret = String(repeating: "a1", count: 16)
    private let blog = AppName("blog")!
    private let shop = AppName("shop")!

    @Test func `A token is known whole, and by nothing less or more`() throws {
        let table = try TokenTable(file: "# who\n\nci  deploy  \(secret)\r\nops all \(secret)x\n")
        #expect(table.holder(of: secret)?.name == "ci")
        #expect(table.holder(of: secret + "x")?.name == "ops")
        for wrong in ["", String(secret.dropLast()), secret.uppercased(), secret + " ", "ci"] {
            #expect(table.holder(of: wrong) == nil)
        }
    }

    @Test func `The file may hold a hash in the secret's place`() throws {
        let hash = TokenTable.digest(secret).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let table = try TokenTable(file: "ops all sha256:\(hash)")
        #expect(table.holder(of: secret)?.name == "ops")
        #expect(table.holder(of: "sha256:\(hash)") == nil)
    }

    @Test func `What it may do is what stands there, for the apps that there are`() throws {
        func standing(_ access: String) throws -> Standing {
            let table = try TokenTable(file: "x \(access) \(secret)")
            return try #require(table.holder(of: secret)).standing(apps: [blog, shop])
        }
        #expect(try standing("all") == .all)
        let view = try standing("view")
        #expect(view.allows(.view, blog) && view.allows(.view, shop))
        #expect(!view.allows(.deploy, blog) && !view.allows(.operate, blog) && !view.allows(.shell, blog))
        let mixed = try standing("view,deploy@blog")
        #expect(mixed.allows(.deploy, blog) && !mixed.allows(.deploy, shop) && mixed.allows(.view, shop))
        #expect(try standing("deploy@gone").isStranger)
    }

    @Test(arguments: [
        "ops all", "ops all short", "ops root \(String(repeating: "a", count: 40))", "a b c d",
        "../x all \(String(repeating: "a", count: 40))", "ops all sha256:\(String(repeating: "g", count: 64))",
        "ops all \(String(repeating: "ä", count: 40))", "ops view@ \(String(repeating: "a", count: 40))",
    ])
    func `A line that is wrong is refused, without its secret in the reason`(_ line: String) {
        let problem = #expect(throws: TokenProblem.self) { try TokenTable(file: "# first\n\(line)") }
        #expect(problem?.description.hasPrefix("line 2: ") == true)
        #expect(problem?.description.contains("aaaa") == false)
    }

    @Test func `Neither a name nor a secret is there twice`() {
        #expect(throws: TokenProblem.self) { try TokenTable(file: "a all \(secret)\na all \(secret)x") }
        #expect(throws: TokenProblem.self) { try TokenTable(file: "a all \(secret)\nb all \(secret)") }
    }
}

struct AttemptLimitTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)

    @Test func `Past its allowance an address is not listened to, not even with the right token`() {
        var limit = AttemptLimit()
        func judge(_ peer: String, isRight: Bool, now: Instant) -> AttemptLimit.Verdict {
            limit.judge(peer, isRight: isRight, now: now)
        }
        for _ in 0..<AttemptLimit.ofPeer.burst {
            #expect(judge("a", isRight: false, now: start) == .refused)
        }
        #expect(judge("a", isRight: true, now: start) == .wait(AttemptLimit.ofPeer.every))
        #expect(judge("b", isRight: true, now: start) == .granted)
        let later = start + AttemptLimit.ofPeer.every
        #expect(judge("a", isRight: true, now: later) == .granted)
    }

    @Test func `All addresses together have an allowance, which is no matter to one that was right before`() {
        var limit = AttemptLimit()
        func judge(_ peer: String, isRight: Bool, now: Instant) -> AttemptLimit.Verdict {
            limit.judge(peer, isRight: isRight, now: now)
        }
        #expect(judge("friend", isRight: true, now: start) == .granted)
        for index in 0..<AttemptLimit.ofAll.burst {
            #expect(judge("\(index)", isRight: false, now: start) == .refused)
        }
        #expect(judge("new", isRight: true, now: start) == .wait(AttemptLimit.ofAll.every))
        #expect(judge("friend", isRight: true, now: start) == .granted)
    }

    @Test func `However many addresses are wrong, so many are remembered`() {
        var limit = AttemptLimit()
        func judge(_ peer: String, isRight: Bool, now: Instant) -> AttemptLimit.Verdict {
            limit.judge(peer, isRight: isRight, now: now)
        }
        var now = start
        for index in 0..<10_000 {
            _ = judge("\(index)", isRight: false, now: now)
            now = now + .milliseconds(3)
            #expect(limit.peers <= AttemptLimit.mostPeers)
        }
        // What was remembered is forgotten when it does not count any more.
        now = now + .seconds(3600)
        #expect(judge("late", isRight: false, now: now) == .refused)
        #expect(limit.peers <= AttemptLimit.mostPeers)
    }
}

struct PeerPlacesTests {
    @Test func `Strangers keep out nobody who is known, and one address not the others`() {
        var places = PeerPlaces(mostStrangers: 3, mostOfPeer: 2, mostKnown: 1)
        func enter(_ peers: String...) -> [Bool] { peers.map { places.enter($0) } }
        func becomeKnown(_ peer: String) -> Bool { places.becomeKnown(peer) }
        #expect(enter("a", "a", "a") == [true, true, false])
        #expect(enter("b", "c") == [true, false])
        #expect(becomeKnown("a"))
        #expect(enter("a") == [true])
        #expect(!becomeKnown("b"))
        places.leave("a", wasKnown: true)
        #expect(becomeKnown("b"))
        places.leave("b", wasKnown: true)
        places.leave("a", wasKnown: false)
        places.leave("a", wasKnown: false)
        #expect(places.known == 0 && places.strangers == 0)
        #expect(enter("a", "a", "a") == [true, true, false])
    }
}
