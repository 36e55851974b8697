package import Domain

/// A request to the upstream, without credential and host.
package struct UpstreamCall: Hashable, Sendable {
    /// In capitals.
    package let method: String
    /// With query, from the leading slash.
    package let path: String
    /// What the client sent, less what concerns only its hop and the relay. No credential.
    package let headers: [HeaderField]
    package let body: [UInt8]?
    /// Of the body as it was taken in; nil if none was made. A body that has changed since is not sent.
    package let digest: BodyDigest?
    /// What it asks for by the body; nil if that is not known, or the call is to no model.
    package let model: String?

    package init(
        method: String, path: String, headers: [HeaderField], body: [UInt8]?, digest: BodyDigest? = nil,
        model: String? = nil
    ) {
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.digest = digest
        self.model = model
    }

    /// Whether the body is still the one that was taken in, as far as that can be told.
    package var isIntact: Bool { digest.map { $0 == BodyDigest(body ?? []) } ?? true }
}

/// The right to send one call with one key from `start` on.
package struct Permit: Hashable, Sendable {
    package let key: UpstreamKey
    package let start: Timestamp
    /// Where in the ledger it came from; nil for what nothing limits.
    package let block: SlotBlock?
    /// Its number in the block.
    package let slot: Int
    /// The class of models that it was booked for; nil for none.
    package let models: ModelClass?
    /// Whether the call may still go with another key, where its prompt is cached: it was not known when this was taken.
    package let isMovable: Bool
    /// Whether the call tries a key that was out: it is the only one that may.
    package let isTrial: Bool

    package init(
        key: UpstreamKey, start: Timestamp, block: SlotBlock?, slot: Int = 0, models: ModelClass? = nil,
        isMovable: Bool = false, isTrial: Bool = false
    ) {
        self.key = key
        self.isMovable = isMovable
        self.isTrial = isTrial
        self.start = start
        self.block = block
        self.slot = slot
        self.models = models
    }
}
