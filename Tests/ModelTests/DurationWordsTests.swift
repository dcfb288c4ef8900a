import Model
import Testing

struct DurationWordsTests {
    @Test(arguments: [
        (Duration.zero, "0 ms"), (.milliseconds(250), "250 ms"), (.milliseconds(999), "999 ms"), (.seconds(1), "1 s"),
        (.milliseconds(3450), "3.4 s"), (.seconds(30), "30 s"), (.seconds(600), "600 s"),
    ])
    func `durations are told as people write them`(_ duration: Duration, _ words: String) {
        #expect(duration.inWords == words)
    }
}
