import CCurl
import Glibc

/// What the system said to one exchange's sockets; tells whether it failed for want of descriptors, ports or memory here.
struct SocketScarcity {
    /// A name takes two to resolve and one to connect to, its certificate one more.
    private static let descriptorsOfACall = 4
    private static let shortages: Set<Int32> = [EMFILE, ENFILE, ENOMEM, ENOBUFS]

    /// Of the last socket; 0 if it could be opened.
    private var socketError: Int32 = 0
    private var hasTriedIPv6 = false

    mutating func openedSocket(family: Int32, error: Int32) {
        socketError = error
        if family == AF_INET6 { hasTriedIPv6 = true }
    }

    /// - Parameters:
    ///   - code: how the exchange ended.
    ///   - systemError: the last one that libcurl met while it connected.
    ///   - hasSpareDescriptors: asked only for failures that do not say what the system said.
    func explains(_ code: CURLcode, systemError: Int32, hasSpareDescriptors: () -> Bool) -> Bool {
        switch code {
        case CURLE_OUT_OF_MEMORY: true
        case CURLE_COULDNT_CONNECT:
            Self.shortages.contains(socketError) || Self.shortages.contains(systemError)
                // No free port; but to IPv6 it is said of a machine that has no address of that kind, too.
                || (systemError == EADDRNOTAVAIL && !hasTriedIPv6)
        case CURLE_INTERFACE_FAILED: systemError == EADDRINUSE  // no free port; an address not ours is EADDRNOTAVAIL
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_SSL_CACERT_BADFILE: !hasSpareDescriptors()
        default: false
        }
    }

    /// Whether this process could open as many descriptors as a call may need.
    static func hasSpareDescriptors() -> Bool {
        var opened: [Int32] = []
        defer { for descriptor in opened { close(descriptor) } }
        for _ in 0..<descriptorsOfACall {
            let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { return false }
            opened.append(descriptor)
        }
        return true
    }
}
