/// The release builder: a child that runs as the deploy user and does every write under a deploy root.
package enum BuilderProcess {
    /// Serves requests from `input` until it ends. The exit status: 0, or 1 when the core's lines make no sense.
    package static func run(input: Int32, output: Int32) -> Int32 {
        0
    }
}
