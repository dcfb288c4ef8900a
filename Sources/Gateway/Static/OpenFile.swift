internal import Glibc
internal import HTTP1
internal import Linux

/// What tells one state of one file from every other.
struct FileIdentity: Equatable, Sendable {
    var device: UInt64
    var inode: UInt64
    var size: Int
    var modified: FileStamp
    /// Last change of the inode: nobody can set it, so an unchanged one means an unchanged file.
    var changed: FileStamp
    var isRegular: Bool
    var isDirectory: Bool

    init?(descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int(status.st_size)
        modified = FileStamp(status.st_mtim)
        changed = FileStamp(status.st_ctim)
        isRegular = status.st_mode & S_IFMT == S_IFREG
        isDirectory = status.st_mode & S_IFMT == S_IFDIR
    }
}

/// Seconds since 1970 and nanoseconds.
struct FileStamp: Equatable, Sendable {
    var seconds: Int
    var nanoseconds: Int

    init(_ time: timespec) {
        seconds = time.tv_sec
        nanoseconds = time.tv_nsec
    }

    init(seconds: Int, nanoseconds: Int = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// Before 2000 no file was made for today's web: it is what a packer writes for all files (npm's 1985, Nix's 1970),
    /// whatever is in them, and tells no two contents apart.
    var isHonest: Bool { seconds >= 946_684_800 }
}

/// A regular file that is open for reading, and the head fields that describe it. The descriptor is closed with the last
/// reference, so that whoever sends it keeps the object until the last byte has left.
package final class OpenFile: Sendable {
    package enum Coding: UInt8, Sendable {
        case identity, brotli, gzip
    }

    private let descriptor: Descriptor
    let identity: FileIdentity
    package let coding: Coding
    /// With its quotes.
    package let etag: [UInt8]
    /// An HTTP date; empty when the file's time means nothing.
    package let lastModified: [UInt8]
    /// Seconds since 1970.
    let modified: Int
    /// The file was at least two seconds old when it was opened: its date is a strong validator (RFC 9110 section
    /// 8.8.2.2), good for If-Range.
    let isDateStrong: Bool
    package let contentType: StaticString
    let isImmutable: Bool
    let hasVariants: Bool
    /// All fields of a 200 answer, and those of a 304, each line with its CRLF.
    let wholeFields: [UInt8]
    let unchangedFields: [UInt8]

    /// Of a small file: one system call sends it with its head, where sendfile(2) would need another that costs more than
    /// copying so little. Nil for larger ones, and when it could not be read whole.
    package let content: [UInt8]?
    static let smallest = 8 << 10

    /// Valid as long as this object is.
    package var number: Int32 { descriptor.number }
    package var size: Int { identity.size }

    init(
        _ descriptor: consuming Descriptor, _ identity: FileIdentity, coding: Coding, type: ContentType,
        isImmutable: Bool, hasVariants: Bool, wallClock: Int
    ) {
        self.descriptor = descriptor
        self.identity = identity
        self.coding = coding
        self.isImmutable = isImmutable
        self.hasVariants = hasVariants
        contentType = type.text
        let stamp = identity.modified
        modified = stamp.seconds
        // A date after that of the answer must not be sent (RFC 9110 section 8.8.2.1).
        let showsDate = stamp.isHonest && stamp.seconds <= wallClock
        lastModified = showsDate ? HTTPDate.format(stamp.seconds) : []
        isDateStrong = showsDate && stamp.seconds <= wallClock - 2
        etag = OpenFile.etag(stamp.isHonest ? stamp : identity.changed, size: identity.size, coding)
        let fields = FileFields(
            etag: etag, lastModified: lastModified, contentType: type.text, coding: coding, isImmutable: isImmutable,
            hasVariants: hasVariants)
        wholeFields = fields.bytes { writer in
            fields.writeRepresentation(to: &writer)
            fields.writeValidators(to: &writer)
            writer.write("Content-Length: ")
            writer.write(decimal: identity.size)
            writer.write("\r\n")
        }
        unchangedFields = fields.bytes { fields.writeValidators(to: &$0) }
        content = OpenFile.read(self.descriptor.number, size: identity.size)
    }

    private static func read(_ number: Int32, size: Int) -> [UInt8]? {
        guard size > 0, size <= smallest else { return nil }
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { memory, count in
            count = max(0, pread(number, memory.baseAddress, size, 0))
        }
        return bytes.count == size ? bytes : nil
    }

    /// Strong: time of modification in nanoseconds and size. The inode is left out, so that servers with the same files at
    /// the same times (rsync -t, one shared disk) agree; a checkout gives each server, and each release, its own.
    private static func etag(_ stamp: FileStamp, size: Int, _ coding: Coding) -> [UInt8] {
        var text = Array("\"\(String(stamp.seconds, radix: 16))-\(String(stamp.nanoseconds, radix: 16))".utf8)
        text += "-\(String(size, radix: 16))".utf8
        switch coding {
        case .identity: break
        case .brotli: text += "-br".utf8
        case .gzip: text += "-gz".utf8
        }
        text.append(UInt8(ascii: "\""))
        return text
    }
}
