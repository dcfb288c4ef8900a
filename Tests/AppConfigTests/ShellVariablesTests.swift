import AppConfig
import Testing

struct ShellVariablesTests {
    private let listed = "# /etc/shells: valid login shells\n/bin/sh\n/bin/bash\n/usr/bin/zsh\n/usr/bin/git-shell\n"

    @Test func `only listed shells that take commands are asked`() throws {
        let question = try #require(ShellVariables.question(shell: "/bin/bash", listed: listed, mark: "m4rk"))
        #expect(question.program == "/bin/bash")
        #expect(question.arguments == ["-l", "-c", "printf '\\n%s\\n' m4rk; exec /usr/bin/env -0"])
        for shell in ["/usr/sbin/nologin", "/usr/bin/git-shell", "/opt/bash", "bash", ""] {
            #expect(ShellVariables.question(shell: shell, listed: listed, mark: "m4rk") == nil, "\(shell)")
        }
    }

    @Test func `what profiles print before is no variable, and values have any text`() {
        let output =
            "A=no\nWelcome!\n\nm4rk\nPATH=/opt/bin:/bin\0TEXT=two\nlines = \u{e4}\0EMPTY=\0PWD=/\0SHLVL=1\0_=/usr/bin/env\0"
            + "BASH_FUNC_f%%=() { :\n}\0"
        #expect(
            ShellVariables.answer(in: output, mark: "m4rk")
                == ["PATH": "/opt/bin:/bin", "TEXT": "two\nlines = \u{e4}", "EMPTY": ""])
    }

    @Test(arguments: ["", "Welcome!\n", "m4rk\n", "m4rk"])
    func `a shell that does not come so far has said nothing`(output: String) {
        #expect(ShellVariables.answer(in: output, mark: "m4rk") == nil)
    }

    @Test func `a login shell is started without what is the server's`() {
        let user = AppEnvironment.User(name: "ann", home: "/home/ann", shell: "/bin/bash")
        let variables = AppEnvironment.login(
            inherited: ["PATH": "/bin", "PASSENGER_PORT": "80", "_PASSENGER_WORKER": "{}", "HOME": "/root"], user: user)
        #expect(
            variables == ["HOME=/home/ann", "LOGNAME=ann", "PATH=/bin", "SHELL=/bin/bash", "USER=ann"])
    }
}
