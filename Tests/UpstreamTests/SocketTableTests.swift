import Glibc
import Testing

@testable import Upstream

struct SocketTableTests {
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

    private func serial(of socket: Int32, in table: inout SocketTable, port: UInt16) throws -> Int {
        let serial = table.serial(of: ends(of: socket, port: port))
        return try #require(serial)
    }

    @Test func `a connection is known by its ends and alive until its peer ends it`() throws {
        let server = try LoopbackServer { connection in _ = connection.readRequest() }
        var table = SocketTable()
        let (first, second) = (connect(to: server.port), connect(to: server.port))
        defer { [first, second].forEach { close($0) } }
        table.opened(first, path: "a")
        table.opened(second, path: "b")
        let (kept, ended) = (
            try serial(of: first, in: &table, port: server.port), try serial(of: second, in: &table, port: server.port)
        )
        #expect(kept != ended && !table.wasAlive(serial: kept), "of HTTP/1.1 nothing follows")
        for serial in [kept, ended] { table.noteHTTP2(on: serial) }
        #expect(table.wasAlive(serial: kept) && table.wasAlive(serial: ended))
        let paths = [table.closing(first), table.closing(first)]
        #expect(paths == ["a", nil])
        #expect(table.wasAlive(serial: kept), "we closed it, not the peer")
        let closed = table.serial(of: ends(of: first, port: server.port))
        #expect(closed == nil)

        send(second, "GET / HTTP/1.1\r\n\r\n", 18, 0)  // its script ends, and with it the connection
        var byte: UInt8 = 0
        #expect(recv(second, &byte, 1, 0) == 0)
        #expect(!table.wasAlive(serial: ended))
        let path = table.closing(second)
        #expect(path == "b" && !table.wasAlive(serial: ended))
    }

    @Test func `a number is never given to a second connection`() throws {
        let server = try LoopbackServer { connection in _ = connection.readRequest() }
        var table = SocketTable()
        let first = connect(to: server.port)
        table.opened(first, path: "a")
        let number = try serial(of: first, in: &table, port: server.port)
        _ = table.closing(first)
        close(first)
        let second = connect(to: server.port)
        defer { close(second) }
        table.opened(second, path: "a")
        let another = try serial(of: second, in: &table, port: server.port)
        #expect(another != number)
    }
}
