/// Where timestamps come from. The relay's is the system clock; tests move theirs by hand.
package protocol WallClock: Sendable {
    /// The present, in UTC. May step backwards when the system clock is set.
    func now() -> Timestamp
}
