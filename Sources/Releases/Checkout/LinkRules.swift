/// Whether the symbolic links of a tree stay inside it.
///
/// Looking at one target alone is not enough: with `s -> ..` in `a/`, the harmless-looking `a/s/../x` is outside. So each
/// target is walked as the kernel would, through the other links of the same tree.
struct LinkRules {
    /// Paths as components; the empty path is the root of the tree.
    typealias Path = [[UInt8]]

    private let targets: [Path: [UInt8]]
    /// The kernel gives up after as many (MAXSYMLINKS), so what lies behind them cannot be reached.
    private static let maxHops = 40

    init(targets: [Path: [UInt8]]) { self.targets = targets }

    func escapes(_ link: Path) -> Bool {
        guard let target = targets[link] else { return false }
        var position = Array(link.dropLast())
        var pending: Path = []
        guard follow(target, &pending) else { return true }
        var hops = 1
        while let component = pending.popLast() {
            if component == Array("..".utf8) {
                guard !position.isEmpty else { return true }
                position.removeLast()
                continue
            }
            position.append(component)
            guard let next = targets[position] else { continue }
            position.removeLast()
            hops += 1
            guard hops <= LinkRules.maxHops else { return false }
            guard follow(next, &pending) else { return true }
        }
        return false
    }

    /// Puts the components of a target on the stack. False for an absolute one.
    private func follow(_ target: [UInt8], _ pending: inout Path) -> Bool {
        let slash = UInt8(ascii: "/")
        guard target.first != slash else { return false }
        pending += target.split(separator: slash).map(Array.init).filter { $0 != Array(".".utf8) }.reversed()
        return true
    }
}
