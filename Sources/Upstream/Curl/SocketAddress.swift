import CCurl  // its headers bring the socket types too, and which module they count as is up to the compiler
import Glibc

/// Reads IP addresses out of what the system and libcurl hand over.
enum SocketAddress {
    /// The address in network order, 4 or 16 bytes; nil for other families.
    static func bytes(of address: UnsafeMutablePointer<sockaddr>) -> [UInt8]? {
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            // The family says that the memory holds a sockaddr_in, which may be read as raw bytes.
            guard let offset = MemoryLayout<sockaddr_in>.offset(of: \.sin_addr) else { return nil }
            return Array(UnsafeRawBufferPointer(start: raw + offset, count: 4))
        case AF_INET6:
            guard let offset = MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr) else { return nil }
            return Array(UnsafeRawBufferPointer(start: raw + offset, count: 16))
        default:
            return nil
        }
    }

    /// The port; nil for other families.
    static func port(of address: UnsafeMutablePointer<sockaddr>) -> UInt16? {
        let family = Int32(address.pointee.sa_family)
        guard family == AF_INET || family == AF_INET6 else { return nil }
        // Both families keep the port, in network order, right after the family.
        guard let offset = MemoryLayout<sockaddr_in>.offset(of: \.sin_port) else { return nil }
        return UInt16(bigEndian: UnsafeRawPointer(address).loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// The address that `text` spells, without brackets; nil if it is none.
    static func bytes(ofText text: String) -> [UInt8]? {
        let plain = text.prefix { $0 != "%" }
        let family = plain.contains(":") ? AF_INET6 : AF_INET
        var bytes = [UInt8](repeating: 0, count: family == AF_INET6 ? 16 : 4)
        return inet_pton(family, String(plain), &bytes) == 1 ? bytes : nil
    }

    /// For people.
    static func text(of address: UnsafeMutablePointer<sockaddr>) -> String {
        guard let bytes = bytes(of: address) else { return "an address of an unknown family" }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return "an unreadable address" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
