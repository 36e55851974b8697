/// Which network addresses the relay may connect to on somebody else's say-so: webhook receivers.
///
/// Public unicast addresses are allowed; private, loopback, link-local, multicast and reserved ones only if an
/// operator lists their network.
package struct AddressPolicy: Hashable, Sendable {
    package let allowed: [AddressRange]
    /// Whatever the address; nil for any.
    package let ports: PortSet?

    package init(allowed: [AddressRange], ports: PortSet? = nil) {
        self.allowed = allowed
        self.ports = ports
    }

    /// Whether both the address and the port are allowed.
    package func allows(_ address: [UInt8], port: UInt16) -> Bool {
        (ports?.contains(port) ?? true) && allows(address)
    }

    /// - Parameter address: in network order, 4 or 16 bytes; anything else is refused.
    ///
    /// An IPv6 address that stands for an IPv4 one (mapped, NAT64, 6to4, ISATAP) is allowed only if that one is.
    package func allows(_ address: [UInt8]) -> Bool {
        if allowed.contains(where: { $0.contains(address) }) { return true }
        switch address.count {
        case 4: return !Self.closed4.contains { $0.contains(address) }
        case 16:
            if let inner = Self.embedded4(in: address), !allows(inner) { return false }
            return Self.standsFor4(address)
                || Self.globalUnicast6.contains(address) && !Self.closed6.contains { $0.contains(address) }
        default: return false
        }
    }

    /// The IPv4 address that a packet to `address` ends at, if its form says so.
    private static func embedded4(in address: [UInt8]) -> [UInt8]? {
        if standsFor4(address) || isISATAP(address) { return Array(address[12...]) }
        return sixToFour.contains(address) ? Array(address[2..<6]) : nil
    }

    /// Whether it is nothing but another way to write an IPv4 address.
    private static func standsFor4(_ address: [UInt8]) -> Bool {
        mapped4.contains(address) || nat64.contains(address)
    }

    /// RFC 5214: an interface's part of `0000:5efe` or `0200:5efe` and an IPv4 address, under any prefix.
    private static func isISATAP(_ address: [UInt8]) -> Bool {
        address[8] & ~2 == 0 && Array(address[9..<12]) == [0, 0x5E, 0xFE]
    }

    private static let mapped4 = range([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], 96)
    private static let nat64 = range([0, 0x64, 0xFF, 0x9B], 96)
    private static let sixToFour = range([0x20, 0x02], 16)
    private static let globalUnicast6 = range([0x20], 3)

    /// What the IANA registry of special-purpose IPv4 addresses keeps from the public, multicast, and the one public
    /// address at which a cloud (Azure) answers its machines alone. The metadata services of the others are link-local.
    private static let closed4 = [
        range4(0, 0, 0, 0, 8), range4(10, 0, 0, 0, 8), range4(100, 64, 0, 0, 10), range4(127, 0, 0, 0, 8),
        range4(168, 63, 129, 16, 32), range4(169, 254, 0, 0, 16), range4(172, 16, 0, 0, 12), range4(192, 0, 0, 0, 24),
        range4(192, 0, 2, 0, 24),
        range4(192, 31, 196, 0, 24), range4(192, 52, 193, 0, 24), range4(192, 88, 99, 0, 24),
        range4(192, 168, 0, 0, 16), range4(192, 175, 48, 0, 24), range4(198, 18, 0, 0, 15),
        range4(198, 51, 100, 0, 24), range4(203, 0, 113, 0, 24), range4(224, 0, 0, 0, 3),
    ]

    /// Inside 2000::/3: Teredo and other IETF protocols, ORCHID, documentation, AS112. All outside it is closed anyway.
    private static let closed6 = [
        range([0x20, 0x01], 23), range([0x20, 0x01, 0x0D, 0xB8], 32), range([0x3F, 0xFF], 20),
        range([0x26, 0x20, 0x00, 0x4F, 0x80], 48),
    ]

    private static func range4(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, _ prefix: Int) -> AddressRange {
        AddressRange(unchecked: [a, b, c, d], prefixLength: prefix)
    }

    private static func range(_ head: [UInt8], _ prefix: Int) -> AddressRange {
        let rest = [UInt8](repeating: 0, count: 16 - head.count)
        return AddressRange(unchecked: head + rest, prefixLength: prefix)
    }
}
