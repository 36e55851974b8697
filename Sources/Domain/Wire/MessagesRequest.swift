/// What the relay must know of a Messages body before it accepts it. The body itself stays bytes.
///
/// Of a key that occurs twice the last one counts, as in JSON parsers.
package struct MessagesRequest: Hashable, Sendable {
    package let model: String
    package let maxTokens: Int
    package let isStream: Bool

    /// Reads the object that `range` of `document` (by default all of it) holds.
    /// - Parameter path: what leads to the object, for messages, such as `request.`.
    /// - Throws: `body_not_json`, `field_missing` or `field_invalid`.
    package init(_ document: [UInt8], in range: Range<Int>? = nil, path: String = "") throws(RelayError) {
        let fields = try JSONFields(document, in: range, path: path)
        model = try fields.require("model", ModelName.rule, fields.modelName)
        _ = try fields.require("messages", "an array") { $0.kind == .array ? $0 : nil }
        maxTokens = try fields.require("max_tokens", "a whole number of at least 1", fields.positiveInteger)
        isStream = try fields.optional("stream", "true or false", fields.boolean) ?? false
    }
}
