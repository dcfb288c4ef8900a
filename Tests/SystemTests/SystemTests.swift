import Foundation
import Testing

/// The whole system: the built program, real interpreters, real repositories. One test at a time, because each loads the
/// machine and watches the clock. `PASSENGER_QUICK_TESTS=1` makes two deploys under load of ten.
@Suite(.serialized) struct SystemTests {
    static let isQuick = ProcessInfo.processInfo.environment["PASSENGER_QUICK_TESTS"] == "1"
}

extension Tag {
    @Tag static var long: Self
}
