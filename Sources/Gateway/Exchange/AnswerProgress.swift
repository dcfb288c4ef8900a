import AccessLog
import Compression
import HTTP1
import StaticFiles

/// How an answer goes to the client.
struct AnswerProgress {
    enum Framing { case passThrough, chunkEncode, chunkDecode }
    var framing = Framing.passThrough
    /// The head is in `loop.scratch`, to leave together with the first of the body.
    var headIsPending = false
    var status = 0
    var isError = false
    var keepClient = true
    var headOnly = false
    /// The client finds the answer's end by the end of the connection (HTTP/1.0).
    var endsByClose = false
    /// Its length is not known beforehand: it may be a stream.
    var isOpenEnded = false
    var interimCount = 0
    var bodyBytes = 0
    var gzip: GzipStream?
    var source = AnswerSource.worker
    /// A fingerprinted name that no release has: a 404 for it must not be stored, the next release may have it.
    var isMissingAsset = false
    /// The app named a file: it stands for the body.
    var file: FileAnswer?

    mutating func dropGzip(_ loop: LoopContext) {
        if let gzip {
            self.gzip = nil
            loop.gzip.giveBack(gzip)
        }
    }
}

/// How a client's connection wants an answer's body from the worker's.
enum UpstreamBodyForm {
    /// With the framing that it came in.
    case asItIs
    /// Without chunks.
    case decoded
}
