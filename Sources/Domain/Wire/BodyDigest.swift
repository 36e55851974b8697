/// 128 bits that tell whether a body is still the one that was taken in, at a small part of the cost of a cryptographic
/// hash. It finds damage; it does not withstand somebody who looks for two bodies with one digest.
package struct BodyDigest: Hashable, Sendable {
    private let low: UInt64
    private let high: UInt64
    private let count: Int

    package init(_ bytes: [UInt8]) {
        var builder = Builder()
        bytes.withUnsafeBytes { builder.feed($0) }
        self = builder.digest
    }

    /// Reads what ``text`` gives; nil if it is anything else.
    package init?(text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, let low = UInt64(parts[0], radix: 16), let high = UInt64(parts[1], radix: 16),
            let count = Int(parts[2])
        else { return nil }
        self.init(low: low, high: high, count: count)
    }

    /// For storing it: both halves in hexadecimal, then the number of bytes.
    package var text: String { "\(String(low, radix: 16))-\(String(high, radix: 16))-\(count)" }

    /// What ``bytes`` takes.
    package static let byteCount = 24

    /// The same in a form of one length: both halves, then the number of bytes, each the highest byte first.
    package var bytes: [UInt8] {
        [low, high, UInt64(count)].flatMap { word in
            stride(from: UInt64(56), through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> $0) }
        }
    }

    /// Reads what ``bytes`` gives; nil if it is anything else.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        func word(_ index: Int) -> UInt64 { bytes.dropFirst(8 * index).prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
        guard let count = Int(exactly: word(2)) else { return nil }
        self.init(low: word(0), high: word(1), count: count)
    }

    private init(low: UInt64, high: UInt64, count: Int) {
        (self.low, self.high, self.count) = (low, high, count)
    }

    /// Takes the bytes in pieces of any size; where they are cut makes no difference.
    package struct Builder: Sendable {
        private var low: UInt64 = 0x243F_6A88_85A3_08D3
        private var high: UInt64 = 0x1319_8A2E_0370_7344
        private var count = 0
        /// The last bytes that do not fill a word yet, the first one lowest.
        private var word: UInt64 = 0
        private var wordBytes = 0

        package init() {}

        /// The next piece.
        package mutating func feed(_ bytes: UnsafeRawBufferPointer) {
            count += bytes.count
            var position = 0
            while wordBytes > 0, position < bytes.count {
                take(bytes[position])
                position += 1
            }
            while position + 8 <= bytes.count {
                mix(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)))
                position += 8
            }
            while position < bytes.count {
                take(bytes[position])
                position += 1
            }
        }

        /// Of all bytes so far.
        package var digest: BodyDigest {
            var last = self
            last.mix(word)
            last.mix(UInt64(count))
            return BodyDigest(low: last.low, high: last.high, count: count)
        }

        private mutating func take(_ byte: UInt8) {
            word |= UInt64(byte) << UInt64(8 * wordBytes)
            wordBytes += 1
            guard wordBytes == 8 else { return }
            mix(word)
            (word, wordBytes) = (0, 0)
        }

        /// Multiplies to 128 bits and folds the halves, in two lanes with different constants.
        private mutating func mix(_ word: UInt64) {
            low = Self.fold(low ^ word, 0x9E37_79B9_7F4A_7C15) &+ word
            high = Self.fold(high ^ (word << 32 | word >> 32), 0xD6E8_FEB8_6659_FD93) &+ low
        }

        private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
            let product = left.multipliedFullWidth(by: right)
            return product.high ^ product.low
        }
    }
}

/// A body with the digest that was taken while it arrived.
package struct DigestedBody: Hashable, Sendable {
    package let bytes: [UInt8]
    package let digest: BodyDigest

    package init(bytes: [UInt8], digest: BodyDigest) {
        self.bytes = bytes
        self.digest = digest
    }
}
