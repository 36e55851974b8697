import CCurl
import Domain
import Glibc

/// The open sockets of an engine: whose they are, how many calls are on each, and of those that were closed a moment ago what
/// tells whether a call may be begun anew. Only ``idle(where:)`` and ``beganSomewhere()`` look through all of them.
struct SocketTable {
    /// A connection by its two ends, as libcurl names them.
    struct Ends: Hashable {
        let peer: String
        let peerPort: UInt16
        let local: String
        let localPort: UInt16
    }

    private struct Entry {
        let serial: Int
        let path: EgressPath
        /// Known once a call has begun on it.
        var ends: Ends?
        /// On it now.
        var calls = 0
        /// How many have ever begun on it; nil if that is not sure.
        var begun: Int? = 0
        /// Whether no call is known to have begun on it.
        var isConnecting = true
        /// Whether it has carried a call and now waits for another.
        var isIdle = false
        /// Whether it speaks HTTP/2.
        var isMultiplexed = false
    }

    /// Closed connections that are remembered: those of calls that are begun anew a moment later.
    private static let memory = 64

    private var entries: [curl_socket_t: Entry] = [:]
    private var socketOfEnds: [Ends: curl_socket_t] = [:]
    private var socketOfSerial: [Int: curl_socket_t] = [:]
    private var closedAlive: [Int] = []
    private var closedAfterOne: [Int] = []
    private var nextSerial = 0

    mutating func opened(_ socket: curl_socket_t, path: EgressPath) -> SocketChange {
        entries[socket] = Entry(serial: nextSerial, path: path)
        socketOfSerial[nextSerial] = socket
        nextSerial += 1
        return SocketChange(path: path.id, open: 1, connecting: 1)
    }

    /// Call before it is closed. nil for one that was not opened here.
    mutating func closing(_ socket: curl_socket_t) -> SocketChange? {
        guard let entry = entries.removeValue(forKey: socket) else { return nil }
        socketOfSerial[entry.serial] = nil
        if let ends = entry.ends { socketOfEnds[ends] = nil }
        if entry.isMultiplexed, Self.isAlive(socket) { Self.remember(entry.serial, in: &closedAlive) }
        if entry.begun == 1 { Self.remember(entry.serial, in: &closedAfterOne) }
        return SocketChange(
            path: entry.path.id, open: -1, connecting: entry.isConnecting ? -1 : 0, idle: entry.isIdle ? -1 : 0)
    }

    private static func remember(_ serial: Int, in closed: inout [Int]) {
        closed.append(serial)
        if closed.count > memory { closed.removeFirst() }
    }

    /// A call begins on a connection.
    struct Beginning {
        /// The connection's number, which no other ever has.
        let serial: Int
        /// On the connection now, this one included.
        let calls: Int
        let change: SocketChange
    }

    /// A call begins on the connection between `ends`; nil if that is not known.
    /// - Parameter candidates: the sockets that were opened for this call. Any other connection has carried a call before,
    ///   and is known by its ends since then.
    mutating func began(between ends: Ends, openedFor candidates: [curl_socket_t]) -> Beginning? {
        if socketOfEnds[ends] == nil { for socket in candidates { nameEnds(of: socket) } }
        guard let socket = socketOfEnds[ends], var entry = entries[socket] else { return nil }
        let change = SocketChange(
            path: entry.path.id, connecting: entry.isConnecting ? -1 : 0, idle: entry.isIdle ? -1 : 0)
        entry.calls += 1
        entry.begun = entry.begun.map { $0 + 1 }
        (entry.isConnecting, entry.isIdle) = (false, false)
        entries[socket] = entry
        return Beginning(serial: entry.serial, calls: entry.calls, change: change)
    }

    /// A call has begun on a connection that is not known: any of the open ones may be it.
    mutating func beganSomewhere() {
        for socket in entries.keys { entries[socket]?.begun = nil }
    }

    /// Whether one call has begun on this connection, and surely no other.
    func carriedOne(serial: Int) -> Bool {
        if closedAfterOne.contains(serial) { return true }
        return socketOfSerial[serial].flatMap { entries[$0]?.begun } == 1
    }

    /// A call is no longer on this connection; nil if that has been closed meanwhile.
    mutating func ended(on serial: Int) -> SocketChange? {
        guard let socket = socketOfSerial[serial], var entry = entries[socket] else { return nil }
        entry.calls -= 1
        entry.isIdle = entry.calls == 0
        entries[socket] = entry
        return SocketChange(path: entry.path.id, idle: entry.isIdle ? 1 : 0)
    }

    /// The connections that wait for a call of paths that `isMeant` picks.
    func idle(where isMeant: (EgressPath) -> Bool) -> [curl_socket_t] {
        entries.compactMap { $0.value.isIdle && isMeant($0.value.path) ? $0.key : nil }
    }

    /// The connection of this number if it waits for a call of a path that `isMeant` picks.
    func idle(_ serial: Int, where isMeant: (EgressPath) -> Bool) -> curl_socket_t? {
        guard let socket = socketOfSerial[serial], let entry = entries[socket] else { return nil }
        return entry.isIdle && isMeant(entry.path) ? socket : nil
    }

    /// HTTP/2 is spoken on this connection.
    mutating func noteHTTP2(on serial: Int) {
        guard let socket = socketOfSerial[serial] else { return }
        entries[socket]?.isMultiplexed = true
    }

    /// Whether this is an HTTP/2 connection that its peer had not ended, as far as this machine has heard: it is open, or we
    /// closed it. Of HTTP/1.1 nothing follows from that: TLS may have been ended, and the connection's end be on its way.
    func wasAlive(serial: Int) -> Bool {
        if closedAlive.contains(serial) { return true }
        guard let socket = socketOfSerial[serial], entries[socket]?.isMultiplexed == true else { return false }
        return Self.isAlive(socket)
    }

    private mutating func nameEnds(of socket: curl_socket_t) {
        guard entries[socket]?.ends == nil, let local = Self.name(of: socket, getsockname),
            let peer = Self.name(of: socket, getpeername)
        else { return }
        let ends = Ends(peer: peer.address, peerPort: peer.port, local: local.address, localPort: local.port)
        entries[socket]?.ends = ends
        socketOfEnds[ends] = socket
    }

    /// Unread bytes count as alive: libcurl cannot have met the end behind them.
    private static func isAlive(_ socket: curl_socket_t) -> Bool {
        var byte: UInt8 = 0
        let count = recv(socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
        return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))
    }

    private static func name(
        of socket: curl_socket_t,
        _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> (address: String, port: UInt16)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        // A sockaddr_storage holds an address of any family; the calls write no more than `length`.
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                guard ask(socket, generic, &length) == 0, let port = SocketAddress.port(of: generic) else { return nil }
                return (SocketAddress.text(of: generic), port)
            }
        }
    }
}
