import AdminAPI
import AdminClient
import Terminal

/// Which server one of Passenger's tools is about: a name or the beginning of one, or the only one that runs.
struct InstanceChoice {
    let all: [InstanceRecord]

    func choose(_ name: String?) throws(ControlError) -> InstanceRecord {
        guard let first = all.first else {
            throw ControlError(
                .notRunning, "Phusion Passenger doesn't seem to be running.", hint: "Start it: passenger start DIR")
        }
        guard let name else {
            guard all.count == 1 else {
                throw ControlError(
                    .failed, "Several instances are running. Choose one with --instance NAME.", details: table)
            }
            return first
        }
        let matches = all.filter { $0.name == name }
        let near = matches.isEmpty ? all.filter { $0.name.hasPrefix(name) } : matches
        guard let chosen = near.first else {
            throw ControlError(.notRunning, "No instance \"\(name)\" is running.", details: table)
        }
        guard near.count == 1 else {
            throw ControlError(.failed, "Several instances' names begin with \"\(name)\".", details: table)
        }
        return chosen
    }

    var table: [String] {
        ["\("Name".padded(to: 25))  \("PID".padded(to: 7))  Description", String(repeating: "-", count: 74)]
            + all.map { instance in
                "\(instance.name.padded(to: 25))  \("\(instance.pid)".padded(to: 7))  "
                    + "passenger/\(instance.version) Phusion_Passenger/\(ProductVersion.passenger)"
            }
    }
}
