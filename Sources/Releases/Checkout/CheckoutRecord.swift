import Glibc

/// What a checkout wrote, file by file: which object's bytes, and what the kernel said of the file when they were in it.
///
/// It is how a later checkout knows that a file still holds these bytes without reading it. Whatever writes to a file, through a
/// memory map too, moves its ctime, and nothing short of setting the clock or writing to the disk past the file system sets
/// that to a chosen value (utimes(2) sets mtime only). So inode, size, mtime and ctime together are taken for proof, as
/// long as the machine runs. See `ReuseSource` for when they are compared.
struct CheckoutRecord: Equatable, Sendable {
    struct Stamp: Equatable, Sendable {
        var inode: UInt64
        var size: Int64
        /// Nanoseconds since 1970, as is `changed`.
        var modified: Int64
        /// The inode's ctime.
        var changed: Int64

        init(_ status: stat) {
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            modified = Stamp.nanoseconds(status.st_mtim)
            changed = Stamp.nanoseconds(status.st_ctim)
        }

        fileprivate init(inode: UInt64, size: Int64, modified: Int64, changed: Int64) {
            self.inode = inode
            self.size = size
            self.modified = modified
            self.changed = changed
        }

        static func nanoseconds(_ time: timespec) -> Int64 {
            Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
        }
    }

    struct File: Equatable, Sendable {
        var id: ObjectID
        var stamp: Stamp
    }

    /// The boot of the machine that it was made in (/proc/sys/kernel/random/boot_id).
    var boot: [UInt8] = []

    /// By name.
    typealias Folder = [[UInt8]: File]

    /// By the folder's path from the root of the release, with slashes; the root's is empty.
    var folders: [[UInt8]: Folder] = [:]

    static func key(_ path: [FileName]) -> [UInt8] { Array(path.map(\.bytes).joined(separator: [UInt8(ascii: "/")])) }

    /// The newest ctime; zero when there are no files.
    var newestChange: Int64 { folders.values.lazy.flatMap(\.values).map(\.stamp.changed).max() ?? 0 }
}

/// Its form on disk: little-endian, with lengths before names. It never leaves its machine, and one that cannot be read is as good
/// as none.
extension CheckoutRecord {
    private static let signature = Array("passenger checkout 1\n".utf8)
    /// Some million files.
    static let maxBytes = 256 << 20

    func encoded() -> [UInt8] {
        var bytes = CheckoutRecord.signature
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(UInt16(boot.count))
        bytes += boot
        append(UInt32(folders.count))
        for (path, files) in folders {
            append(UInt32(path.count))
            bytes += path
            append(UInt32(files.count))
            for (name, file) in files {
                append(UInt16(name.count))
                bytes += name
                withUnsafeBytes(of: file.id.raw) { bytes.append(contentsOf: $0) }
                append(file.stamp.inode)
                append(file.stamp.size)
                append(file.stamp.modified)
                append(file.stamp.changed)
            }
        }
        return bytes
    }

    init?(encoded bytes: [UInt8]) {
        guard bytes.starts(with: CheckoutRecord.signature) else { return nil }
        let read = bytes.withUnsafeBytes { buffer -> CheckoutRecord? in
            var reader = Reader(bytes: buffer, position: CheckoutRecord.signature.count)
            guard let length = reader.integer(UInt16.self), let boot = reader.take(Int(length)),
                let folders = reader.folders(), reader.position == buffer.count
            else { return nil }
            return CheckoutRecord(boot: Array(boot), folders: folders)
        }
        guard let read else { return nil }
        self = read
    }

    private struct Reader {
        var bytes: UnsafeRawBufferPointer
        var position: Int

        mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
            guard count <= bytes.count - position else { return nil }
            defer { position += count }
            return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
        }

        mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type) -> Value? {
            guard let raw = take(MemoryLayout<Value>.size) else { return nil }
            return Value(littleEndian: raw.loadUnaligned(as: Value.self))
        }

        mutating func folders() -> [[UInt8]: Folder]? {
            guard let count = integer(UInt32.self) else { return nil }
            var folders: [[UInt8]: Folder] = [:]
            for _ in 0..<count {
                guard let length = integer(UInt32.self), let path = take(Int(length)),
                    let entries = integer(UInt32.self)
                else { return nil }
                var files: Folder = [:]
                for _ in 0..<entries {
                    guard let length = integer(UInt16.self), let name = take(Int(length)), let file = file() else {
                        return nil
                    }
                    files[Array(name)] = file
                }
                folders[Array(path)] = files
            }
            return folders
        }

        mutating func file() -> File? {
            guard let id = take(ObjectID.byteCount).map(ObjectID.init(bytes:)),
                let inode = integer(UInt64.self), let size = integer(Int64.self),
                let modified = integer(Int64.self), let changed = integer(Int64.self)
            else { return nil }
            let stamp = Stamp(inode: inode, size: size, modified: modified, changed: changed)
            return File(id: id, stamp: stamp)
        }
    }
}
