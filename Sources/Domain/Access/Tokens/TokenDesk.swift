/// Makes credentials and sees to it that what the store says of them is in force.
package protocol TokenDesk: Sendable {
    /// A new API key, which is not stored yet, and how it is to be kept.
    func makeAPIKey(for caller: Caller, name: String, lifetime: Duration?) -> (secret: Secret, key: APIKey)
    /// Returns once this process obeys what the store says now. Should the store not be readable, it follows within a
    /// second of when it is.
    func refresh() async
}
