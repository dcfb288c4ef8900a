import HTTP1
import Model

/// A target URI of an app: what an unsafe request invalidates. The app's name, the host in lower case, path and query,
/// with NUL between them, which none of the three can hold.
package struct ResourceKey: Hashable, Sendable {
    let bytes: [UInt8]

    init(app: AppName, host: UnsafeRawBufferPointer, target: [UInt8]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(app.rawValue.utf8.count + host.count + target.count + 2)
        bytes.append(contentsOf: app.rawValue.utf8)
        bytes.append(0)
        bytes.append(contentsOf: host.lazy.map { FieldText.lowercased($0) })
        bytes.append(0)
        bytes.append(contentsOf: target)
        self.bytes = bytes
    }

    func belongs(to app: AppName) -> Bool {
        bytes.count > app.rawValue.utf8.count && bytes[app.rawValue.utf8.count] == 0
            && bytes.starts(with: app.rawValue.utf8)
    }
}

/// What answers must have in common, before Vary is looked at, to stand for each other.
struct GroupKey: Hashable, Sendable {
    let resource: ResourceKey
    let generation: GenerationNumber
    /// Scheme, the cookie of `vary_turbocache_by_cookie`, and what a trusted proxy said about the request's origin.
    let selector: [UInt8]

    var cost: Int { resource.bytes.count + selector.count }
}
