import Glibc
import Synchronization

/// An HTTP server of a few lines on loopback, whose answers a test writes byte by byte. Each connection has its thread.
final class LoopbackServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let accepted = Mutex(0)
    private let script: @Sendable (Connection) -> Void

    /// How many connections have been accepted.
    var connections: Int { accepted.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(port)" }

    /// - Parameter script: plays one connection, which is closed when it returns.
    init(_ script: @escaping @Sendable (Connection) -> Void) throws {
        self.script = script
        (listener, port) = try Self.listen()
        Self.spawn { [listener, weak self] in
            // Closed here alone: another server's may get its number, and its calls would be accepted by this thread.
            defer { close(listener) }
            while true {
                let socket = accept(listener, nil, nil)
                guard socket >= 0 else { return }
                guard let self else {
                    close(socket)
                    return
                }
                accepted.withLock { $0 += 1 }
                Self.spawn { [script] in
                    let connection = Connection(socket: socket)
                    script(connection)
                    connection.close()
                }
            }
        }
    }

    deinit {
        Glibc.shutdown(listener, Int32(SHUT_RDWR))
    }

    /// A port on which nobody listens.
    static func closedPort() throws -> UInt16 {
        let (socket, port) = try listen()
        close(socket)
        return port
    }

    private static func listen() throws -> (Int32, UInt16) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // sockaddr_in begins as sockaddr does; the calls read no more than `length`.
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(listener, generic, length) | Glibc.listen(listener, 128) | getsockname(listener, generic, &length)
            }
        }
        guard result == 0 else { throw SystemFailure(errno: errno) }
        return (listener, UInt16(bigEndian: address.sin_port))
    }

    struct SystemFailure: Error {
        let errno: Int32
    }

    private static func spawn(_ body: @escaping @Sendable () -> Void) {
        final class Box {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { box in
                if let box { Unmanaged<Box>.fromOpaque(box).takeRetainedValue().body() }
                return nil
            }, Unmanaged.passRetained(Box(body)).toOpaque())
        pthread_detach(thread)
    }
}

/// One accepted connection, used by its own thread.
final class Connection {
    private let socket: Int32
    private var buffer: [UInt8] = []
    private var isClosed = false

    init(socket: Int32) {
        self.socket = socket
    }

    struct Request {
        /// Up to and with the empty line.
        let head: String
        let body: [UInt8]
    }

    /// The next request; nil once the client has closed.
    func readRequest() -> Request? {
        while true {
            if let end = buffer.firstRange(of: Array("\r\n\r\n".utf8)) {
                return readBody(after: String(decoding: buffer[..<end.upperBound], as: UTF8.self))
            }
            guard fill() else { return nil }
        }
    }

    private func readBody(after head: String) -> Request? {
        let start = head.utf8.count
        var length = 0
        for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix("content-length:") {
            length = Int(line.dropFirst(15).filter { $0 != " " }) ?? 0
        }
        while buffer.count < start + length { guard fill() else { return nil } }
        let body = Array(buffer[start..<start + length])
        buffer.removeFirst(start + length)
        return Request(head: head, body: body)
    }

    private func fill() -> Bool {
        var piece = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &piece, piece.count, 0)
        guard count > 0 else { return false }
        buffer += piece[..<count]
        return true
    }

    func send(_ text: String) {
        send(Array(text.utf8))
    }

    /// Waits until the system has taken all of it, or the client is gone.
    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    func answer(_ body: [UInt8], status: String = "200 OK") {
        send(Array("HTTP/1.1 \(status)\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body)
    }

    /// Waits until the client closes.
    func waitForClose() {
        while fill() {}
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        Glibc.close(socket)
    }

    /// Closes so that the client sees a reset.
    func reset() {
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        close()
    }
}
