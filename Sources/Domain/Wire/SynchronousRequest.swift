/// What the relay must know of a Messages body that it forwards while the client waits. Whether the rest of it can be
/// answered is for the upstream to say: a newer API may allow what this relay does not know.
///
/// Of a key that occurs twice the last one counts, as in JSON parsers.
package struct SynchronousRequest: Hashable, Sendable {
    /// Whether the answer may be a stream of events. True if the body does not say it plainly: a stream is never held up.
    package let isStream: Bool
    package let model: String
    /// nil for a number that is none of ours to judge.
    package let maxTokens: Int?

    /// - Throws: `body_not_json`; `field_missing` or `field_invalid` for what no Messages call can do without.
    package init(_ document: [UInt8]) throws(RelayError) {
        let fields = try JSONFields(document)
        model = try fields.require("model", ModelName.rule, fields.modelName)
        _ = try fields.require("messages", "an array") { $0 }
        maxTokens = fields.positiveInteger(try fields.require("max_tokens", "a whole number") { $0 })
        isStream = fields.member("stream").map { fields.boolean($0) ?? true } ?? false
    }
}
