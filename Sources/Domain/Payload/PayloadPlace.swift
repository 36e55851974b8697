/// Where a sealed payload belongs: it opens nowhere else, so that rows that were swapped are noticed.
package struct PayloadPlace: Hashable, Sendable, CustomStringConvertible {
    /// What it is there. The raw values are bound into what is stored; they never change.
    package enum Role: String, Hashable, Sendable {
        case request
        case metadata
        case result
        /// What a receiver has answered to a callback: it may repeat the callback.
        case answer
    }

    package let role: Role
    /// The id of the job, or of the attempt at a delivery.
    package let owner: String

    package init(_ role: Role, of owner: String) {
        self.role = role
        self.owner = owner
    }

    /// Of what a receiver has answered to an attempt, from 1, at a delivery.
    package static func answer(of delivery: String, attempt: Int) -> PayloadPlace {
        PayloadPlace(.answer, of: "\(delivery)#\(attempt)")
    }

    package var description: String { "\(role.rawValue) of \(owner)" }
    /// What a box is bound to.
    package var context: [UInt8] { Array("payload:\(role.rawValue):\(owner)".utf8) }
}
