import Domain
import Vault

/// One entry of `tokens.issuers`: whose tokens are accepted, and where the keys are that they are signed with.
struct IssuerSettings: Hashable, Sendable {
    enum Source: Hashable, Sendable {
        case secretFile(String)
        case publicKeyFile(String)
        case jwksFile(String)
        case jwksURL(String)
    }

    let name: String
    let algorithm: TokenAlgorithm
    let source: Source
    var audience: String?
    /// The key's name, where the source has none.
    var keyID: String?
    var tenantClaim: String?
    var scopesClaim: String?
    var leeway = Duration.seconds(60)
    var defaultScopes: Set<Caller.Scope> = []
    var allowedScopes = TokenIssuer.usualScopes
    var tenants = TenantClaimRule.all

    /// The keys that `bytes`, which the source holds, stand for.
    /// - Throws: `configuration_invalid` with what they should be.
    func keys(in bytes: [UInt8]) throws(RelayError) -> VerificationKeys {
        switch source {
        case .secretFile:
            let end = bytes.lastIndex { $0 != 0x0A && $0 != 0x0D }.map { $0 + 1 } ?? 0
            guard let key = VerificationKey(secret: Array(bytes[..<end]), id: keyID) else {
                throw refusal("a secret of at least \(VerificationKey.leastSecret) bytes that is no public key")
            }
            return VerificationKeys([key])
        case .publicKeyFile:
            guard let key = VerificationKey(pem: bytes, algorithm: algorithm, id: keyID) else {
                throw refusal("a PUBLIC KEY in PEM for \(algorithm.rawValue): P-256, RSA from 2048 bits on, or Ed25519")
            }
            return VerificationKeys([key])
        case .jwksFile, .jwksURL:
            guard let keys = VerificationKeys(jwks: bytes, algorithm: algorithm) else {
                throw refusal("a JWK set of at most \(SizeText.print(VerificationKeys.documentLimit))")
            }
            return keys
        }
    }

    /// The file that holds the keys; nil if they are fetched.
    var file: String? {
        switch source {
        case .secretFile(let path), .publicKeyFile(let path), .jwksFile(let path): path
        case .jwksURL: nil
        }
    }

    /// - Parameter needed: completes "must hold …".
    func refusal(_ needed: String) -> RelayError {
        let place =
            switch source {
            case .secretFile(let path), .publicKeyFile(let path), .jwksFile(let path): path
            case .jwksURL(let url): url
            }
        return RelayError(
            .configurationInvalid, "\(place) of the issuer '\(name)' in tokens.issuers must hold \(needed).",
            remedy: "Correct it and start again.")
    }

    /// As the authority takes it.
    func issuer(with keys: any VerificationKeySource) -> TokenIssuer {
        var issuer = TokenIssuer(name: name, audience: audience, algorithm: algorithm, keys: keys)
        issuer.tenantClaim = tenantClaim
        issuer.scopesClaim = scopesClaim
        issuer.leeway = leeway
        issuer.defaultScopes = defaultScopes
        issuer.allowedScopes = allowedScopes
        issuer.tenants = tenants
        return issuer
    }

    /// Whether what is read for one of the two is right for the other.
    func hasKeysOf(_ other: IssuerSettings) -> Bool {
        (name, algorithm, source, keyID) == (other.name, other.algorithm, other.source, other.keyID)
    }

    /// For people.
    var line: String {
        let place =
            switch source {
            case .secretFile(let path): "secret in \(path)"
            case .publicKeyFile(let path), .jwksFile(let path): "keys in \(path)"
            case .jwksURL(let url): "keys from \(url)"
            }
        return "\(name): \(algorithm.rawValue), \(place)"
    }
}
