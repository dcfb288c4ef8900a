internal import Fuzzing
internal import Glibc

/// What libFuzzer, whose `main` is linked in, calls with each input. FUZZ_TARGET says which check; at the end of the run the
/// differences that were counted are printed.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    do throws(Finding) {
        try fuzzer.check(UnsafeRawBufferPointer(start: start, count: count))
    } catch {
        print("finding: \(error)")
        fflush(nil)
        // libFuzzer keeps the input of an abort.
        abort()
    }
    return 0
}

/// Called once, from the one thread that libFuzzer has.
@_cdecl("LLVMFuzzerInitialize")
func initialize(
    _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafePointer<CChar>?>>
) -> Int32 {
    if let directory = getenv("FUZZ_SEEDS") { writeSeeds(String(cString: directory)) }
    atexit {
        let tally = fuzzer.tally
        guard tally.same > 0 else { return }
        print("same: \(tally.same), only we refuse: \(tally.stricter), only NIOHTTP1 refuses: \(tally.looser)")
    }
    return 0
}

/// One thread uses it.
nonisolated(unsafe) private let fuzzer = Fuzzer(target)

private let target: FuzzTarget = {
    guard let target = getenv("FUZZ_TARGET").flatMap({ FuzzTarget(rawValue: String(cString: $0)) }) else {
        fatalError("FUZZ_TARGET must be one of \(FuzzTarget.allCases.map(\.rawValue))")
    }
    return target
}()

private func writeSeeds(_ directory: String) {
    for (index, seed) in target.seeds.enumerated() { write(seed, to: "\(directory)/seed-\(index)") }
    let words = FuzzTarget.dictionary.map { word in
        "\""
            + word.utf8.map { byte in
                let hex = String(byte, radix: 16)
                return "\\x" + (hex.count < 2 ? "0" : "") + hex
            }.joined() + "\"\n"
    }
    write(Array(words.joined().utf8), to: "\(directory).dictionary")
}

private func write(_ bytes: [UInt8], to path: String) {
    guard let file = fopen(path, "w") else { fatalError("cannot write \(path)") }
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
}
