import NIOCore
import Testing

@testable import Gateway

@Suite struct BodyPaceTests {
    private static let silence = TimeAmount.seconds(60)
    private func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(1_000_000_000) + .seconds(seconds) }

    @Test func `A client that sends enough is waited for as long as it is never silent for too long`() {
        var pace = BodyPace()
        var received = 0
        // A gigabyte at 512 bytes a second takes 24 days.
        for second in stride(from: Int64(0), to: 24 * 86400, by: 50) {
            #expect(pace.deadline(at(second), received: received, silence: Self.silence) == at(second + 60))
            received += 512 * 50
        }
    }

    @Test func `One that sends a byte now and then has the time of one silence`() {
        var pace = BodyPace()
        for second in Int64(0)..<60 {
            let deadline = pace.deadline(at(second), received: Int(second), silence: Self.silence)
            let earned = TimeAmount.milliseconds(2 * second)
            #expect(deadline == at(60) + earned)
        }
    }

    @Test func `Each 500 bytes earn a second`() {
        var pace = BodyPace()
        _ = pace.deadline(at(0), received: 0, silence: Self.silence)
        #expect(pace.deadline(at(59), received: 10_000, silence: Self.silence) == at(80))
        #expect(pace.deadline(at(79), received: 10_500, silence: Self.silence) == at(81))
    }

    @Test func `Time in which nobody read is not the client's`() {
        var pace = BodyPace()
        _ = pace.deadline(at(0), received: 0, silence: Self.silence)
        pace.stop(at(10))
        pace.stop(at(20))
        #expect(pace.deadline(at(1000), received: 0, silence: Self.silence) == at(1050))
    }

    @Test func `No size is too large to reckon with`() {
        var pace = BodyPace()
        #expect(pace.deadline(at(0), received: .max, silence: Self.silence) == at(60))
        #expect(pace.deadline(at(59), received: .max, silence: Self.silence) == at(119))
    }
}
