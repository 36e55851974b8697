/// A client's `Idempotency-Key` with what it was sent for, so that a repeated submission finds the first one's job.
package struct IdempotencyKey: Hashable, Sendable {
    /// 1 to 255 bytes, unique within the tenant until `expiresAt`.
    package let key: String
    /// SHA-256 of the submission, 32 bytes: the same key with another fingerprint is a conflict.
    package let fingerprint: [UInt8]
    package let expiresAt: Timestamp

    package init(key: String, fingerprint: [UInt8], expiresAt: Timestamp) {
        self.key = key
        self.fingerprint = fingerprint
        self.expiresAt = expiresAt
    }
}
