package import Domain

/// What one exchange took, phase by phase, told when it has ended.
package struct ExchangeReport: Hashable, Sendable {
    /// What the request went over.
    package enum Connection: String, Hashable, Sendable {
        case new, reused
        /// There was none: the request never left.
        case none
    }

    /// An egress path's id.
    package let path: String
    /// What went wrong; nil for a complete answer.
    package let failure: TransportFailure.Kind?
    package let connection: Connection
    /// Times that the request was begun anew: its connection was dead before a byte was sent, or its stream was refused.
    package let repeats: Int
    /// From the start to a usable connection: name, TCP, proxy and TLS. nil if a connection was reused or none was made.
    package let connect: Duration?
    /// From the request's departure to the answer's first byte; nil if none came.
    package let firstByte: Duration?
    /// The longest wait between two arrivals of an answer; nil if no body came. Waits for our own reader do not count.
    package let longestGap: Duration?
    /// From the start to the end.
    package let total: Duration
}

/// Is told what a transport does, on the transport's threads: it must return at once.
package protocol TransportObserver: Sendable {
    func exchangeEnded(_ report: ExchangeReport)
    /// A socket of this egress path was opened (1) or closed (-1).
    func socketsChanged(path: String, by change: Int)
}
