import Domain

/// What came back of one attempt.
struct ReceiverAnswer: Hashable, Sendable {
    let status: Int
    let headers: [HeaderField]
    /// What its body began with.
    let excerpt: [UInt8]
}
