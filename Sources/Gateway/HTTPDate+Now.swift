import Glibc
import HTTP1

extension HTTPDate {
    static func now() -> String { String(decoding: format(time(nil)), as: UTF8.self) }
}
