import Model
import Testing

struct SecretMaskTests {
    @Test func `Values of six characters and more are taken out, the longest first`() {
        let mask = SecretMask(["hunter2", "hunter2-and-more", "short", "123456"])
        #expect(mask.masked("pw=hunter2, hunter2-and-more, short, x123456x") == "pw=***, ***, short, x***x")
        #expect(mask.masked("hunterhunter2hunter2") == "hunter******")
        #expect(mask.masked("nothing here") == "nothing here")
        #expect(SecretMask().masked("hunter2") == "hunter2")
    }

    @Test func `A value of several lines is found line by line`() {
        let mask = SecretMask(["-----BEGIN KEY-----\n  c2VjcmV0\nend\n-----END KEY-----\n"])
        #expect(mask.masked("key: c2VjcmV0") == "key: ***")
        #expect(mask.masked("-----BEGIN KEY-----") == "***")
        #expect(mask.masked("the end") == "the end")
    }

    @Test(arguments: [
        ("https://token@host/x.git", "https://***@host/x.git"), ("https://u:p@host", "https://***@host"),
        ("fetch 'http://u:p%40@h:8080/x' failed", "fetch 'http://***@h:8080/x' failed"),
        ("ssh://git@host/x", "ssh://git@host/x"), ("ssh://git:pw@host/x", "ssh://git:***@host/x"),
        ("git@host:x.git", "git@host:x.git"), ("https://host/a@b", "https://host/a@b"),
        ("https://a@h https://b:c@h", "https://***@h https://***@h"), ("postgres://u:p@db/x", "postgres://***@db/x"),
        ("https://u:p@ss@host/x", "https://***@host/x"), ("mail a@b.c", "mail a@b.c"), ("://", "://"),
    ])
    func `Credentials in URLs are taken out`(_ text: String, _ shown: String) {
        #expect(SecretMask().masked(text) == shown)
        #expect(SecretMask().masked(shown) == shown)
    }

    @Test func `A masked URL is one without credentials`() {
        #expect(SecretMask.withoutMark("https://***@host/x") == "https://host/x")
        #expect(SecretMask.withoutMark("ssh://git:***@host/x") == "ssh://git@host/x")
    }
}
