/// What one generation answered on one of its routes.
package struct RouteTraffic: Sendable, Equatable {
    /// `POST /orders/*`: method and path, with a star for what looks like an id.
    package var name: String
    package var requests: Int
    /// 5xx of the app's, and 502 and 504 because of it.
    package var errors: Int
    /// That workers took for them, in all.
    package var seconds: Double
    package init(name: String, requests: Int, errors: Int, seconds: Double = 0) {
        self.seconds = seconds
        self.name = name
        self.requests = requests
        self.errors = errors
    }
}
