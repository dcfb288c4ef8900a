extension ChildProcess {
    struct Output {
        /// Ended by itself, with status 0.
        var succeeded: Bool
        /// The first MiB of it.
        var text: String
        var errors: String
    }

    /// All that it writes until it ends, which has no time limit but can be cancelled: the owner then ends it.
    func output(_ cancellation: Cancellation) throws(BuilderFailure) -> Output {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            guard waitForOutput(milliseconds: -1, orReadable: cancellation.readable) == .ready else {
                throw .cancelled
            }
            let count = try buffer.withUnsafeMutableBufferPointer { (bytes) throws(BuilderFailure) in
                try read(into: UnsafeMutableRawBufferPointer(bytes))
            }
            if count == 0 { break }
            if output.count < 1 << 20 { output += buffer[..<count] }
        }
        let errors = lastWords()
        return Output(succeeded: waitForSuccess(), text: String(decoding: output, as: UTF8.self), errors: errors)
    }
}
