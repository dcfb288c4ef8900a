import CGit2

/// What libgit2's callbacks need while one fetch runs, and what they learn.
final class FetchSession {
    private let url: RemoteURL
    private let events: EventWriter
    private let cancellation: Cancellation
    private let ssh: SSHConnection?
    private var pace = ProgressPace()
    private var credentialsAsked = 0
    private var authenticationFailure: BuilderFailure?

    init(url: RemoteURL, events: EventWriter, cancellation: Cancellation, stallLimit: Duration) {
        self.url = url
        self.events = events
        self.cancellation = cancellation
        if case .ssh(let address) = url {
            ssh = SSHConnection(address: address, cancellation: cancellation, stallLimit: stallLimit)
        } else {
            ssh = nil
        }
    }

    func configure(_ callbacks: inout git_remote_callbacks) {
        callbacks.payload = Unmanaged.passUnretained(self).toOpaque()
        callbacks.transfer_progress = { progress, payload in
            guard let progress, let session = FetchSession.from(payload) else { return -1 }
            return session.progressed(progress.pointee)
        }
        callbacks.sideband_progress = { _, _, payload in
            guard let session = FetchSession.from(payload) else { return -1 }
            session.cancellation.progressed()
            return session.cancellation.isCancelled ? GIT_EUSER.rawValue : 0
        }
        callbacks.credentials = { out, _, user, allowed, payload in
            guard let session = FetchSession.from(payload) else { return -1 }
            return session.credentials(out, user: user.map { String(cString: $0) }, allowed: allowed)
        }
        if ssh != nil {
            callbacks.transport = { out, remote, payload in
                guard let ssh = FetchSession.from(payload)?.ssh else { return -1 }
                return SSHTransport.make(out, remote: remote, connection: ssh)
            }
        }
    }

    /// Throws for a libgit2 status that is not zero, with the best reason that is known.
    func check(_ status: Int32) throws(BuilderFailure) {
        guard status != 0 else { return }
        let message = LibGit2.lastMessage
        try cancellation.check()
        if let diagnosis = ssh?.diagnosis() { throw diagnosis }
        if let authenticationFailure { throw authenticationFailure }
        throw FetchDiagnosis.failure(
            status: status, errorClass: LibGit2.lastClass, message: message, url: url)
    }

    private static func from(_ payload: UnsafeMutableRawPointer?) -> FetchSession? {
        payload.map { Unmanaged<FetchSession>.fromOpaque($0).takeUnretainedValue() }
    }

    private func progressed(_ progress: git_indexer_progress) -> Int32 {
        cancellation.progressed()
        if cancellation.isCancelled { return GIT_EUSER.rawValue }
        if progress.received_objects == progress.total_objects || pace.isDue() {
            events.send(
                .fetchProgress(
                    received: Int(progress.received_objects), indexed: Int(progress.indexed_objects),
                    total: Int(progress.total_objects), bytes: progress.received_bytes))
        }
        return 0
    }

    private func credentials(
        _ out: UnsafeMutablePointer<UnsafeMutablePointer<git_credential>?>?, user: String?, allowed: UInt32
    ) -> Int32 {
        cancellation.progressed()
        credentialsAsked += 1
        guard allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT.rawValue != 0, case .web(let text) = url,
            credentialsAsked == 1, let answer = CredentialHelper.fill(url: text, user: user, cancellation: cancellation)
        else {
            authenticationFailure = BuilderFailure(
                .authenticationFailed,
                credentialsAsked == 1 ? "\(url) asks for credentials" : "\(url) does not accept the credentials",
                hint: "give the user that deploys a git credential helper, or use an ssh:// URL with a deploy key")
            return GIT_EAUTH.rawValue
        }
        return git_credential_userpass_plaintext_new(out, answer.user, answer.password)
    }
}
