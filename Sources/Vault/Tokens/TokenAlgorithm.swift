/// The signature algorithms of JWTs that the relay understands, by their names in RFC 7518 and RFC 8037. `none` is not
/// one of them.
package enum TokenAlgorithm: String, Hashable, Sendable, CaseIterable {
    case hs256 = "HS256"
    case es256 = "ES256"
    case rs256 = "RS256"
    case edDSA = "EdDSA"
}
