import Hummingbird
import Logging

/// What a route knows besides the request: who asks.
struct AdminContext: RequestContext {
    typealias Source = AdminContextSource

    var coreContext: CoreRequestContextStorage
    let caller: Caller

    init(source: AdminContextSource) {
        coreContext = .init(source: source)
        caller = source.caller
    }
}

struct AdminContextSource: RequestContextSource {
    let logger: Logger
    let caller: Caller
}
