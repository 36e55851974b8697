import FoundationEssentials

/// A JSON Web Token signed with HMAC-SHA-256 (RFC 7515, compact form). No other algorithm is understood, so none can be
/// confused with it.
struct JSONWebToken {
    private static let header = base64URL(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8))
    let key: SymmetricKey

    func sign(_ claims: TokenClaims) throws -> String {
        let payload = Self.base64URL(Array(try JSONEncoder().encode(claims)))
        let signed = "\(Self.header).\(payload)"
        return "\(signed).\(Self.base64URL(signature(of: signed)))"
    }

    /// nil unless `token` is of this form and signed with the key. Looks at no claim before the signature is right.
    func verify(_ token: String) -> TokenClaims? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == Self.header,
            let signature = Self.bytes(base64URL: parts[2]),
            Digest.areEqual(signature, self.signature(of: "\(parts[0]).\(parts[1])")),
            let payload = Self.bytes(base64URL: parts[1])
        else { return nil }
        return try? JSONDecoder().decode(TokenClaims.self, from: Data(payload))
    }

    private func signature(of text: String) -> [UInt8] {
        Digest.hmac(Array(text.utf8), key: key.bytes)
    }

    private static func base64URL(_ bytes: [UInt8]) -> String {
        let characters = Data(bytes).base64EncodedString().compactMap { character -> Character? in
            switch character {
            case "+": "-"
            case "/": "_"
            case "=": nil
            default: character
            }
        }
        return String(characters)
    }

    /// nil unless `text` is base64url without padding, in its one canonical spelling.
    private static func bytes(base64URL text: Substring) -> [UInt8]? {
        let standard = text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }
        let padding = String(repeating: "=", count: (4 - standard.count % 4) % 4)
        guard let bytes = Data(base64Encoded: String(standard) + padding).map(Array.init), base64URL(bytes) == text
        else {
            return nil
        }
        return bytes
    }
}
