/// Turns a credential that came with a request into the caller it stands for.
package protocol TokenVerifier: Sendable {
    /// - Throws: what was wrong, for the operator's log alone: clients learn only that the credential does not hold.
    func verify(_ token: String) async throws(CredentialRefusal) -> Caller
}

/// Why a credential does not hold. The raw value is for logs: it never holds the credential, and never goes to clients,
/// who could otherwise find a valid one step by step.
package enum CredentialRefusal: String, Error, Hashable, Sendable, CaseIterable {
    case tooLong = "longer than any token"
    case malformed = "neither a JWT in compact form nor an API key"
    case badHeader = "a JWT header that is not accepted: no JSON, a member twice, too long, or crit"
    case wrongAlgorithm = "an algorithm that is not the key's"
    case wrongType = "a typ that is not a JWT's"
    case unknownIssuer = "an issuer that is not configured"
    case unknownKey = "a kid that the issuer's keys do not have, or none where several keys are"
    case noKeys = "the issuer's keys are not known yet"
    case badSignature = "a signature that does not fit"
    case badClaims = "claims that are not JSON, or have a member twice or of a wrong kind"
    case noExpiry = "no exp"
    case expired = "expired"
    case notYetValid = "not valid yet"
    case wrongAudience = "not for this audience"
    case noTenant = "no claim that names a tenant"
    case foreignTenant = "a tenant for whom its issuer may not speak (tokens.issuers: tenants, tenant_prefix)"
    case excessiveScope = "a scope that its issuer may not give (tokens.issuers: allowed_scopes)"
    case revoked = "revoked"
    case unknownAPIKey = "no such API key, or another secret"
}
