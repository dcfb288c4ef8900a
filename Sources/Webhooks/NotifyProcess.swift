import AsyncHTTPClient
import Dispatch
import Foundation
import Linux
import NIOCore
import NIOHTTP1
import Synchronization

/// `passenger _notify`.
package enum NotifyProcess {
    private static let attempts = 3
    private static let patience = TimeAmount.seconds(10)

    /// The exit status.
    package static func run(input: Int32 = 0) -> Int32 {
        do {
            let bytes = try readAll(input, limit: 1 << 20)
            let order = try JSONDecoder().decode(WebhookOrder.self, from: Data(bytes))
            let result = Mutex<String?>(nil)
            let done = DispatchSemaphore(value: 0)
            Task.detached {
                let problem = await send(order)
                result.withLock { $0 = problem }
                done.signal()
            }
            done.wait()
            guard let problem = result.withLock({ $0 }) else { return 0 }
            return fail(problem)
        } catch {
            return fail("\(error)")
        }
    }

    private static func fail(_ problem: String) -> Int32 {
        // Whoever started it has the exit status, if this cannot be told.
        try? writeAll(STDOUT_FILENO, Array((problem + "\n").utf8))
        return 1
    }

    /// Nil when it was told.
    private static func send(_ order: WebhookOrder) async -> String? {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: patience, read: patience))
        configuration.decompression = .disabled
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        var problem = ""
        for attempt in 1...attempts {
            switch await ask(client, order) {
            case .told:
                try? await client.shutdown()  // the process ends now
                return nil
            case .refused(let reason):
                try? await client.shutdown()
                return reason
            case .failed(let reason): problem = reason
            }
            if attempt < attempts { try? await Task.sleep(for: .seconds(attempt)) }  // nobody cancels it
        }
        try? await client.shutdown()
        return "\(problem) (\(attempts) attempts)"
    }

    private enum Answer {
        case told
        case refused(String)
        case failed(String)
    }

    private static func ask(_ client: HTTPClient, _ order: WebhookOrder) async -> Answer {
        var request = HTTPClientRequest(url: order.url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "User-Agent", value: "passenger")
        request.headers.add(name: "X-Passenger-Signature-256", value: order.signature)
        request.body = .bytes(ByteBuffer(string: order.body))
        do {
            let response = try await client.execute(request, timeout: patience)
            switch response.status.code {
            case 200..<300: return .told
            case 400..<500 where response.status != .tooManyRequests && response.status != .requestTimeout:
                return .refused("the webhook answered \(response.status.code)")
            default: return .failed("the webhook answered \(response.status.code)")
            }
        } catch let error as HTTPClientError {
            return .failed("the webhook could not be reached: \(error.shortDescription)")
        } catch {
            return .failed("the webhook could not be reached: \(error)")
        }
    }
}
