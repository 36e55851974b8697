import FoundationEssentials
import Glibc

/// What the system knows of this process. Other tests run beside: ask for what is yours alone.
enum OwnProcess {
    /// Our ends of connections to `port`.
    static func sockets(connectedTo port: UInt16) -> [Int32] {
        // With all tests at a time there are thousands of open files.
        (0..<65_536).filter { socket in
            var address = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            // sockaddr_in begins as sockaddr does; the call writes no more than `length`.
            let result = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(socket, $0, &length) }
            }
            return result == 0 && address.sin_family == AF_INET && UInt16(bigEndian: address.sin_port) == port
        }
    }

    /// How many threads go by this name, of 15 bytes at most.
    static func threads(named name: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count { thread in
            // A thread may end while we read.
            let read = try? String(contentsOfFile: "/proc/self/task/\(thread)/comm", encoding: .utf8)
            return read == name + "\n"
        }
    }

    /// By Linux's numbers in netinet/tcp.h, which Swift's Glibc module leaves out.
    enum TCPOption: Int32 {
        /// s
        case keepAliveAfter = 4
        /// s
        case keepAliveEvery = 5
        /// ms
        case userTimeout = 18
    }

    static func option(_ option: TCPOption, of socket: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(socket, Int32(IPPROTO_TCP), option.rawValue, &value, &length) == 0 ? value : nil
    }
}
