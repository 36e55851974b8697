/// What names made by the relay end with: 26 characters of Crockford base 32, which sort by time of creation.
///
/// 48 bits of milliseconds, then 80 random bits (the layout of a ULID, in lower case).
enum SortableName {
    static let length = 26

    /// Two made in the same millisecond collide with a probability of 2⁻⁸⁰.
    static func make(at now: Timestamp, using random: inout some RandomNumberGenerator) -> String {
        let milliseconds = UInt64(clamping: now.microseconds / 1000) & 0xFFFF_FFFF_FFFF
        let head = milliseconds << 16 | UInt64.random(in: 0...0xFFFF, using: &random)
        let tail = UInt64.random(in: 0...UInt64.max, using: &random)
        var value = UInt128(head) << 64 | UInt128(tail)
        var characters = [UInt8](repeating: 0, count: length)
        for index in characters.indices.reversed() {
            characters[index] = alphabet[Int(value & 31)]
            value >>= 5
        }
        return String(decoding: characters, as: UTF8.self)
    }

    /// Whether `text` is `prefix` and a name of this form.
    static func isValid(_ text: some StringProtocol, after prefix: String) -> Bool {
        text.utf8.count == prefix.utf8.count + length && text.hasPrefix(prefix)
            && text.utf8.dropFirst(prefix.utf8.count).allSatisfy(alphabet.contains)
    }

    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
}
