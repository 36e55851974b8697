/// What is known of a call when a permit is asked for it.
package struct CallDemand: Hashable, Sendable {
    package let urgency: Urgency
    /// nil for a call to no model (lists of models), which counts in no organization's limits.
    package let model: String?
    /// Of its body; nil if it is not known yet.
    package let bytes: Int?
    package let maxTokens: Int?
    /// Stands for the part of the prompt that the provider may have cached; nil if it has none or it is not known.
    package let prefix: UInt64?
    /// Whether it may be to any model: its body cannot be read.
    package let isUnread: Bool

    package init(
        _ urgency: Urgency, model: String? = nil, bytes: Int? = nil, maxTokens: Int? = nil, prefix: UInt64? = nil
    ) {
        self.urgency = urgency
        self.model = model
        self.bytes = bytes
        self.maxTokens = maxTokens
        self.prefix = prefix
        self.isUnread = false
    }

    private init(unread urgency: Urgency, bytes: Int) {
        (self.urgency, self.bytes, self.isUnread) = (urgency, bytes, true)
        (self.model, self.maxTokens, self.prefix) = (ModelClass.other.name, nil, nil)
    }

    /// Of a call whose body is compressed. It counts as of class `other`, and in every class of models that its
    /// organization and workspace have limits for by name: whichever it is of, their limits hold.
    package static func unread(_ urgency: Urgency, bytes: Int) -> CallDemand {
        CallDemand(unread: urgency, bytes: bytes)
    }

    package var models: ModelClass? { model.map(ModelClass.init(model:)) }
}
