/// What `passenger --version`, `GET /ping` and the instance record say.
package enum ProductVersion {
    package static let current = "0.1.0"
    /// Of Phusion Passenger, whose commands, files and settings this program takes; tools that were written for it ask which
    /// version it is, and compare.
    package static let passenger = "6.0.27"
}
