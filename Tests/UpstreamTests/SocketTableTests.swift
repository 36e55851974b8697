import Domain
import Glibc
import Testing

@testable import Upstream

struct SocketTableTests {
    private func path(_ id: String) -> EgressPath {
        EgressPath(id: id, route: .source(id))
    }

    private func connect(to port: UInt16) -> Int32 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        // sockaddr_in begins as sockaddr does; the call reads no more than its size.
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                Glibc.connect(socket, generic, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(result == 0, "loopback refuses a connection")
        return socket
    }

    private func ends(of socket: Int32, port: UInt16) -> SocketTable.Ends {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // As above; the call writes no more than `length`.
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(socket, $0, &length) }
        }
        return SocketTable.Ends(
            peer: "127.0.0.1", peerPort: port, local: "127.0.0.1", localPort: UInt16(bigEndian: address.sin_port))
    }

    private func begin(on socket: Int32, in table: inout SocketTable, port: UInt16) throws -> SocketTable.Beginning {
        let beginning = table.began(between: ends(of: socket, port: port), openedFor: [socket])
        return try #require(beginning)
    }

    @Test func `a connection is known by its ends and alive until its peer ends it`() throws {
        let server = try LoopbackServer { connection in _ = connection.readRequest() }
        defer { withExtendedLifetime(server) {} }
        var table = SocketTable()
        let (first, second) = (connect(to: server.port), connect(to: server.port))
        defer { [first, second].forEach { close($0) } }
        _ = table.opened(first, path: path("a"))
        _ = table.opened(second, path: path("b"))
        let kept = try begin(on: first, in: &table, port: server.port).serial
        let ended = try begin(on: second, in: &table, port: server.port).serial
        #expect(kept != ended && !table.wasAlive(serial: kept), "of HTTP/1.1 nothing follows")
        for serial in [kept, ended] { table.noteHTTP2(on: serial) }
        #expect(table.wasAlive(serial: kept) && table.wasAlive(serial: ended))
        let changes = [table.closing(first), table.closing(first)]
        #expect(changes == [SocketChange(path: "a", open: -1), nil])
        #expect(table.wasAlive(serial: kept), "we closed it, not the peer")
        let closed = table.began(between: ends(of: first, port: server.port), openedFor: [])
        #expect(closed == nil)

        send(second, "GET / HTTP/1.1\r\n\r\n", 18, 0)  // its script ends, and with it the connection
        var byte: UInt8 = 0
        #expect(recv(second, &byte, 1, 0) == 0)
        #expect(!table.wasAlive(serial: ended))
        let change = table.closing(second)
        #expect(change?.path == "b" && !table.wasAlive(serial: ended))
    }

    @Test func `a connection that another call opened is found by its ends, and no other socket is asked for its own`()
        throws
    {
        let server = try LoopbackServer { connection in _ = connection.readRequest() }
        var table = SocketTable()
        let (first, second) = (connect(to: server.port), connect(to: server.port))
        defer { [first, second].forEach { close($0) } }
        for socket in [first, second] { _ = table.opened(socket, path: path("a")) }
        let opener = try begin(on: first, in: &table, port: server.port)
        #expect(table.carriedOne(serial: opener.serial))
        let found = table.began(between: ends(of: first, port: server.port), openedFor: [])
        let other = try #require(found)
        #expect(other.serial == opener.serial && [opener.calls, other.calls] == [1, 2])
        #expect(!table.carriedOne(serial: opener.serial))
        let stranger = table.began(between: ends(of: second, port: server.port), openedFor: [])
        #expect(stranger == nil, "nobody has said that it has been connected")
    }

    @Test func `whether another call ever began on a connection is known after it has closed, too`() throws {
        let server = try LoopbackServer { connection in _ = connection.readRequest() }
        var table = SocketTable()
        let sockets = (0..<3).map { _ in connect(to: server.port) }
        defer { sockets.forEach { close($0) } }
        for socket in sockets { _ = table.opened(socket, path: path("a")) }
        let serials = try sockets.map { try begin(on: $0, in: &table, port: server.port).serial }
        _ = table.ended(on: serials[1])
        _ = try begin(on: sockets[1], in: &table, port: server.port)
        for socket in sockets[..<2] { _ = table.closing(socket) }
        let known = serials.map { table.carriedOne(serial: $0) }
        #expect(known == [true, false, true], "the second carried one after the other")
        table.beganSomewhere()
        #expect(!table.carriedOne(serial: serials[2]), "it may have been there")
        _ = table.closing(sockets[2])
        #expect(!table.carriedOne(serial: serials[2]) && !table.carriedOne(serial: 99))
    }

    @Test func `a connection is idle between calls, and found as such by its path`() throws {
        let server = try LoopbackServer { connection in _ = connection.readRequest() }
        var table = SocketTable()
        let socket = connect(to: server.port)
        defer { close(socket) }
        var idle = [table.opened(socket, path: path("a")).idle]
        let serial = try begin(on: socket, in: &table, port: server.port).serial
        idle.append(try begin(on: socket, in: &table, port: server.port).change.idle)
        for _ in 0..<2 { idle.append(table.ended(on: serial)?.idle ?? .min) }
        let found = (table.idle { $0.id == "a" }, table.idle { $0.id == "b" }, table.idle(serial) { $0.id == "a" })
        #expect(found.0 == [socket] && found.1 == [] && found.2 == socket)
        idle.append(try begin(on: socket, in: &table, port: server.port).change.idle)
        let busy = (table.idle { _ in true }, table.idle(serial) { _ in true })
        #expect(busy.0 == [] && busy.1 == nil)
        _ = table.ended(on: serial)
        idle.append(table.closing(socket)?.idle ?? .min)
        #expect(idle == [0, 0, 0, 1, -1, -1])
        let late = table.ended(on: serial)
        #expect(late == nil, "closed before its call had ended")
    }

    @Test func `a socket is connecting until a call has begun on it, or it is closed`() throws {
        let server = try LoopbackServer { connection in _ = connection.readRequest() }
        var table = SocketTable()
        let (winner, loser) = (connect(to: server.port), connect(to: server.port))
        defer { [winner, loser].forEach { close($0) } }
        let opened = [winner, loser].map { table.opened($0, path: path("a")) }
        #expect(opened.allSatisfy { $0 == SocketChange(path: "a", open: 1, connecting: 1) })
        let first = try begin(on: winner, in: &table, port: server.port).change
        let second = try begin(on: winner, in: &table, port: server.port).change
        #expect(first.connecting == -1 && second.isNone)
        let closed = [table.closing(loser), table.closing(winner)]
        #expect(closed.map { $0?.connecting } == [-1, 0])
    }

    @Test func `a number is never given to a second connection`() throws {
        let server = try LoopbackServer { connection in _ = connection.readRequest() }
        var table = SocketTable()
        let first = connect(to: server.port)
        _ = table.opened(first, path: path("a"))
        let number = try begin(on: first, in: &table, port: server.port).serial
        _ = table.closing(first)
        close(first)
        let second = connect(to: server.port)
        defer { close(second) }
        _ = table.opened(second, path: path("a"))
        let another = try begin(on: second, in: &table, port: server.port).serial
        #expect(another != number)
    }
}
