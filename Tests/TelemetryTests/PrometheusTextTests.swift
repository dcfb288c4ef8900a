import Model
import Telemetry
import Testing

struct PrometheusTextTests {
    private func lines(_ write: (inout PrometheusText) -> Void) -> [String] {
        var text = PrometheusText()
        write(&text)
        let string = String(decoding: text.bytes, as: UTF8.self)
        #expect(string.hasSuffix("\n"))
        return string.split(separator: "\n").map(String.init)
    }

    @Test func `a family says what it is, once, before its samples`() {
        let lines = lines { text in
            text.begin("passenger_x_total", .counter, "Things that were counted.")
            text.sample(Labels(), 7)
            text.sample(Labels("app", "blog").adding("generation", "3"), 0.25)
            text.begin("passenger_y", .gauge, "A level.")
            text.sample(Labels(), 1_700_000_000.5)
            text.sample(Labels(), Double.infinity)
            text.sample(Labels(), -3)
        }
        #expect(
            lines == [
                "# HELP passenger_x_total Things that were counted.", "# TYPE passenger_x_total counter",
                "passenger_x_total 7", "passenger_x_total{app=\"blog\",generation=\"3\"} 0.25",
                "# HELP passenger_y A level.", "# TYPE passenger_y gauge", "passenger_y 1700000000.5",
                "passenger_y +Inf", "passenger_y -3",
            ])
    }

    @Test func `what a label holds cannot end it, and an empty one is none`() {
        let lines = lines { text in
            text.begin("x", .gauge, "X.")
            text.sample(Labels("a", "\\ \" \n} 1\nevil 2 \u{E9}").adding("b", "").adding("c", nil), 1)
        }
        #expect(lines.count == 3 && lines[2] == #"x{a="\\ \" \n} 1\nevil 2 é"} 1"#)
    }

    @Test func `a histogram's buckets add up, whichever are told`() {
        var histogram = DurationHistogram()
        for milliseconds in [1, 2, 2, 9, 90, 700_000] { histogram.add(.milliseconds(milliseconds)) }
        let buckets = BucketChoice(seconds: [0.001, 0.005, 0.1])
        let lines = lines { text in
            text.begin("x_seconds", .histogram, "X.")
            text.sample(Labels("app", "a"), histogram, buckets)
            text.sample(Labels("app", "b"), DurationHistogram(), buckets)
        }
        #expect(
            lines.dropFirst(2) == [
                "x_seconds_bucket{app=\"a\",le=\"0.001\"} 1", "x_seconds_bucket{app=\"a\",le=\"0.005\"} 3",
                "x_seconds_bucket{app=\"a\",le=\"0.1\"} 5", "x_seconds_bucket{app=\"a\",le=\"+Inf\"} 6",
                "x_seconds_sum{app=\"a\"} 700.104", "x_seconds_count{app=\"a\"} 6",
                "x_seconds_bucket{app=\"b\",le=\"0.001\"} 0", "x_seconds_bucket{app=\"b\",le=\"0.005\"} 0",
                "x_seconds_bucket{app=\"b\",le=\"0.1\"} 0", "x_seconds_bucket{app=\"b\",le=\"+Inf\"} 0",
                "x_seconds_sum{app=\"b\"} 0", "x_seconds_count{app=\"b\"} 0",
            ])
    }
}
