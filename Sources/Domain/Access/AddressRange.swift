/// A CIDR network: the addresses that share its first bits.
package struct AddressRange: Hashable, Sendable {
    /// In network order: 4 bytes for IPv4, 16 for IPv6.
    package let address: [UInt8]
    /// 0...32 for IPv4, 0...128 for IPv6.
    package let prefixLength: Int

    /// nil if a length is out of range.
    package init?(address: [UInt8], prefixLength: Int) {
        guard address.count == 4 || address.count == 16, (0...address.count * 8).contains(prefixLength) else {
            return nil
        }
        self.address = address
        self.prefixLength = prefixLength
    }

    /// For constants of this module whose lengths are right.
    init(unchecked address: [UInt8], prefixLength: Int) {
        self.address = address
        self.prefixLength = prefixLength
    }

    /// Whether `other`, in network order, is in this network. Addresses of the other family never are.
    package func contains(_ other: [UInt8]) -> Bool {
        guard other.count == address.count else { return false }
        let whole = prefixLength / 8
        guard other[..<whole] == address[..<whole] else { return false }
        let rest = prefixLength % 8
        return rest == 0 || (other[whole] ^ address[whole]) >> (8 - rest) == 0
    }
}
