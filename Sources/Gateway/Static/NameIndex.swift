internal import Glibc
internal import Linux

/// The names in a directory, as hashes: what is not here is not there, and a dynamic URL costs no system call. Two names
/// with one hash cost a vain look, nothing else.
struct NameIndex: ~Copyable {
    /// More names than that are not indexed: reading them again after each change would cost more than it spares.
    private static let largest = 4096

    private var names: KeyTable
    /// The directory had not changed just before it was read, so that a later change shows in its time.
    let isSettled: Bool

    /// Nil when the directory cannot be read or has too many names.
    init?(directory: Int32, modified: FileStamp, hash: PathHash) {
        isSettled = modified.seconds < time(nil) - 2
        guard let opened = try? openFile(".", flags: O_RDONLY | O_DIRECTORY, directory: directory) else { return nil }
        let number = opened.release()
        guard let stream = fdopendir(number) else {
            close(number)
            return nil
        }
        defer { closedir(stream) }
        var hashes: ContiguousArray<UInt64> = []
        var count = 0
        while let entry = readdir(stream) {
            count += 1
            guard count <= NameIndex.largest else { return nil }
            withUnsafePointer(to: &entry.pointee.d_name) {
                let name = UnsafeRawPointer($0)
                let length = strlen(name.assumingMemoryBound(to: CChar.self))
                NameIndex.add(UnsafeRawBufferPointer(start: name, count: length), hash, to: &hashes)
            }
        }
        names = KeyTable(capacity: hashes.count)
        for value in hashes { names.set(value, 0) }
    }

    /// `x.html` is also what `/x` may mean, and `index.html` what `/` does.
    private static func add(
        _ name: UnsafeRawBufferPointer, _ hash: PathHash, to hashes: inout ContiguousArray<UInt64>
    ) {
        hashes.append(hash.of(name))
        guard name.hasSuffix(".html") else { return }
        hashes.append(hash.of(name.dropping(5)))
        if name.equals("index.html") { hashes.append(hash.of(name.upTo(0))) }
    }

    /// `path` starts with a slash.
    func mayHave(_ path: UnsafeRawBufferPointer, hash: PathHash) -> Bool {
        var end = 1
        while end < path.count, path[end] != UInt8(ascii: "/") { end += 1 }
        let first = UnsafeRawBufferPointer(rebasing: path[min(1, path.count)..<min(end, path.count)])
        return names.value(hash.of(first)) != nil
    }
}
