internal import CLinux
internal import Glibc

/// inotify(7). A hint only: it sees no remote changes, overflows, and loses replaced directories; stat is the truth.
package struct Inotify: ~Copyable, Sendable {
    package struct Mask: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let modified = Mask(rawValue: 0x2)
        package static let attributes = Mask(rawValue: 0x4)
        package static let closedAfterWrite = Mask(rawValue: 0x8)
        package static let movedFrom = Mask(rawValue: 0x40)
        package static let movedTo = Mask(rawValue: 0x80)
        package static let created = Mask(rawValue: 0x100)
        package static let deleted = Mask(rawValue: 0x200)
        package static let selfDeleted = Mask(rawValue: 0x400)
        package static let selfMoved = Mask(rawValue: 0x800)
        /// Reported: events were lost.
        package static let overflowed = Mask(rawValue: 0x4000)
        /// Reported: the watch is gone.
        package static let ignored = Mask(rawValue: 0x8000)
        /// Reported: what it is about is a directory.
        package static let isDirectory = Mask(rawValue: 0x4000_0000)
        /// Asked: fail unless it is a directory.
        package static let onlyDirectory = Mask(rawValue: 0x0100_0000)
        /// Asked: do not follow a symbolic link.
        package static let noFollow = Mask(rawValue: 0x0200_0000)
    }

    package struct Event: Sendable, Equatable {
        package var watch: Int32
        package var mask: Mask
        /// The entry of a watched directory; empty when it is about the watched thing itself.
        package var name: String
    }

    private let descriptor: Descriptor

    package init() throws(SystemError) {
        descriptor = Descriptor(owning: try checked("inotify_init1") { cl_inotify_create() })
    }

    /// Readable while there are events. Non-blocking.
    package var number: Int32 { descriptor.number }

    package func add(_ path: String, _ mask: Mask) throws(SystemError) -> Int32 {
        try checked("inotify_add_watch", path) { cl_inotify_add(descriptor.number, path, mask.rawValue) }
    }

    package func remove(_ watch: Int32) throws(SystemError) {
        _ = try checked("inotify_rm_watch") { cl_inotify_remove(descriptor.number, watch) }
    }

    /// What has happened since the last call; empty when nothing has.
    package func read() throws(SystemError) -> [Event] {
        do throws(SystemError) {
            return Inotify.parse(try readSome(descriptor.number, limit: 64 << 10))
        } catch  where error.errno == EAGAIN {
            return []
        }
    }

    /// struct inotify_event: watch, mask, cookie, length, then that many bytes of NUL-padded name.
    static func parse(_ bytes: [UInt8]) -> [Event] {
        var events: [Event] = []
        var at = 0
        while at + 16 <= bytes.count {
            let fields = bytes.withUnsafeBytes { raw in
                (0..<4).map { raw.loadUnaligned(fromByteOffset: at + 4 * $0, as: UInt32.self) }
            }
            let end = at + 16 + Int(fields[3])
            guard end <= bytes.count else { break }
            let name = bytes[(at + 16)..<end].prefix { $0 != 0 }
            events.append(
                Event(
                    watch: Int32(bitPattern: fields[0]), mask: Mask(rawValue: fields[1]),
                    name: String(decoding: name, as: UTF8.self)))
            at = end
        }
        return events
    }
}
