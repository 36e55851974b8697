/// Is told what a transport does, on the transport's threads: it must return at once.
package protocol TransportObserver: Sendable {
    func exchangeEnded(_ report: ExchangeReport)
    /// A connection was made, and its first request is about to be written.
    func connected(_ report: ConnectionReport)
    /// A connection over this egress path needs the address of a name, which the transport remembers or asks for.
    func resolving(path: String, isRemembered: Bool)
    func socketsChanged(_ change: SocketChange)
    /// From now on calls go over the egress paths with these ids alone.
    func pathsKept(_ ids: Set<String>)
}

/// By how much the numbers of one egress path's sockets have changed.
package struct SocketChange: Hashable, Sendable {
    /// An egress path's id.
    package let path: String
    package let open: Int
    /// Of the open ones, those that no call has begun on.
    package let connecting: Int
    /// Of the open ones, those that wait for a call.
    package let idle: Int

    package init(path: String, open: Int = 0, connecting: Int = 0, idle: Int = 0) {
        self.path = path
        self.open = open
        self.connecting = connecting
        self.idle = idle
    }

    /// Both, one after the other.
    package func adding(_ next: SocketChange) -> SocketChange {
        SocketChange(
            path: path, open: open + next.open, connecting: connecting + next.connecting, idle: idle + next.idle)
    }

    var isNone: Bool { open == 0 && connecting == 0 && idle == 0 }
}
