import Domain

/// What becomes of paths under `/v1/` that the relay has no route for, but the upstream may have.
struct OtherPaths: Sendable {
    /// The relay's own: never the upstream's to answer, or its state would go around the relay's tenants.
    private static let reserved = [["v1", "jobs"], ["v1", "webhooks"], ["v1", "messages", "batches"]]
    private static let methods: Set<String> = ["GET", "POST", "PUT", "PATCH", "DELETE"]

    /// Forwards a call; nil: such paths are refused.
    let forward: Route.Handler?

    /// Whether the upstream may be asked about the path.
    func concern(_ segments: ArraySlice<Substring>) -> Bool {
        let parts = segments.map { PercentText.decode($0) }
        guard parts.first == "v1", parts.count > 1, !parts.contains(where: { $0.isEmpty || PathPart.misleads($0) })
        else { return false }
        return !Self.reserved.contains { parts.starts(with: $0) }
    }

    /// The route that forwards; nil if it must not be.
    func route(_ method: String) -> Route? {
        guard let forward, Self.methods.contains(method) else { return nil }
        return Route(method, "/v1", scope: .messages, handler: forward)
    }
}
