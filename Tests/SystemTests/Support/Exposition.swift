import Foundation

/// What was printed in Prometheus' text form, read back.
struct Exposition: CustomStringConvertible {
    let description: String
    /// By name and labels, as they are written.
    private(set) var values: [String: Double] = [:]
    private(set) var types: [String: String] = [:]

    init(_ text: String) {
        description = text
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if line.hasPrefix("# TYPE"), words.count == 4 { types[String(words[2])] = String(words[3]) }
            guard !line.hasPrefix("#"), let split = line.lastIndex(of: " ") else { continue }
            values[String(line[..<split])] = Double(line[line.index(after: split)...])
        }
    }

    subscript(_ name: String, _ labels: String...) -> Double? {
        values[labels.isEmpty ? name : "\(name){\(labels.joined(separator: ","))}"]
    }

    /// Of all series of this name that have all these labels.
    func sum(_ name: String, _ labels: String...) -> Double {
        values.reduce(0) { sum, series in
            let has = series.key.hasPrefix("\(name){") && labels.allSatisfy { series.key.contains($0) }
            return has || series.key == name && labels.isEmpty ? sum + series.value : sum
        }
    }

    func contains(_ text: String) -> Bool { values.keys.contains { $0.contains(text) } }

    /// Every name that a query may use.
    var names: Set<String> {
        types.reduce(into: []) { names, family in
            if family.value != "histogram" { names.insert(family.key) }
            if family.value == "histogram" {
                for suffix in ["_bucket", "_sum", "_count"] { names.insert(family.key + suffix) }
            }
        }
    }
}
