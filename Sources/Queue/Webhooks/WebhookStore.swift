package import Domain

/// Where registered receivers, the outbox and its log live.
///
/// What is posted stands in the outbox by the transaction that makes it true. It waits in the lane of its receiver, so
/// that one that is dead or slow holds up no other (ADR 0026). Of one job there is one event at most for a receiver, as a
/// job ends once: nothing can overtake anything.
package protocol WebhookStore: Sendable {
    // MARK: Endpoints

    /// - Parameters:
    ///   - revision: the revision of the keyring that sealed its secret.
    ///   - limit: endpoints that its tenant may have, from 1 to ``WebhookEndpoint/most``.
    /// - Returns: false, and nothing is added, if it has them.
    /// - Throws: `keyringChanged` if the store's keyring is another one by now.
    func addEndpoint(
        _ endpoint: WebhookEndpoint, sealedUnder revision: Int, limit: Int
    ) async throws(JobStoreError) -> Bool
    /// Oldest first. A tenant has ``WebhookEndpoint/most`` of them at most.
    /// - Parameters:
    ///   - tenant: nil for an operator, who sees all.
    ///   - after: only those added after this one; nil for the first page. After one that is gone there are none.
    ///   - limit: from 1 to ``WebhookEndpoint/most``; others are brought into it.
    func endpoints(
        of tenant: TenantID?, after: String?, limit: Int
    ) async throws(JobStoreError) -> [WebhookEndpoint]
    func endpoint(_ id: String, of tenant: TenantID?) async throws(JobStoreError) -> WebhookEndpoint?
    /// - Returns: the endpoint afterwards; nil if `tenant` has no such endpoint.
    /// - Throws: `keyringChanged` if `change` holds a secret that was sealed under another keyring than the store's.
    func changeEndpoint(
        _ id: String, of tenant: TenantID?, _ change: EndpointChange, at now: Timestamp
    ) async throws(JobStoreError) -> WebhookEndpoint?
    /// Removes the endpoint and its undelivered events. Returns whether there was one.
    func removeEndpoint(_ id: String, of tenant: TenantID?) async throws(JobStoreError) -> Bool
    /// Posts a test to the endpoint, which is sent even if the endpoint is paused, disabled or failing.
    /// - Parameter data: the payload's `data`.
    /// - Returns: the delivery's id; nil if `tenant` has no such endpoint.
    func postTest(
        _ data: [UInt8], to endpoint: String, of tenant: TenantID?, at now: Timestamp
    ) async throws(JobStoreError) -> String?

    // MARK: Delivering

    /// Claims due deliveries, hidden until `now + duration`. Lanes take turns, the one served longest ago first; of one
    /// lane, what is due first goes first. A lane at its limit, paused or tripped is not even looked at.
    func claimDeliveries(
        _ demand: DeliveryDemand, at now: Timestamp, for duration: Duration
    ) async throws(JobStoreError) -> [Delivery]
    /// Records the end of one attempt, in the delivery, its log and its receiver's health. A stale attempt changes nothing.
    /// - Parameter log: says when the attempt ended.
    /// - Returns: the endpoint, if this disabled it. The tenant's other endpoints hear of it by the same transaction.
    func settleDelivery(
        _ delivery: Delivery, as outcome: DeliveryOutcome, log: DeliveryAttempt, rules: EndpointRules
    ) async throws(JobStoreError) -> EndpointDisabling?

    // MARK: Looking back

    /// Newest first. Looks at ``DeliveryQuery/scanLimit`` deliveries at most: a page may be short, and its cursor tells
    /// where to go on.
    func deliveries(_ query: DeliveryQuery) async throws(JobStoreError) -> DeliveryPage
    func delivery(_ id: String, of tenant: TenantID?) async throws(JobStoreError) -> DeliveryHistory?
    /// Sends a delivery anew that has ended, under the same id, its schedule from the start; one that is pending is due
    /// now, and one that is due or under way stays as it is, without a line in the audit log. One whose endpoint is gone or disabled stays as it is.
    func redeliver(
        _ id: String, of tenant: TenantID?, at now: Timestamp
    ) async throws(JobStoreError) -> RedeliveryOutcome
    /// Sends up to `limit` deliveries anew that failed between `since` and `now`, except those whose endpoint is gone or
    /// disabled.
    /// - Parameters:
    ///   - endpoint: nil for all receivers.
    ///   - now: the same instant in every call of a series, so that what fails again meanwhile is left.
    /// - Returns: how many. Repeat until it is 0.
    func redeliverFailed(
        endpoint: String?, of tenant: TenantID?, since: Timestamp, limit: Int, at now: Timestamp
    ) async throws(JobStoreError) -> Int
    /// Deliveries a state, of all tenants.
    func deliveryCounts() async throws(JobStoreError) -> [DeliveryState: Int]
    /// Receivers a state: those registered and those that something is on its way to. Counts 100,000 at most.
    func laneCounts(at now: Timestamp) async throws(JobStoreError) -> [EndpointHealth.State: Int]
}
