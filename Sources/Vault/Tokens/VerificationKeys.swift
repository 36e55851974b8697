import Domain

/// The keys of one issuer at one moment.
package struct VerificationKeys: Sendable {
    /// Keys of a set that are looked at.
    package static let limit = 64
    /// Bytes of a JWK set.
    package static let documentLimit = 256 * 1024

    let keys: [VerificationKey]

    package init(_ keys: [VerificationKey]) {
        self.keys = Array(keys.prefix(Self.limit))
    }

    package var isEmpty: Bool { keys.isEmpty }

    /// The key that a token names. A token that names none can only be meant for the only key; a key without a name is
    /// found by any.
    func key(_ id: String?) -> VerificationKey? {
        guard let id else { return keys.count == 1 ? keys.first : nil }
        return keys.first { $0.id == id } ?? (keys.count == 1 && keys[0].id == nil ? keys[0] : nil)
    }

    // MARK: JWK sets (RFC 7517)

    /// The keys of `document` that are made for `algorithm`; those of other kinds and uses are left out, and so are secret
    /// ones.
    /// - Returns: nil if it is no JWK set.
    package init?(jwks document: [UInt8], algorithm: TokenAlgorithm) {
        guard document.count <= Self.documentLimit, let set = StrictJSON(document), let list = set.member("keys"),
            list.kind == .array, let elements = try? JSONScanner.elements(of: document, in: list.value)
        else { return nil }
        self.init(elements.prefix(Self.limit).compactMap { Self.key(document, $0, algorithm) })
    }

    private static func key(
        _ document: [UInt8], _ range: Range<Int>, _ algorithm: TokenAlgorithm
    ) -> VerificationKey? {
        guard let fields = StrictJSON(document, in: range) else { return nil }
        for (name, value) in [("use", "sig"), ("alg", algorithm.rawValue)] where fields.member(name) != nil {
            guard fields.string(name) == value else { return nil }
        }
        guard fields.member("kid") == nil || fields.string("kid") != nil, let info = info(fields, algorithm),
            let key = PublicKey(info: info, for: algorithm)
        else { return nil }
        return VerificationKey(key, id: fields.string("kid"))
    }

    /// A SubjectPublicKeyInfo in DER.
    private static func info(_ fields: StrictJSON, _ algorithm: TokenAlgorithm) -> [UInt8]? {
        switch (algorithm, fields.string("kty"), fields.string("crv")) {
        case (.rs256, "RSA", _):
            guard let modulus = fields.base64URL("n"), let exponent = fields.base64URL("e") else { return nil }
            return DER.sequence(
                rsaAlgorithm, DER.bitString(DER.sequence(DER.integer(modulus), DER.integer(exponent))))
        case (.es256, "EC", "P-256"):
            guard let x = fields.base64URL("x"), let y = fields.base64URL("y"), x.count == 32, y.count == 32 else {
                return nil
            }
            return DER.sequence(p256Algorithm, DER.bitString([4] + x + y))
        case (.edDSA, "OKP", "Ed25519"):
            guard let x = fields.base64URL("x"), x.count == 32 else { return nil }
            return DER.sequence(ed25519Algorithm, DER.bitString(x))
        default: return nil
        }
    }

    /// rsaEncryption with NULL (RFC 3279), id-ecPublicKey with prime256v1 (RFC 5480), id-Ed25519 (RFC 8410).
    private static let rsaAlgorithm: [UInt8] =
        [0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00]
    private static let p256Algorithm: [UInt8] =
        [0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01]
        + [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]
    private static let ed25519Algorithm: [UInt8] = [0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70]
}
