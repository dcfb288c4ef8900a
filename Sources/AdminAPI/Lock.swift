package import Model

/// `POST /apps/{app}/lock`: nothing is deployed until it is taken away. Restarts and rollbacks go on.
package struct LockRequest: Sendable, Codable, Equatable {
    /// Why, for those who want to deploy: at most 1,000 characters, none of them a control character.
    package var message: String
    package var origin: RequestOrigin?
    package init(message: String) { self.message = message }
}

/// `POST /apps/{app}/unlock`.
package struct UnlockRequest: Sendable, Codable, Equatable {
    package var origin: RequestOrigin?
    package init() {}
}

/// Answer to both: after `lock` what holds now, after `unlock` what held until now.
package struct LockAnswer: Sendable, Codable, Equatable {
    package var app: AppName
    package var lock: LockStatus?
    package init(app: AppName, lock: LockStatus?) {
        self.app = app
        self.lock = lock
    }
}

package struct LockStatus: Sendable, Codable, Equatable {
    package var message: String
    package var by: String
    package var since: WallTime
    package init(message: String, by: String, since: WallTime) {
        self.message = message
        self.by = by
        self.since = since
    }
}
