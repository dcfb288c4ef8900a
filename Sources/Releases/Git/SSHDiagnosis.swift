/// What ssh's words on standard error mean. It has one exit status (255) for all its own failures.
enum SSHDiagnosis {
    static func failure(standardError: String, address: SSHAddress) -> BuilderFailure {
        let lines = standardError.split(whereSeparator: \.isNewline).map(String.init).filter { !$0.isEmpty }
        // The last lines name the cause; those before are banners.
        let said = lines.suffix(3).joined(separator: "; ")
        func failure(_ code: BuilderFailure.Code, _ message: String, _ hint: String?) -> BuilderFailure {
            BuilderFailure(code, said.isEmpty ? message : "\(message): \(said)", hint: hint)
        }
        func says(_ texts: String...) -> Bool {
            let lowered = standardError.lowercased()
            return texts.contains { lowered.contains($0) }
        }
        if says("host key verification failed", "remote host identification has changed") {
            return failure(
                .authenticationFailed, "the host key of \(address.destination) is not known or has changed",
                "as the user that deploys, connect once with ssh and compare the key, or add it to ~/.ssh/known_hosts")
        }
        if says("permission denied (", "too many authentication failures", "no supported authentication") {
            return failure(
                .authenticationFailed, "\(address.destination) does not accept the key",
                "the user that deploys needs a key without a pass phrase, or an agent, that may read the repository")
        }
        if says(
            "does not appear to be a git repository", "repository not found", "not a git repository", "no such file",
            "could not be found")
        {
            return failure(
                .unreachable, "there is no repository \(address.path) on \(address.destination)",
                "check the path and that this key may read it")
        }
        if says("timed out") {
            return failure(.timedOut, "no answer from \(address.destination)", "check the host, port and firewall")
        }
        return failure(
            .unreachable, "cannot fetch from \(address)",
            said.isEmpty ? "ssh said nothing: try it by hand as the user that deploys" : nil)
    }
}
