import COpenSSL
package import Domain
import FoundationEssentials

/// An Ed25519 key pair, by OpenSSL, in the text forms of Standard Webhooks: `whsk_` and the base64 of seed and public key,
/// `whpk_` and the base64 of the public key.
package struct SigningKey: Sendable, CustomStringConvertible, CustomReflectable {
    private static let byteCount = 32
    private static let signatureCount = 64
    private static let privatePrefix = "whsk_"
    private static let publicPrefix = "whpk_"

    private let seed: [UInt8]
    private let publicBytes: [UInt8]

    package var description: String { "[signing key]" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }

    /// `whsk_…`
    package var text: Secret { Secret(Self.privatePrefix + Data(seed + publicBytes).base64EncodedString()) }

    /// `whpk_…`
    package var publicText: String { Self.publicPrefix + Data(publicBytes).base64EncodedString() }

    /// - Parameter text: `whsk_…`; nil if it has not that form or its two halves do not belong together.
    package init?(_ text: Secret) {
        let text = text.reveal()
        guard text.hasPrefix(Self.privatePrefix),
            let bytes = Data(base64Encoded: String(text.dropFirst(Self.privatePrefix.count))).map(Array.init),
            bytes.count == 2 * Self.byteCount, let key = SigningKey(seed: Array(bytes.prefix(Self.byteCount))),
            key.publicBytes == Array(bytes.suffix(Self.byteCount))
        else { return nil }
        self = key
    }

    /// A new one; nil if the system has no randomness to give.
    static func random() -> SigningKey? {
        SymmetricKey.randomBytes(byteCount).flatMap(SigningKey.init(seed:))
    }

    /// - Parameter seed: 32 bytes; nil for others.
    init?(seed: [UInt8]) {
        guard seed.count == Self.byteCount, let key = Self.opened(seed) else { return nil }
        defer { EVP_PKEY_free(key) }
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        var count = bytes.count
        guard EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1, count == Self.byteCount else { return nil }
        self.seed = seed
        publicBytes = bytes
    }

    /// The signature of `message`, 64 bytes.
    /// - Returns: nil if libcrypto cannot make it, for want of memory.
    package func signature(of message: [UInt8]) -> [UInt8]? {
        guard let key = Self.opened(seed), let context = EVP_MD_CTX_new() else { return nil }
        defer {
            EVP_MD_CTX_free(context)
            EVP_PKEY_free(key)
        }
        var signature = [UInt8](repeating: 0, count: Self.signatureCount)
        var count = signature.count
        guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
            EVP_DigestSign(context, &signature, &count, message, message.count) == 1, count == Self.signatureCount
        else { return nil }
        return signature
    }

    /// To be freed by the caller.
    private static func opened(_ seed: [UInt8]) -> OpaquePointer? {
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count)
    }
}
