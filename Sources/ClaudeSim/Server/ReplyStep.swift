import NIOCore
import NIOHTTP1

/// One thing a connection does to answer a request. An answer is a list of them, decided before the first is done.
enum ReplyStep: Equatable, Sendable {
    /// Sends what is written so far, then waits.
    case wait(Duration)
    case head(status: Int, HTTPHeaders)
    case bytes(ByteBuffer)
    /// The answer is complete; the connection may take the next request.
    case end
    /// A TCP reset.
    case reset
    /// Nothing more ever happens; the client has to give up.
    case hang
}
