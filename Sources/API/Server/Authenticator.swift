import Domain
import HTTPTypes
import HummingbirdCore
import Logging
import Telemetry

/// Finds out who is calling, by either credential header; clients send both at times, and one that holds is enough.
///
/// Whatever is wrong with a credential, the client gets the same answer; the log says more at the level `debug`, without
/// the credential.
struct Authenticator: Sendable {
    let services: APIServices

    static let missing = RelayError(
        .tokenMissing, "The request carries no credential.",
        remedy: "Send a relay token or API key in x-api-key or as Authorization: Bearer.")

    private static let invalid = RelayError(
        .tokenInvalid, "The credential does not hold here.",
        remedy: "Ask the relay's operator for a token (relay tokens issue --tenant NAME).")

    /// - Throws: `token_missing`, `token_invalid`, `auth_throttled`, `header_invalid`, or `scope_missing`.
    func caller(of exchange: ClientExchange, needing scope: Caller.Scope) async throws(RelayError) -> Caller {
        let caller = try await verify(exchange)
        guard caller.may(scope, reading: [.get, .head].contains(exchange.request.method)) else {
            let held = caller.scopes.map(\.rawValue).sorted().joined(separator: ", ")
            throw RelayError(
                .scopeMissing, "The token's scopes are \(held.isEmpty ? "none" : held); required is \(scope.rawValue).",
                remedy: "Use a token that was issued with --scopes \(scope.rawValue).")
        }
        return caller
    }

    /// Whether the credential still holds with which the request of `call` began: it may have been revoked, or have expired,
    /// while the body came in or the request waited. Costs no look at the store.
    /// - Throws: `token_invalid`.
    func checkAgain(_ call: Call) async throws(RelayError) {
        for credential in try Self.credentials(in: call.headers) {
            guard let caller = try? await services.tokens.verify(credential), caller.tenant == call.caller?.tenant,
                caller.scopes == call.caller?.scopes
            else { continue }
            return
        }
        throw Self.invalid
    }

    private func verify(_ exchange: ClientExchange) async throws(RelayError) -> Caller {
        let credentials = try Self.credentials(in: exchange.request.headers)
        guard !credentials.isEmpty else { throw Self.missing }
        for credential in credentials {
            do {
                return try await services.tokens.verify(credential)
            } catch {
                services.logger.debug(
                    "a credential does not hold",
                    metadata: [LogKey.requestID: "\(exchange.id)", LogKey.error: "\(error.rawValue)"])
            }
        }
        switch services.failures.record(from: exchange.address) {
        case .refuse: throw Self.invalid
        case .slowDown(let delay): throw Self.throttled(delay)
        }
    }

    /// What the headers hold, each once. `Authorization` of another scheme than `Bearer` is for others.
    /// - Throws: `header_invalid` if a header comes twice and says two things: whoever stands in between may have looked
    ///   at the other one.
    static func credentials(in headers: HTTPFields) throws(RelayError) -> [String] {
        var credentials: [String] = []
        for (name, read) in [(HTTPField.Name.apiKey, { $0 }), (.authorization, bearer)] {
            let values = Set(headers[values: name])
            guard values.count <= 1 else {
                throw RelayError(
                    .headerInvalid, "The header \(name.canonicalName) comes \(values.count) times with several values.",
                    remedy: "Send it once.")
            }
            guard let credential = values.first.flatMap(read), !credential.isEmpty, !credentials.contains(credential)
            else { continue }
            credentials.append(credential)
        }
        return credentials
    }

    private static func bearer(_ value: String) -> String? {
        guard value.lowercased().hasPrefix("bearer ") else { return nil }
        return String(value.dropFirst(7).drop { $0 == " " })
    }

    /// Final: a library that repeats the call by itself only adds to the count.
    private static func throttled(_ delay: Duration) -> RelayError {
        RelayError(
            .authThrottled, "Too many credentials from this address did not hold within a minute.",
            remedy: "Correct the credential; one that holds is taken at once.", retryAfter: delay, isFinal: true)
    }
}
