import Domain

/// A JWT in compact form (RFC 7515 §7.1), taken apart but not yet believed.
struct CompactToken {
    /// Bytes of a whole token.
    static let limit = 8192
    /// Bytes of its header.
    private static let headerLimit = 1024
    private static let keyIDLimit = 256
    private static let types: Set<String> = ["jwt", "at+jwt", "application/at+jwt"]

    /// As the header says; it must be the key's.
    let algorithm: String
    let keyID: String?
    /// What the signature is over.
    let signed: [UInt8]
    let signature: [UInt8]
    private let payload: [UInt8]

    init(_ token: String) throws(CredentialRefusal) {
        let bytes = Array(token.utf8)
        guard bytes.count <= Self.limit else { throw .tooLong }
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2])
        else { throw .malformed }
        // `crit` says that who does not understand all of it must refuse; we understand none.
        guard header.count <= Self.headerLimit, let fields = StrictJSON(header), fields.member("crit") == nil,
            let algorithm = fields.string("alg")
        else { throw .badHeader }
        let keyID = fields.string("kid")
        guard fields.member("kid") == nil || keyID != nil, (keyID ?? "").utf8.count <= Self.keyIDLimit else {
            throw .badHeader
        }
        if fields.member("typ") != nil {
            guard let type = fields.string("typ"), Self.types.contains(type.lowercased()) else { throw .wrongType }
        }
        self.algorithm = algorithm
        self.keyID = keyID
        self.signed = Array(bytes[..<parts[1].endIndex])
        self.signature = signature
        self.payload = payload
    }

    /// The issuer that it names, to choose by whose keys it is checked. Not to be believed before that.
    func claimedIssuer() throws(CredentialRefusal) -> String? {
        try fields().string("iss")
    }

    /// What it says, once `key` has signed it.
    func claims(signedBy key: VerificationKey) throws(CredentialRefusal) -> StrictJSON {
        guard algorithm == key.algorithm.rawValue else { throw .wrongAlgorithm }
        guard key.verify(signature, of: signed) else { throw .badSignature }
        return try fields()
    }

    private func fields() throws(CredentialRefusal) -> StrictJSON {
        guard let fields = StrictJSON(payload) else { throw .badClaims }
        return fields
    }
}
