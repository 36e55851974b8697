import Domain
import HTTPTypes

/// Finds out who is calling, by either credential header; clients send both at times.
struct Authenticator: Sendable {
    let tokens: any TokenVerifier

    static let missing = RelayError(
        .tokenMissing, "The request carries no credential.",
        remedy: "Send a relay token in x-api-key or as Authorization: Bearer.")

    /// - Throws: `token_missing`, `token_invalid`, `token_expired`, or `scope_missing`.
    func caller(of headers: HTTPFields, needing scope: Caller.Scope) async throws(RelayError) -> Caller {
        let caller = try await verify(headers)
        guard caller.scopes.contains(scope) || caller.scopes.contains(.admin) else {
            let held = caller.scopes.map(\.rawValue).sorted().joined(separator: ", ")
            throw RelayError(
                .scopeMissing, "The token's scopes are \(held); required is \(scope.rawValue).",
                remedy: "Use a token that was issued with --scopes \(scope.rawValue).")
        }
        return caller
    }

    private func verify(_ headers: HTTPFields) async throws(RelayError) -> Caller {
        var refusal = Self.missing
        for token in [headers[.apiKey], Self.bearer(headers[.authorization])].compactMap({ $0 }) where !token.isEmpty {
            do {
                return try await tokens.verify(token)
            } catch {
                refusal = error
            }
        }
        throw refusal
    }

    private static func bearer(_ value: String?) -> String? {
        guard let value, value.lowercased().hasPrefix("bearer ") else { return nil }
        return String(value.dropFirst(7).drop { $0 == " " })
    }
}
