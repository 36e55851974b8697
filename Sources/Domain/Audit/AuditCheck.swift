/// Follows the chain of an audit log from its first line and finds where it does not hold. Pure.
package struct AuditCheck: Sendable {
    package enum Problem: Error, Hashable, Sendable {
        /// A line is missing or out of place: `expected` was next, `met` came.
        case gap(expected: Int64, met: Int64)
        /// The line, or one before it, is not what was recorded.
        case brokenSeal(sequence: Int64)
    }

    /// The number of the last line that held.
    package private(set) var count: Int64 = 0
    /// The seal of the last line that held: whoever keeps it elsewhere can tell later that no line was cut off the end.
    package private(set) var head: [UInt8] = []

    package init() {}

    /// Takes the next line.
    /// - Throws: ``Problem``, or what the sealer says.
    package mutating func take(_ entry: AuditEntry, by sealer: any AuditSealer) throws {
        guard entry.sequence == count + 1 else { throw Problem.gap(expected: count + 1, met: entry.sequence) }
        guard try sealer.seal(entry.content, after: head) == entry.seal else {
            throw Problem.brokenSeal(sequence: entry.sequence)
        }
        count = entry.sequence
        head = entry.seal
    }
}
