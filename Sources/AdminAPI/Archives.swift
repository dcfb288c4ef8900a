/// Answer to `PUT /apps/{app}/archive`, whose body is a tar archive, compressed by gzip or not.
package struct ArchiveAnswer: Sendable, Codable, Equatable {
    /// What `POST /apps/{app}/deploys` is given as `ref`, with `archive`: the same archive has always the same.
    package var commit: String
    package init(commit: String) { self.commit = commit }
}
