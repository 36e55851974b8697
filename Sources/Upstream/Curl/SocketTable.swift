import CCurl
import Glibc

/// The open sockets of an engine: whose they are, and which HTTP/2 connections had not ended when libcurl gave them up.
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
        let path: String
        /// Known once it is connected and somebody asks.
        var ends: Ends?
    }

    /// Connections closed alive that are remembered: those of calls that are begun anew a moment later.
    private static let memory = 64

    private var entries: [curl_socket_t: Entry] = [:]
    private var socketOf: [Ends: curl_socket_t] = [:]
    private var closedAlive: [Int] = []
    /// The open connections on which HTTP/2 was answered.
    private var multiplexed: Set<Int> = []
    private var nextSerial = 0

    mutating func opened(_ socket: curl_socket_t, path: String) {
        entries[socket] = Entry(serial: nextSerial, path: path)
        nextSerial += 1
    }

    /// Call before it is closed. Returns its egress path; nil for one that was not opened here.
    mutating func closing(_ socket: curl_socket_t) -> String? {
        guard let entry = entries.removeValue(forKey: socket) else { return nil }
        if let ends = entry.ends { socketOf[ends] = nil }
        if multiplexed.remove(entry.serial) != nil, Self.isAlive(socket) {
            closedAlive.append(entry.serial)
            if closedAlive.count > Self.memory { closedAlive.removeFirst() }
        }
        return entry.path
    }

    /// The number of the connection between `ends`, which no other ever has; nil if it is not known.
    mutating func serial(of ends: Ends) -> Int? {
        if socketOf[ends] == nil { findEnds() }
        return socketOf[ends].flatMap { entries[$0]?.serial }
    }

    /// HTTP/2 was answered on this connection.
    mutating func noteHTTP2(on serial: Int) {
        multiplexed.insert(serial)
    }

    /// Whether this is an HTTP/2 connection that its peer had not ended, as far as this machine has heard: it is open, or we
    /// closed it. Of HTTP/1.1 nothing follows from that: TLS may have been ended, and the connection's end be on its way.
    func wasAlive(serial: Int) -> Bool {
        if closedAlive.contains(serial) { return true }
        guard multiplexed.contains(serial) else { return false }
        return entries.first { $0.value.serial == serial }.map { Self.isAlive($0.key) } ?? false
    }

    private mutating func findEnds() {
        for (socket, entry) in entries where entry.ends == nil {
            guard let local = Self.name(of: socket, getsockname), let peer = Self.name(of: socket, getpeername) else {
                continue
            }
            let ends = Ends(peer: peer.address, peerPort: peer.port, local: local.address, localPort: local.port)
            entries[socket]?.ends = ends
            socketOf[ends] = socket
        }
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
