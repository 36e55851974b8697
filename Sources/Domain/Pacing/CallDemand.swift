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

    package init(
        _ urgency: Urgency, model: String? = nil, bytes: Int? = nil, maxTokens: Int? = nil, prefix: UInt64? = nil
    ) {
        self.urgency = urgency
        self.model = model
        self.bytes = bytes
        self.maxTokens = maxTokens
        self.prefix = prefix
    }

    package var models: ModelClass? { model.map(ModelClass.init(model:)) }
}
