import Testing

/// Everything with real sockets, one test at a time: they share two processors.
@Suite("The gateway over real sockets", .serialized, .timeLimit(.minutes(5)))
struct SocketTests {}
