/// A service that keeps a key which never leaves it, and wraps others with that.
package protocol KeyManagementService: Sendable {
    /// A new key of 32 bytes, plain and as only the service can open it.
    /// - Parameter keyID: the service's name for its own key.
    func makeKey(under keyID: String) async throws(RelayError) -> (plain: Secret, wrapped: [UInt8])
    /// Opens what ``makeKey(under:)`` wrapped.
    func openKey(_ wrapped: [UInt8], under keyID: String) async throws(RelayError) -> Secret
}
