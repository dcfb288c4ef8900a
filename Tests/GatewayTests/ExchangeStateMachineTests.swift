import Testing

@testable import Gateway

@Suite("An exchange")
struct ExchangeStateMachineTests {
    @Test("a request without a body asks for a worker at once")
    func asksAtOnce() {
        var machine = ExchangeStateMachine()
        #expect(machine.requestHead(.init(isIdempotent: true, hasBody: false)).step == .checkout)
    }
}
