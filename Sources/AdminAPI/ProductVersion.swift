/// What `passenger --version`, `GET /ping` and the instance record say.
package enum ProductVersion {
    package static let current = "0.1.0"
}
