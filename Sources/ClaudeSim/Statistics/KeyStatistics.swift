/// What one key did on `POST /v1/messages`.
struct KeyStatistics: Sendable {
    var requests = 0
    var executed = 0
    /// Refused by a limit, not by an injected fault.
    var overLimit = 0
    var statuses: [Int: Int] = [:]
    var faults: [FaultKind: Int] = [:]
    /// Every request that carried the key and was well formed.
    var arrivals = WindowPeak()
    /// Those within the limits.
    var accepted = WindowPeak()
}
