/// A request as far as it tells whether another one is the same: who sends what to which path, with which headers.
package struct SharedRequest: Hashable, Sendable {
    /// Headers that differ between a first try and its retry, or that say nothing about the answer.
    private static let irrelevant: Set<String> = [
        "user-agent", "traceparent", "tracestate", "baggage", "x-request-id", "x-correlation-id",
    ]

    private let tenant: TenantID
    private let target: String
    private let headers: [HeaderField]
    private let body: DigestedBody

    /// - Parameters:
    ///   - target: path and query.
    ///   - headers: what would be forwarded. Those of the SDK's own bookkeeping (`x-stainless-…`) do not count.
    package init(tenant: TenantID, target: String, headers: [HeaderField], body: DigestedBody) {
        self.tenant = tenant
        self.target = target
        self.headers = headers.map { HeaderField($0.name.lowercased(), $0.value) }
            .filter { !$0.name.hasPrefix("x-stainless-") && !Self.irrelevant.contains($0.name) }
            .sorted { ($0.name, $0.value) < ($1.name, $1.value) }
        self.body = body
    }

    /// Of the body.
    var bytes: Int { body.bytes.count }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(tenant)
        hasher.combine(body.digest)
    }
}
