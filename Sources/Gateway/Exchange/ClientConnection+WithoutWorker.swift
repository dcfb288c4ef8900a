import AccessLog
import HTTP1
import Linux
import Model
import NIOCore
import Pool
import ResponseCache
import Sockets
import StaticFiles

// Answers that need no worker: files and the response cache.
extension ClientConnection {
    /// The request's path without the app's `base_uri`.
    private func pathInApp(_ route: Route) -> UnsafeRawBufferPointer {
        let path = head.path.of(headBytes.bytes)
        return UnsafeRawBufferPointer(rebasing: path[min(route.basePath.count, path.count)...])
    }

    /// True when a file is the answer.
    func answerWithFile() -> Bool {
        guard let route, let site = route.site else { return false }
        switch loop.files.find(site, path: pathInApp(route), now: loop.instant) {
        case .none: return false
        case .missingFingerprinted:
            answer.isMissingAsset = true
            return false
        case .failed(let error):
            loop.log(.fileFailed(reason: error.description))
            return false
        case .file(let file):
            let plan = FileAnswer.plan(file, head, headBytes.bytes) { loop.random() }
            answer.source = .file
            send(plan) { plan.writeHead(to: &$0) }
            perform(exchange.answeredWithoutWorker(keepClient: answer.keepClient))
            return true
        }
    }

    /// The head that `write` writes, with the fields that every answer has, and the file's part behind it.
    func send(_ plan: FileAnswer, _ write: (inout ByteWriter) -> Void) {
        answer.status = plan.status
        answer.keepClient = head.keepAlive && keepsClient
        guard writeOwnHead(FileAnswer.largestHead, known: FieldSet(), write) else { return }
        sendOwn(plan)
    }

    /// Into the loop's scratch: what `write` writes, Date and Server, `set_headers`, Connection.
    func writeOwnHead(_ size: Int, known: FieldSet, _ write: (inout ByteWriter) -> Void) -> Bool {
        let fields = loop.answerFields
        let set = route?.setFields ?? []
        loop.scratch.removeAll()
        return loop.scratch.write(size + fields.count + set.count + 64) { memory in
            var writer = ByteWriter(memory)
            write(&writer)
            fields.write(known, to: &writer)
            // The status line has no colon before its end, and no field's name.
            if let replaced = route?.replaced { writer.removeFields(replaced, from: 0) }
            set.withUnsafeBytes { writer.write($0) }
            writeConnection(to: &writer)
            return AnswerHead.end(&writer)
        }
    }

    private func writeConnection(to writer: inout ByteWriter) {
        guard !transport.isMessageFramed else { return }
        if !answer.keepClient {
            writer.write("Connection: close\r\n")
        } else if head.versionMinor == 0 {
            writer.write("Connection: keep-alive\r\n")
        }
    }

    func sendOwn(_ plan: FileAnswer) {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        switch plan.body {
        case .none: transport.sendHead(loop.scratch.bytes, nothing)
        case .file(let range):
            if let content = plan.file.content {
                answer.bodyBytes += range.count
                content.withUnsafeBytes {
                    transport.sendHead(loop.scratch.bytes, UnsafeRawBufferPointer(rebasing: $0[range]))
                }
            } else {
                transport.sendHeadOfFile(loop.scratch.bytes)
                send(plan.file, range)
            }
        case .pieces(let pieces):
            transport.sendHead(loop.scratch.bytes, nothing)
            for piece in pieces {
                switch piece {
                case .bytes(let bytes):
                    answer.bodyBytes += bytes.count
                    bytes.withUnsafeBytes { transport.sendBody($0) }
                case .file(let range): send(plan.file, range)
                }
            }
        }
        transport.endMessage()
        checkBackPressure()
    }

    private func send(_ file: OpenFile, _ range: Range<Int>) {
        answer.bodyBytes += range.count
        transport.sendFile(SentFile(file), from: range.lowerBound, count: range.count)
    }

    // MARK: The response cache

    /// Looks before the worker is asked; goes on by itself when there is nothing.
    func askCache(_ request: ExchangeStateMachine.Request) {
        guard let route, let cache = loop.cache, let generation = loop.pool.liveGeneration(route.app) else {
            return perform(exchange.requestHead(request))
        }
        let question: CacheRequest
        do throws(CacheBypass) {
            question = try CacheRequest(
                head, headBytes.bytes, app: route.name, generation: generation, isSecure: origin?.isSecure ?? false,
                trustsForwarding: peer.fields.isTrusted, settings: route.http.cache)
        } catch {
            return perform(exchange.requestHead(request))
        }
        let waiter = cacheWaiter ?? CacheWaiterBox(self)
        cacheWaiter = waiter
        perform(exchange.requestHead(request, looksFirst: true))
        cacheAnswered(cache.lookUp(question, waiter: waiter, now: loop.instant))
    }

    func cacheAnswered(_ answered: CacheAnswer) {
        cacheTicket = nil
        guard case .looking = exchange.state else {
            // The client has left meanwhile.
            if case .lead(let token) = answered { loop.cache?.abandon(token, now: loop.instant) }
            return
        }
        switch answered {
        case .hit(let hit): serve(hit)
        case .lead(let token):
            cacheToken = token
            perform(exchange.foundNothing())
        case .pass: perform(exchange.foundNothing())
        case .wait(let ticket): cacheTicket = ticket
        case .notCached: perform(exchange.requestRefused(.notCached))
        }
    }

    private func serve(_ hit: CacheHit) {
        answer.source = .cache
        answer.status = hit.head.status
        answer.keepClient = head.keepAlive && keepsClient
        let isWritten = hit.headBytes.withUnsafeBytes { bytes in beginAnswer(hit.head, bytes, age: hit.age) }
        guard isWritten else { return transport.close(resetting: false) }
        let body = hit.sendsBody ? hit.answer.body : []
        body.withUnsafeBytes { deliver($0) }
        endDelivery()
        perform(exchange.answeredWithoutWorker(keepClient: answer.keepClient))
    }

    /// On every way out of an exchange.
    func leaveCache() {
        if let token = take(&cacheToken) { loop.cache?.abandon(token, now: loop.instant) }
        if let ticket = take(&cacheTicket) { loop.cache?.cancelWait(ticket) }
        isFillingCache = false
    }
}

/// A static file as a socket sends it.
final class SentFile: SendableFile {
    private let file: OpenFile
    init(_ file: OpenFile) { self.file = file }
    var descriptor: Int32 { file.number }
}

/// The cache's way back to a connection that waits for another one's answer, from any thread.
final class CacheWaiterBox: CacheWaiter {
    private let eventLoop: SocketLoop
    private let connection: NIOLoopBound<ClientConnection>

    init(_ connection: ClientConnection) {
        eventLoop = connection.loop.eventLoop
        self.connection = NIOLoopBound(connection, eventLoop: eventLoop)
    }

    func cacheAnswered(_ answer: CacheAnswer) {
        eventLoop.execute { [connection] in connection.value.cacheAnswered(answer) }
    }
}
