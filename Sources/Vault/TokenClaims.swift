/// What a relay token says.
struct TokenClaims: Codable, Hashable, Sendable {
    let issuer: String
    let tenant: String
    let scopes: [String]
    /// Seconds since 1970.
    let issuedAt: Int64
    /// Seconds since 1970.
    let expiresAt: Int64
    let id: String

    enum CodingKeys: String, CodingKey {
        case issuer = "iss"
        case tenant = "sub"
        case scopes
        case issuedAt = "iat"
        case expiresAt = "exp"
        case id = "jti"
    }
}
