import HTTPTypes
import Hummingbird

/// Which methods there are at which paths: takes the routes as a router does, and keeps no more of them than that. So an answer
/// can say what a path takes, and a test that the description of the API (templates/openapi.yaml) has all of them.
final class RouteTable: RouterMethods {
    typealias Context = AdminContext

    struct Route: Hashable {
        var method: HTTPRequest.Method
        /// `/apps/{app}/deploys/{n}`
        var path: String
        fileprivate var parameters: Int { path.count { $0 == "{" } }
    }

    private(set) var routes: [Route] = []

    @discardableResult func on<Responder: HTTPResponder>(
        _ path: RouterPath, method: HTTPRequest.Method, responder: Responder
    ) -> Self where Responder.Context == AdminContext {
        routes.append(Route(method: method, path: path.description))
        return self
    }

    func add(middleware: any MiddlewareProtocol<Request, Response, AdminContext>) -> Self { self }

    /// Of a path as it was asked for; empty when there is no such path. As in a router, a word is itself before it is a parameter.
    func methods(at path: String) -> [HTTPRequest.Method] {
        let asked = path.split(separator: "/")
        let matching = routes.filter { route in
            let parts = route.path.split(separator: "/")
            return parts.count == asked.count && zip(parts, asked).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
        let fewest = matching.map(\.parameters).min()
        return matching.filter { $0.parameters == fewest }.map(\.method)
    }
}
