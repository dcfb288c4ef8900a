import Testing

@testable import Releases

@Suite struct RemoteURLTests {
    @Test func eachFormGoesItsOwnWay() throws {
        #expect(try RemoteURL("/srv/git/a.git") == .local(path: "/srv/git/a.git"))
        #expect(try RemoteURL("file:///srv/a%20b.git") == .local(path: "/srv/a b.git"))
        #expect(try RemoteURL("file://localhost/srv/a") == .local(path: "/srv/a"))
        #expect(try RemoteURL("https://host/a.git") == .web("https://host/a.git"))
    }

    @Test(
        arguments: [
            ("git@host:a/b.git", "git@host", nil, "a/b.git"), ("host:/srv/a", "host", nil, "/srv/a"),
            ("ssh://git@host/srv/a", "git@host", nil, "/srv/a"), ("ssh://host:2222/a", "host", 2222, "/a"),
            ("ssh://host/~ada/a", "host", nil, "~ada/a"), ("git+ssh://u@host:22/a%20b", "u@host", 22, "/a b"),
            ("[::1]:a", "::1", nil, "a"), ("ssh://u@[fe80::1]:22/a", "u@fe80::1", 22, "/a"),
            ("ssh://u:secret@host/a", "u@host", nil, "/a"),
        ] as [(String, String, Int?, String)])
    func sshAddressesAreTakenApart(text: String, destination: String, port: Int?, path: String) throws {
        guard case .ssh(let address) = try RemoteURL(text) else {
            Issue.record("\(text) is not SSH")
            return
        }
        #expect(address.destination == destination)
        #expect(address.port == port)
        #expect(address.path == path)
    }

    @Test(arguments: [
        "", "ext::sh -c x", "a.git", "./a", "../a:b", "ssh://-oProxyCommand=x/a", "-oProxyCommand=x:a", "u@-x:a",
        "host:-a", "host:",
        "ssh://host", "ssh://host:0/a", "ssh://host:x/a", "ftp://host/a", "https://a\nb",
        "file://host/a",
    ])
    func whatIsNoRepositoryOrAnOptionInDisguiseIsRefused(text: String) throws {
        #expect(try failure { _ = try RemoteURL(text) }.code == .invalidRequest)
    }

    @Test func passwordsAreNeverPrinted() throws {
        #expect(try RemoteURL("https://u:token@host/a.git").description == "https://host/a.git")
        #expect(try RemoteURL("ssh://u:token@host/a").description == "u@host:/a")
    }

    @Test func thePathIsQuotedForTheOtherSidesShell() throws {
        guard case .ssh(let address) = try RemoteURL("host:a'; rm -rf x!") else { return }
        #expect(address.arguments.last == #"git-upload-pack 'a'\''; rm -rf x'\!''"#)
        #expect(address.arguments.contains("BatchMode=yes"))
        #expect(!address.arguments.contains { $0.contains("StrictHostKeyChecking") })
    }

    @Test(arguments: [
        ("git@host: Permission denied (publickey).", BuilderFailure.Code.authenticationFailed),
        ("Host key verification failed.", .authenticationFailed),
        ("ssh: Could not resolve hostname nowhere: Name or service not known", .unreachable),
        ("fatal: '/x' does not appear to be a git repository", .unreachable),
        ("ssh: connect to host h port 22: Connection timed out", .timedOut), ("", .unreachable),
    ])
    func sshsWordsAreUnderstood(text: String, code: BuilderFailure.Code) throws {
        guard case .ssh(let address) = try RemoteURL("git@host:/x") else { return }
        let failure = SSHDiagnosis.failure(standardError: "Welcome!\n" + text + "\n", address: address)
        #expect(failure.code == code)
        #expect(failure.message.contains(text))
    }

    @Test func aCredentialHelpersAnswerIsRead() {
        let answer = CredentialHelper.parse("protocol=https\nhost=h\nusername=ada\npassword=a=b\n")
        #expect(answer == CredentialHelper.Answer(user: "ada", password: "a=b"))
        #expect(CredentialHelper.parse("username=ada\n") == nil)
    }
}
