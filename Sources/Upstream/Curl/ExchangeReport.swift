package import Domain

/// What one exchange took, told when it has ended. What making its connection took is told by ``ConnectionReport``.
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
    /// Calls on the connection when this one began, itself included; 0 if that is not known.
    package let callsOnConnection: Int
    /// 1 if the request was begun anew: its connection was dead before a byte was sent, or its stream was refused.
    package let repeats: Int
    /// From the request's departure to the answer's first byte; nil if none came.
    package let firstByte: Duration?
    /// The longest wait between two arrivals of an answer; nil if no body came. Waits for our own reader do not count.
    package let longestGap: Duration?
    /// From the start to the end.
    package let total: Duration
}
