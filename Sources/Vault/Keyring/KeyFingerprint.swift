/// The name of a key: 8 bytes made from it that tell nothing about it.
package struct KeyFingerprint: Hashable, Sendable, CustomStringConvertible {
    static let byteCount = 8
    let bytes: [UInt8]

    init(of key: SymmetricKey) {
        bytes = Array(key.derived(for: "fingerprint").bytes.prefix(Self.byteCount))
    }

    /// nil unless there are 8 of them.
    init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// From its 16 hexadecimal digits.
    package init?(_ text: String) {
        guard let bytes = Hex.decode(Array(text.utf8)) else { return nil }
        self.init(bytes: bytes)
    }

    package var description: String { Hex.text(bytes) }
}
