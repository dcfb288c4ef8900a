/// Answer to `GET /livez`, and to `GET /readyz` of a server that is ready; one that is not answers 503 and says why.
package struct HealthAnswer: Sendable, Codable, Equatable {
    package var status: String
    package init(status: String) { self.status = status }
}
