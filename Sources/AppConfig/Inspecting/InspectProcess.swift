import Foundation

/// `passenger _inspect`: reads one app's configuration as the app's user. One JSON `InspectRequest` on the input up to its
/// end, one JSON `InspectAnswer` on the output.
package enum InspectProcess {
    /// The request carries an environment and a server file's app keys; more than this is a mistake.
    static let maximumRequest = 4 << 20

    /// - Returns: the exit status: 0 with settings, 2 when the configuration is wrong, 1 when no answer could be given.
    package static func run(input: Int32 = 0, output: Int32 = 1) -> Int32 {
        guard let bytes = readAll(input) else { return 1 }
        let answer = answer(bytes)
        guard let encoded = try? JSONEncoder().encode(answer), write(Array(encoded), to: output) else { return 1 }
        return answer.error?.exitStatus ?? 0
    }

    static func answer(_ bytes: [UInt8]) -> InspectAnswer {
        guard bytes.count <= maximumRequest else { return refusal("the request is too long") }
        let request: InspectRequest
        do {
            request = try JSONDecoder().decode(InspectRequest.self, from: Data(bytes))
        } catch {
            return refusal("the request cannot be read")
        }
        do throws(ConfigError) {
            return InspectAnswer(app: try ConfigLoader(workingDirectory: request.workingDirectory).loadApp(request))
        } catch {
            return InspectAnswer(error: error)
        }
    }

    private static func refusal(_ message: String) -> InspectAnswer {
        InspectAnswer(error: ConfigError(ConfigProblem(at: .standard, message)))
    }

    /// One byte more than the limit at most; nil when reading fails.
    private static func readAll(_ descriptor: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while bytes.count <= maximumRequest {
            let count = read(descriptor, &chunk, min(chunk.count, maximumRequest + 1 - bytes.count))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return bytes
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
