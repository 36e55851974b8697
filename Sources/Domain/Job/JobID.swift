/// A job's public name: `job_` and 26 characters of Crockford base 32, which sort by time of creation.
///
/// 48 bits of milliseconds, then 80 random bits (the layout of a ULID, in lower case).
package struct JobID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let prefix = "job_"
    /// The whole name, `job_` included.
    package let text: String

    package var description: String { text }

    /// Reads a name that a client sent; nil unless it has exactly the form of ``make(at:using:)``.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count == 30, text.hasPrefix(Self.prefix),
            text.utf8.dropFirst(4).allSatisfy(Self.alphabet.contains)
        else { return nil }
        self.text = String(text)
    }

    private init(unchecked text: String) {
        self.text = text
    }

    /// A new name. Two made in the same millisecond collide with a probability of 2⁻⁸⁰.
    package static func make(at now: Timestamp, using random: inout some RandomNumberGenerator) -> JobID {
        let milliseconds = UInt64(clamping: now.microseconds / 1000) & 0xFFFF_FFFF_FFFF
        let head = milliseconds << 16 | UInt64.random(in: 0...0xFFFF, using: &random)
        let tail = UInt64.random(in: 0...UInt64.max, using: &random)
        var value = UInt128(head) << 64 | UInt128(tail)
        var characters = [UInt8](repeating: 0, count: 26)
        for index in characters.indices.reversed() {
            characters[index] = alphabet[Int(value & 31)]
            value >>= 5
        }
        return JobID(unchecked: prefix + String(decoding: characters, as: UTF8.self))
    }

    package static func < (left: JobID, right: JobID) -> Bool {
        left.text < right.text
    }

    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
}
