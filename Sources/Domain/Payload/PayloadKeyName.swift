/// The name of a data key: 8 bytes made from it that tell nothing about it. No two keys share one, and none comes again.
package struct PayloadKeyName: Hashable, Sendable, CustomStringConvertible {
    package static let byteCount = 8
    package let bytes: [UInt8]

    /// nil unless there are 8 of them.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// 16 hexadecimal digits.
    package var description: String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
