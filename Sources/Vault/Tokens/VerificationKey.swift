/// One key that an issuer signs with, and the one algorithm that it signs by: a token's header has no say in it.
package struct VerificationKey: Sendable, CustomStringConvertible, CustomReflectable {
    private enum Material: Sendable {
        case secret([UInt8])
        case `public`(PublicKey)
    }

    /// nil if the issuer does not name it.
    package let id: String?
    package let algorithm: TokenAlgorithm
    private let material: Material

    package var description: String { "[\(algorithm.rawValue) key]" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }

    /// Bytes that a shared secret has at least (RFC 7518 §3.2).
    package static let leastSecret = 32

    /// A shared secret for HS256; nil if it is too short, or is a public key: who knows that could sign with it.
    package init?(secret: [UInt8], id: String? = nil) {
        let isPEM = String(decoding: secret.prefix(4096), as: UTF8.self).contains("-----BEGIN ")
        guard secret.count >= Self.leastSecret, !isPEM else { return nil }
        self.init(id: id, algorithm: .hs256, material: .secret(secret))
    }

    /// nil if `pem` holds no public key that `algorithm` could be used with.
    package init?(pem: [UInt8], algorithm: TokenAlgorithm, id: String? = nil) {
        guard let key = PublicKey(pem: pem, for: algorithm) else { return nil }
        self.init(id: id, algorithm: algorithm, material: .public(key))
    }

    init(_ key: PublicKey, id: String?) {
        self.init(id: id, algorithm: key.algorithm, material: .public(key))
    }

    private init(id: String?, algorithm: TokenAlgorithm, material: Material) {
        self.id = id
        self.algorithm = algorithm
        self.material = material
    }

    /// Whether `signature` was made over `bytes` with this key.
    func verify(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        switch material {
        case .secret(let secret): Digest.areEqual(signature, Digest.hmac(bytes, key: secret))
        case .public(let key): key.verify(signature, of: bytes)
        }
    }
}
