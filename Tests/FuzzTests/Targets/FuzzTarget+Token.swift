import Domain

#if !LIBFUZZER
    @testable import Vault
#endif

extension FuzzTarget {
    /// JWTs, as `CompactToken` and `TokenIssuer` read them: the input as it comes, and its first line as the header and the
    /// rest as the claims of a token that is signed rightly. Nothing but what the issuer may grant, now, is granted.
    static let token = FuzzTarget(
        name: "token",
        seeds: [
            #"{"alg":"HS256"}"# + "\n" + #"{"iss":"idp","aud":"relay","sub":"acme","scope":"jobs","exp":1767225660}"#,
            #"{"alg":"HS256","typ":"JWT","kid":"k"}"# + "\n"
                + #"{"iss":"idp","aud":["x","relay"],"tenant":"a","scopes":["jobs","admin"],"exp":1.767225660e9,"jti":"t"}"#,
            #"{"alg":"HS256"}"# + "\n"
                + #"{"iss":"idp","aud":"relay","sub":"a","exp":1767225660.5,"iat":1767225600,"nbf":-1}"#,
            "e30.e30.AAAA",
        ],
        words: [
            "-9223372036854775808", "9223372036854775808", "1e400", "-", ".", "0.", "e", "\"exp\":", "\"iat\":",
            "\"nbf\":", "null", "[", "]", "{", "}", ",", "\n", "\"", "\\u0061", "HS256", "none", "crit", "admin",
        ]
    ) { input in
        let lines = input.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
        let parts = [lines[0], lines.count > 1 ? lines[1] : []].map { Base64URL.encode(Array($0)) }
        let signed = parts.joined(separator: ".")
        let signature = Base64URL.encode(Digest.hmac(Array(signed.utf8), key: tokenSecret))
        return tokenFault(of: String(decoding: input, as: UTF8.self)) ?? tokenFault(of: "\(signed).\(signature)")
    }

    private static func tokenFault(of text: String) -> String? {
        guard let key = tokenKey, let token = try? CompactToken(text), let claims = try? token.claims(signedBy: key)
        else { return nil }
        let issuer = TokenIssuer(
            name: "idp", audience: "relay", algorithm: .hs256, keys: FixedKeys(VerificationKeys([key])))
        let now = Timestamp(microseconds: 1_767_225_600_000_000)
        guard let grant = try? issuer.grant(claims, at: now) else { return nil }
        guard now < grant.expiresAt else { return "one that has expired is granted" }
        let scopes = grant.caller.scopes
        guard scopes.isSubset(of: TokenIssuer.usualScopes) else { return "granted: \(scopes)" }
        if let issued = grant.issuedAt, now < issued { return "one of the future is granted" }
        return nil
    }

    private static let tokenSecret = [UInt8](repeating: 7, count: 32)
    private static let tokenKey = VerificationKey(secret: tokenSecret)
}
