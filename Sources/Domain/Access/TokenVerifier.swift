/// Turns a credential that came with a request into the caller it stands for.
package protocol TokenVerifier: Sendable {
    /// - Throws: `token_invalid` or `token_expired`, in words that do not help to guess.
    func verify(_ token: String) async throws(RelayError) -> Caller
}
