/// Parses response heads of workers, as strictly as request heads. Call it again for the final head after a 1xx.
package struct ResponseHeadParser: Sendable {
    package init(limits: HeadLimits = HeadLimits()) {}
    package mutating func reset() {}
    /// `method` is that of the request: it decides whether there is a body.
    package mutating func parse(
        _ bytes: UnsafeRawBufferPointer, requestMethod method: Method, into head: inout ResponseHead
    ) -> HeadResult { .needMore }
}
