/// Where a connection comes from, as far as limits tell: an IPv4 address, or the /64 of an IPv6 address, which is the
/// least that one customer of a network gets.
package struct AddressGroup: Hashable, Sendable {
    private let isIPv6: Bool
    private let bits: UInt64

    /// - Parameter address: in network order: 4 bytes, or 16. An IPv4 address written as IPv6 (`::ffff:…`) is itself.
    ///   Anything else is a group of its own.
    package init(_ address: some Collection<UInt8>) {
        let bytes = Array(address)
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        let ipv4 = bytes.count == 16 && bytes.starts(with: mapped) ? bytes.suffix(4) : bytes[...]
        isIPv6 = ipv4.count != 4
        bits = ipv4.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
