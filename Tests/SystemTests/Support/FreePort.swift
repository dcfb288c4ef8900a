import Linux

/// Of this moment: on which nobody listens.
func freePort(_ range: Range<Int> = 20_000..<30_000) throws -> Int {
    for _ in 0..<100 {
        let port = Int.random(in: range)
        if (try? bindTCP(host: "127.0.0.1", port: UInt16(port), sharesPort: false)) != nil { return port }
    }
    throw TimedOut(what: "no port is free", evidence: "\(range)")
}
