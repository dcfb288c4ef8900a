/// Parses request heads, strictly (DESIGN section 9), as their bytes arrive.
///
/// `bytes` of each call starts at the head's first byte and is as long as what was received so far. Looked-at lines are
/// not looked at again. The parser is ready for the next message after `.complete`; after `.rejected` it is not.
package struct RequestHeadParser: Sendable {
    package init(limits: HeadLimits = HeadLimits()) {}
    package mutating func reset() {}
    package mutating func parse(_ bytes: UnsafeRawBufferPointer, into head: inout RequestHead) -> HeadResult {
        .needMore
    }
}
