import Model
import Testing

@testable import Core

@Suite struct HostClaimsTests {
    private let blog = AppName(sanitizing: "blog")
    private let shop = AppName(sanitizing: "shop")

    @Test func `a host name has one owner, and the first one stays`() {
        var claims = HostClaims()
        #expect(claims.claim(["blog.example.com", "www.example.com"], basePath: "/", for: blog) == nil)
        let conflict = claims.claim(["shop.example.com", "WWW.example.com"], basePath: "/", for: shop)
        #expect(conflict == .init(host: "www.example.com", basePath: "/", owner: blog))
        #expect(conflict.map { "\($0)" } == "www.example.com belongs to blog")
        // Nothing of a refused claim is kept.
        #expect(claims.claim(["shop.example.com"], basePath: "/", for: AppName(sanitizing: "third")) == nil)
        claims.release(blog)
        #expect(claims.claim(["www.example.com"], basePath: "/", for: shop) == nil)
    }

    @Test func `paths of one host may belong to several apps`() {
        var claims = HostClaims()
        #expect(claims.claim(["example.com"], basePath: "/", for: blog) == nil)
        #expect(claims.claim(["example.com"], basePath: "/shop", for: shop) == nil)
        #expect(claims.claim(["example.com"], basePath: "/shop", for: blog)?.owner == shop)
    }

    @Test func `one app without names gets what nobody names`() {
        var claims = HostClaims()
        #expect(claims.claim([], basePath: "/", for: blog) == nil)
        #expect(
            claims.claim([], basePath: "/", for: shop).map { "\($0)" }
                == "it names no host (server_names), and requests for all others go to blog")
        #expect(claims.claim([], basePath: "/shop", for: shop) == nil)
        #expect(claims.claim([], basePath: "/", for: blog) == nil, "an app does not stand in its own way")
    }
}
