import Glibc

/// The server's end of a connection inside this process, found among the process's file descriptors.
enum AcceptedSocket {
    /// - Parameters:
    ///   - client: the client's port.
    ///   - server: the port that it connected to.
    static func find(from client: Int, to server: Int) -> Int32? {
        (0..<Int32(clamping: sysconf(Int32(_SC_OPEN_MAX)))).prefix(65_536).first { descriptor in
            port(descriptor, getsockname) == server && port(descriptor, getpeername) == client
        }
    }

    static func hasNoDelay(_ descriptor: Int32) -> Bool {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &value, &length) == 0 && value != 0
    }

    private typealias Reader = (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32

    private static func port(_ descriptor: Int32, _ read: Reader) -> Int? {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // sockaddr_in begins as sockaddr does; the calls write no more than `length`.
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { read(descriptor, $0, &length) }
        }
        return result == 0 && address.sin_family == sa_family_t(AF_INET)
            ? Int(UInt16(bigEndian: address.sin_port)) : nil
    }
}
