/// Counts the open connections of a listener, in all and by where they come from, and decides which new ones are taken.
package struct ConnectionQuota: Sendable {
    package enum Decision: Hashable, Sendable {
        case taken
        /// - Parameter answers: whether there is room to tell the client why; otherwise it only sees the end.
        case refused(Limit, answers: Bool)
    }

    /// What was reached.
    package enum Limit: String, Hashable, Sendable {
        case total, address
    }

    /// Refused connections that may be open until their client has read why.
    package static let mostFarewells = 64

    private let total: Int
    private let perAddress: Int
    private var count = 0
    private var farewells = 0
    private var groups: [AddressGroup: Int] = [:]

    /// - Parameters:
    ///   - total: connections of all clients together, at least 1.
    ///   - perAddress: of one ``AddressGroup``; 0: no limit.
    package init(total: Int, perAddress: Int) {
        self.total = total
        self.perAddress = perAddress
    }

    /// Counts a new connection if it is taken, and until ``closed(from:)``; or its farewell, until ``farewellEnded()``.
    package mutating func opened(from group: AddressGroup) -> Decision {
        guard count < total else { return refuse(.total) }
        if perAddress > 0 {
            let held = groups[group, default: 0]
            guard held < perAddress else { return refuse(.address) }
            groups[group] = held + 1
        }
        count += 1
        return .taken
    }

    /// A connection that was taken is over.
    package mutating func closed(from group: AddressGroup) {
        count -= 1
        guard let held = groups[group] else { return }
        groups[group] = held > 1 ? held - 1 : nil
    }

    /// A refused connection that had room for an answer is over.
    package mutating func farewellEnded() {
        farewells -= 1
    }

    private mutating func refuse(_ limit: Limit) -> Decision {
        guard farewells < Self.mostFarewells else { return .refused(limit, answers: false) }
        farewells += 1
        return .refused(limit, answers: true)
    }
}
