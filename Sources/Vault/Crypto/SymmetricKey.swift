import COpenSSL

/// 32 secret bytes: a key for AES-256 or HMAC. Never printed.
struct SymmetricKey: Sendable, CustomStringConvertible, CustomReflectable {
    static let byteCount = 32
    let bytes: [UInt8]

    var description: String { "[key]" }
    var customMirror: Mirror { Mirror(self, children: [:]) }

    /// nil unless there are 32 of them.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    private init(unchecked bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// A new one, from OpenSSL's generator; nil if the system has no randomness to give.
    static func random() -> SymmetricKey? {
        randomBytes(byteCount).map(SymmetricKey.init(unchecked:))
    }

    /// `count` random bytes; nil if the system has none to give.
    static func randomBytes(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return RAND_bytes(&bytes, Int32(count)) == 1 ? bytes : nil
    }

    /// A key of its own for `purpose`, so that no two uses share one: HKDF-SHA-256 (RFC 5869) without salt, whose
    /// first and only block is `HMAC(HMAC(0³², key), info ‖ 1)`.
    func derived(for purpose: String) -> SymmetricKey {
        let extracted = Digest.hmac(bytes, key: [UInt8](repeating: 0, count: Digest.byteCount))
        return SymmetricKey(unchecked: Digest.hmac(Array("claude-relay/\(purpose)".utf8) + [1], key: extracted))
    }
}
