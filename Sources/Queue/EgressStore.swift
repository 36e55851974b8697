package import Domain

/// Which egress paths are out until an operator brings them back: remembered over restarts, known to all processes.
package protocol EgressStore: Sendable {
    /// The first reason stays until the path is brought back.
    func takeOut(_ outage: EgressOutage) async throws(JobStoreError)
    /// Returns whether it was out.
    func bringBack(_ path: String) async throws(JobStoreError) -> Bool
    /// By path; at most 10,000.
    func egressOutages() async throws(JobStoreError) -> [EgressOutage]
}

/// One path that is out.
package struct EgressOutage: Hashable, Sendable {
    /// Its id in the configuration.
    package let path: String
    package let reason: EgressPool.Outage
    /// For people; may be empty.
    package let note: String
    package let since: Timestamp

    package init(path: String, reason: EgressPool.Outage, note: String, since: Timestamp) {
        self.path = path
        self.reason = reason
        self.note = note
        self.since = since
    }
}
