// swift-tools-version: 6.2
import PackageDescription

// CI turns warnings into errors; a user's newer compiler must still be able to build a release.
let strict = Context.environment["PASSENGER_STRICT"] == "1"

let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ] + (strict ? [.treatAllWarnings(as: .error)] : [])

func room(
    _ name: String, _ dependencies: [Target.Dependency] = [], path: String? = nil, exclude: [String] = ["README.md"],
    settings: [SwiftSetting] = settings
) -> Target {
    .target(name: name, dependencies: dependencies, path: path, exclude: exclude, swiftSettings: settings)
}

/// What every request runs through. That no property is changed while it is read is proved by the compiler where it can
/// be, and looked after at run time elsewhere: in debug builds, with all tests, and not in releases, where it is 2 % of
/// the gateway's time.
let dataPath = settings + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

/// A release is several processes at once, so it counts how many pages of the program they touch. What is called lies together
/// (scripts/lib/link-order has the list, and why), and the names of our own functions are nobody's to look up.
let layout: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-use-ld=lld", "-Xlinker", "--no-export-dynamic", "-Xlinker", "--no-warn-symbol-ordering", "-Xlinker",
            "--symbol-ordering-file=\(Context.packageDirectory)/scripts/lib/link-order/functions.txt",
        ], .when(platforms: [.linux], configuration: .release))
]

/// In plain C. Without this the linker puts the whole of Swift's runtime into it, a MiB of the memory of each of its processes.
let withoutSwift: [LinkerSetting] = [
    .unsafeFlags(["-use-ld=lld", "-nostartfiles"], .when(platforms: [.linux], configuration: .release))
]

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
    .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

// Its `main` is libFuzzer's, so it links only with `--sanitize fuzzer`: scripts/fuzz builds it.
let fuzzer: [Target] =
    Context.environment["PASSENGER_FUZZ"] == "1"
    ? [.executableTarget(name: "fuzz", dependencies: ["Fuzzing"], path: "Tests/FuzzHost", swiftSettings: settings)]
    : []

// Timed by hand, and so of no build but scripts/bench's.
let benchmarks: [Target] =
    Context.environment["PASSENGER_BENCH"] == "1"
    ? [
        .executableTarget(
            name: "pool-bench", dependencies: ["Model", "Pool"], path: "Tests/PoolBench", swiftSettings: dataPath)
    ] : []

