import ArgumentParser

/// `5%` or `5`: more than 0 and less than 100.
struct Percent: ExpressibleByArgument, Sendable {
    let value: Double

    init?(argument: String) {
        let number = argument.hasSuffix("%") ? String(argument.dropLast()) : argument
        guard let value = Double(number), value > 0, value < 100 else { return nil }
        self.value = value
    }
}
