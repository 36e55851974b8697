/// What came from one client address.
struct SourceStatistics: Hashable, Sendable {
    var requests = 0
    /// Because of the address.
    var refused = 0
}
