/// What a checkout does with the entries of a tree that are no plain files. One value for each `deploy.*` key of the same name.
package struct CheckoutOptions: Codable, Sendable, Equatable {
    /// Where the commit was fetched from: URLs of submodules may be relative to it, and git-lfs asks there. Nil when that is not known.
    package var repository: String?
    package var submodules = true
    package var lfs = true
    package var allowSymlinks = false

    package init(
        repository: String? = nil, submodules: Bool = true, lfs: Bool = true, allowSymlinks: Bool = false
    ) {
        self.repository = repository
        self.submodules = submodules
        self.lfs = lfs
        self.allowSymlinks = allowSymlinks
    }
}
