/// 64-bit FNV-1a of a request body: what ties an answer to the request it belongs to.
struct Fingerprint: Hashable, Sendable {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    init(of bytes: [UInt8]) {
        append(bytes)
    }

    /// As if the bytes had followed those hashed so far.
    mutating func append(_ bytes: some Collection<UInt8>) {
        var hash = value
        for byte in bytes {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        value = hash
    }

    /// Reads 1 to 16 hexadecimal digits.
    init?(hex: some StringProtocol) {
        guard !hex.hasPrefix("+"), let value = UInt64(hex, radix: 16) else { return nil }
        self.value = value
    }

    var hex: String { Self.hex(value) }

    /// Sixteen lower-case digits.
    static func hex(_ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { digits in
            for position in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * position)) & 15
                digits[position] = digit < 10 ? digit + 48 : digit + 87
            }
            return 16
        }
    }
}
