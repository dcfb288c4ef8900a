import Terminal
import Testing

struct ChoiceMenuTests {
    private static let up = Array("\u{1B}[A".utf8)
    private static let down = Array("\u{1B}[B".utf8)

    private func menu(_ count: Int = 3) -> ChoiceMenu {
        ChoiceMenu(title: "Which?", tip: "a tip", choices: (0..<count).map { "app \($0)" })
    }

    private func shown(_ menu: ChoiceMenu, columns: Int = 80, rows: Int = 24, unicode: Bool = true) -> [String] {
        let traits = TerminalTraits(isLive: true, hasColour: false, hasUnicode: unicode, columns: columns)
        return menu.lines(traits, size: ScreenSize(columns: columns, rows: rows))
    }

    @Test func `It shows what there is, and a way out`() {
        #expect(shown(menu()) == ["Which?", "a tip", "", " ‣ app 0", "   app 1", "   app 2", "   Cancel"])
        #expect(shown(menu(), unicode: false)[3] == " > app 0")
    }

    @Test func `Arrows move, and stop at the ends`() {
        var menu = menu()
        #expect(menu.type(Self.up) == nil && menu.type(Self.down) == nil)
        #expect(shown(menu)[4] == " ‣ app 1")
        #expect(menu.type([13]) == .chosen(1))
        for _ in 0..<9 { #expect(menu.type(Self.down) == nil) }
        #expect(shown(menu)[6] == " ‣ Cancel")
        #expect(menu.type([13]) == .cancelled)
    }

    @Test func `Keys come together or in pieces, as a network has them`() {
        var menu = menu()
        #expect(menu.type(Self.down + Self.down + Self.up + [10]) == .chosen(1))
        menu = self.menu()
        for byte in Self.down { #expect(menu.type([byte]) == nil) }
        #expect(menu.type([13]) == .chosen(1))
        menu = self.menu()
        // Application mode, keys that mean nothing, and parameters.
        #expect(menu.type(Array("\u{1B}OB\u{1B}[3~x\u{1B}[1;5B!".utf8)) == nil)
        #expect(menu.type([13]) == .chosen(2))
    }

    @Test(arguments: [[3], [4], Array("q".utf8), Array("jjjj\r".utf8)])
    func `There are several ways to choose nothing`(_ keys: [UInt8]) {
        var menu = menu()
        #expect(menu.type(keys) == .cancelled)
    }

    @Test func `What does not fit scrolls, and no line is wider than the screen`() {
        var menu = menu(100)
        for step in 0...100 {
            let lines = shown(menu, columns: 20, rows: 10)
            #expect(lines.count < 10 && lines.allSatisfy { $0.count < 20 })
            let wanted = step == 100 ? " ‣ Cancel" : " ‣ app \(step)"
            #expect(lines.contains(wanted), "\(lines)")
            _ = menu.type(Self.down)
        }
        #expect(shown(menu, columns: 3, rows: 2).count <= 4)
    }
}