let package = Package(
    name: "passenger",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "passenger", targets: ["passenger"]),
        .executable(name: "passenger-launch", targets: ["passenger-launch"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0", traits: []),
        // Both come with hummingbird anyway.
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.30.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.0.0"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.0"),
    ],
    targets: [
        // Nothing below imports anything above it.
        room("Model"),
        .target(name: "CLinux", exclude: ["README.md"]),
        .systemLibrary(name: "CGit2", pkgConfig: "libgit2", providers: [.apt(["libgit2-dev"])]),
        .executableTarget(name: "passenger-launch", exclude: ["README.md"], linkerSettings: withoutSwift),
        room("Linux", ["Model", "CLinux"]),
        room("Supervisor", ["Model", "Linux"]),
        room("HTTP1", path: "Sources/Gateway/HTTP1", settings: dataPath),
        room("Telemetry", ["Linux", "Model", logging]),
        room("Pool", ["Model"], settings: dataPath),
        room("Health", ["Model", "HTTP1", "Linux"]),
        // What the gateway is made of, each a room of its own under Sources/Gateway.
        room("Sockets", ["Linux"] + nio, path: "Sources/Gateway/Sockets", settings: dataPath),
        room("StaticFiles", ["Model", "Linux", "HTTP1"], path: "Sources/Gateway/Static", settings: dataPath),
        room("ResponseCache", ["Model", "HTTP1"], path: "Sources/Gateway/Cache"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        room("Compression", ["HTTP1", "CZlib"], path: "Sources/Gateway/Compression"),
        room("AccessLog", ["Model", "Linux"], path: "Sources/Gateway/AccessLog"),
        room(
            "TLS",
            [
                "Linux", "Model", .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
            ] + nio,
            path: "Sources/Gateway/TLS"),
        room(
            "HTTP2",
            [
                "HTTP1", .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
            ] + nio,
            path: "Sources/Gateway/HTTP2"),
        room(
            "Gateway",
            [
                "Model", "Linux", "HTTP1", "Pool", "Sockets", "StaticFiles", "ResponseCache", "Compression",
                "AccessLog", "TLS", "HTTP2",
            ] + nio,
            exclude: [
                "README.md", "HTTP1", "Sockets", "Static", "Cache", "Compression", "AccessLog", "TLS", "HTTP2",
            ],
            settings: dataPath),
        room("Spawning", ["Model", "Linux", "Pool", "Health"]),
        room("AppConfig", ["Model", yams]),
        room("Releases", ["Model", "Linux", "CGit2", "CZlib"]),
        room("Watching", ["Model", "Linux"]),
        room("Deploys", ["Model", "Linux", "Pool", logging]),
        room("AdminAPI", ["Model"]),
        room("AdminClient", ["Model", "Linux", "AdminAPI"]),
        room(
            "AdminServer",
            [
                "Model", "Linux", "AdminAPI", "Telemetry", hummingbird, logging,
                .product(name: "Crypto", package: "swift-crypto"),
            ] + nio),
        room(
            "Core",
            [
                "Model", "Linux", "Telemetry", "HTTP1", "Pool", "Health", "Sockets", "StaticFiles",
                "ResponseCache", "AccessLog", "Gateway", "Spawning", "AppConfig",
                "Releases",
                "Watching", "Deploys", "AdminAPI", "AdminServer", "TLS", "Webhooks", logging,
            ] + nio),
        room(
            "Webhooks",
            [
                "Linux", .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        room("StaticApp", ["Linux", "Model", "HTTP1"]),
        room("Terminal", ["Model", "Linux"]),
        room(
            "Commands",
            [
                "Model", "Linux", "Supervisor", "Core", "AppConfig", "Releases", "Watching", "Deploys", "AdminAPI",
                "AdminClient", "Terminal", "TLS", argumentParser,
            ]),
        .executableTarget(
            name: "passenger",
            dependencies: [
                "Linux", "Supervisor", "Commands", "Core", "AppConfig", "Releases", "Deploys", "Watching", "Telemetry",
                "Webhooks", "StaticApp",
            ],
            exclude: ["README.md"],
            swiftSettings: settings,
            linkerSettings: layout),

        tests("ModelTests", ["Model"]),
        .executableTarget(
            name: "supervisor-host", dependencies: ["Linux", "Supervisor"], path: "Tests/SupervisorHost",
            swiftSettings: settings),
        tests("LinuxTests", ["Model", "Linux", "CLinux", "passenger-launch"]),
        tests("SupervisorTests", ["Model", "Linux", "Supervisor", "passenger-launch", "supervisor-host"]),
        room(
            "Fuzzing",
            [
                "HTTP1", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            path: "Tests/Fuzzing"),
        tests("HTTP1Tests", ["HTTP1", "Fuzzing"]),
        tests("HealthTests", ["Model", "Health", "HTTP1", "Linux"]),
        tests("SocketsTests", ["Sockets", "Linux"] + nio),
        tests("StaticFilesTests", ["Model", "StaticFiles", "HTTP1", "Linux"]),
        tests("ResponseCacheTests", ["Model", "ResponseCache", "HTTP1"]),
        tests("CompressionTests", ["Compression", "HTTP1", "CZlib"]),
        tests("AccessLogTests", ["Model", "AccessLog", "Linux"]),
        tests(
            "TLSTests", ["TLS", "Model", "Linux", .product(name: "NIOSSL", package: "swift-nio-ssl")] + nio),
        tests(
            "HTTP2Tests",
            [
                "HTTP2", "HTTP1", .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ] + nio),
        tests("PoolTests", ["Model", "Pool"]),
        tests(
            "GatewayTests",
            [
                "Model", "Gateway", "Sockets", "StaticFiles", "ResponseCache", "Compression", "AccessLog", "TLS",
                "HTTP1",
                "Pool", "Linux", "CZlib",
            ] + nio
        ),
        tests("TelemetryTests", ["Model", "Telemetry", "Linux", logging]),
        tests("SpawningTests", ["Model", "Spawning", "Pool", "Linux"]),
        tests("AppConfigTests", ["Model", "AppConfig"]),
        tests("ReleasesTests", ["Model", "Linux", "Releases", "passenger"]),
        tests("DeploysTests", ["Model", "Linux", "Deploys", "Watching", "Pool", logging]),
        tests("WebhooksTests", ["Webhooks"]),
        tests("StaticAppTests", ["StaticApp", "HTTP1"]),
        tests("TerminalTests", ["Model", "Terminal"]),
        tests(
            "AdminTests",
            ["Model", "Linux", "AdminAPI", "AdminClient", "AdminServer", logging, hummingbird, yams] + nio),
        tests(
            "CoreTests",
            [
                "Model", "Linux", "AdminAPI", "AdminServer", "Pool", "Gateway", "Spawning", "Deploys", "Watching",
                "Core", logging,
            ]),
        tests("CommandsTests", ["Model", "Linux", "AdminAPI", "AppConfig", "Commands", "Terminal", argumentParser]),
        tests(
            "SystemTests", ["Model", "Linux", "AdminAPI", "AdminClient", "Deploys", "passenger", "passenger-launch"]),
    ] + fuzzer + benchmarks
)

// With PASSENGER_SANITIZER=address or =thread: the tests of what strangers and threads reach, what these need, and nothing
// else. scripts/test builds it so.
if let sanitizer = Context.environment["PASSENGER_SANITIZER"] {
    var wanted = [
        "ModelTests", "LinuxTests", "HTTP1Tests", "HealthTests", "SocketsTests", "StaticFilesTests",
        "ResponseCacheTests", "CompressionTests", "AccessLogTests", "TLSTests", "HTTP2Tests", "PoolTests",
        "GatewayTests", "SpawningTests",
    ]
    var kept: Set<String> = []
    while let name = wanted.popLast() {
        guard kept.insert(name).inserted else { continue }
        for target in package.targets where target.name == name {
            for case .byNameItem(let name, _) in target.dependencies { wanted.append(name) }
        }
    }
    package.products = []
    package.targets.removeAll { !kept.contains($0.name) }
    if sanitizer == "thread" {
        let edges = "RuntimeEdges"
        for target in package.targets where target.type == .test { target.dependencies.append(.byName(name: edges)) }
        package.targets += [
            .target(name: edges, path: "Tests/ThreadSanitizer/RuntimeEdges"),
            .executableTarget(
                name: "race-host", dependencies: [.byName(name: edges)], path: "Tests/ThreadSanitizer/RaceHost",
                swiftSettings: settings),
        ]
    }
}
