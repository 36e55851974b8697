/// Makes and opens the secrets that webhook deliveries are signed with: `whsec_` and base64, as Standard Webhooks has it.
package protocol WebhookSecrets: Sendable {
    /// A new random secret for the endpoint `id`, with its sealed form to store.
    func issue(endpoint id: String) throws(RelayError) -> (secret: Secret, sealed: [UInt8])
    /// Opens what ``issue(endpoint:)`` sealed.
    func open(_ sealed: [UInt8], endpoint id: String) throws(RelayError) -> Secret
    /// What signs deliveries to URLs that the tenant's jobs name themselves. Always the same for a tenant.
    func shared(by tenant: TenantID) -> Secret
}
