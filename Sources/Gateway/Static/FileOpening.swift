internal import Glibc
internal import Linux

/// Opens located files for reading, all of one name and so of one type.
struct FileOpening {
    var type: ContentType
    var isImmutable = false
    var hasVariants = false

    /// Nil: we may not read it, so it is not served.
    func open(_ located: LocatedFile?, _ coding: OpenFile.Coding) throws(SystemError) -> OpenFile? {
        guard let located else { return nil }
        do throws(SystemError) {
            let descriptor = try located.open()
            // Of the opened file: it may have grown since it was located.
            guard let identity = FileIdentity(descriptor: descriptor.number), identity.isRegular else { return nil }
            return OpenFile(
                descriptor, identity, coding: coding, type: type, isImmutable: isImmutable, hasVariants: hasVariants,
                wallClock: time(nil))
        } catch {
            if error.errno == EACCES || error.errno == ENOENT { return nil }
            throw error
        }
    }
}
