import COpenSSL

/// A public key that signatures are checked with, by OpenSSL: P-256, RSA of 2048 bits or more, or Ed25519.
///
/// Never changed after it was made; OpenSSL lets threads share such a key.
final class PublicKey: @unchecked Sendable {
    private let key: OpaquePointer
    /// The one algorithm that it is used with.
    let algorithm: TokenAlgorithm

    /// - Parameter info: a SubjectPublicKeyInfo in DER.
    /// - Returns: nil if it is none, is of another kind than `algorithm` needs, or is weak.
    init?(info: [UInt8], for algorithm: TokenAlgorithm) {
        let made = info.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return d2i_PUBKEY(nil, &start, bytes.count)
        }
        guard let made else { return nil }
        self.key = made
        self.algorithm = algorithm
        guard Self.fits(made, algorithm) else { return nil }
    }

    /// - Parameter pem: text that holds a `PUBLIC KEY` section; what is around it does not matter.
    init?(pem: [UInt8], for algorithm: TokenAlgorithm) {
        guard let reader = BIO_new_mem_buf(pem, Int32(clamping: pem.count)) else { return nil }
        defer { BIO_free(reader) }
        guard let made = PEM_read_bio_PUBKEY(reader, nil, { _, _, _, _ in -1 }, nil) else { return nil }
        self.key = made
        self.algorithm = algorithm
        guard Self.fits(made, algorithm) else { return nil }
    }

    deinit {
        EVP_PKEY_free(key)
    }

    /// Whether `signature`, in the form of RFC 7518 and RFC 8037, was made over `bytes` with the private key.
    func verify(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        guard let signature = algorithm == .es256 ? Self.structured(signature) : signature,
            let context = EVP_MD_CTX_new()
        else { return false }
        defer { EVP_MD_CTX_free(context) }
        let digest = algorithm == .edDSA ? nil : EVP_sha256()
        return EVP_DigestVerifyInit(context, nil, digest, nil, key) == 1
            && EVP_DigestVerify(context, signature, signature.count, bytes, bytes.count) == 1
    }

    /// The two numbers of an ECDSA signature as OpenSSL takes them; nil unless they have 32 bytes each.
    private static func structured(_ signature: [UInt8]) -> [UInt8]? {
        guard signature.count == 64 else { return nil }
        return DER.sequence(DER.integer(signature[..<32]), DER.integer(signature[32...]))
    }

    private static func fits(_ key: OpaquePointer, _ algorithm: TokenAlgorithm) -> Bool {
        let kind = EVP_PKEY_get_base_id(key)
        switch algorithm {
        case .hs256: return false
        case .rs256: return kind == EVP_PKEY_RSA && (2048...16_384).contains(EVP_PKEY_get_bits(key))
        case .edDSA: return kind == EVP_PKEY_ED25519
        case .es256:
            var name = [UInt8](repeating: 0, count: 64)
            let found = name.withUnsafeMutableBytes { buffer in
                EVP_PKEY_get_group_name(key, buffer.bindMemory(to: CChar.self).baseAddress, buffer.count, nil)
            }
            return kind == EVP_PKEY_EC && found == 1
                && String(decoding: name.prefix { $0 != 0 }, as: UTF8.self) == "prime256v1"
        }
    }
}
