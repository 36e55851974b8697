/// The members of one JSON object by name, with errors that a client can act on.
package struct JSONFields: Sendable {
    package let document: [UInt8]
    /// In the document's order, duplicates included.
    package let members: [JSONMember]
    /// What leads to the object in error messages, such as `request.`; empty at the top.
    private let path: String

    /// - Throws: `body_not_json`, with the offset of the first byte that cannot stand there, or of the first member too many.
    package init(_ document: [UInt8], in range: Range<Int>? = nil, path: String = "") throws(RelayError) {
        let members: [JSONMember]
        do {
            members = try JSONScanner.members(of: document, in: range)
        } catch {
            guard error.reason != .tooManyMembers else {
                throw RelayError(
                    .bodyNotJSON, "The body is a JSON object that is not taken. \(error)",
                    remedy: "Send objects of fewer members; how many their values hold does not matter.")
            }
            throw RelayError(
                .bodyNotJSON, "The body is not a JSON object. \(error)",
                remedy: "Send one JSON object as UTF-8 (RFC 8259).")
        }
        self.document = document
        self.members = members
        self.path = path
    }

    /// nil if the field is absent or null.
    package func member(_ name: String) -> JSONMember? {
        guard let last = last(name), last.kind != .null else { return nil }
        return last
    }

    /// Of a key that occurs twice the last one counts. A handful of names is asked for, so looking through them all costs
    /// less than an index.
    private func last(_ name: String) -> JSONMember? {
        members.last { $0.key == name }
    }

    /// The field's bytes as they stand in the document.
    package func bytes(_ member: JSONMember) -> [UInt8] {
        Array(document[member.value])
    }

    /// - Parameters:
    ///   - allowed: completes "…; allowed is".
    ///   - read: nil if the value is not allowed.
    package func require<Value>(
        _ name: String, _ allowed: String, _ read: (JSONMember) -> Value?
    ) throws(RelayError) -> Value {
        guard let member = last(name) else {
            throw RelayError(
                .fieldMissing, "The field \(path)\(name) is missing; required is \(allowed).", remedy: "Add it.")
        }
        guard let value = read(member) else { throw refusal(of: member, allowed: allowed) }
        return value
    }

    /// nil if the field is absent or null.
    package func optional<Value>(
        _ name: String, _ allowed: String, _ read: (JSONMember) -> Value?
    ) throws(RelayError) -> Value? {
        guard let member = member(name) else { return nil }
        guard let value = read(member) else { throw refusal(of: member, allowed: allowed) }
        return value
    }

    /// - Throws: `field_invalid` for the first field that `allowed` does not name.
    package func allowOnly(_ allowed: [String]) throws(RelayError) {
        guard let stranger = members.first(where: { !allowed.contains($0.key) }) else { return }
        throw RelayError(
            .fieldInvalid,
            "The field \(path)\(stranger.key.prefix(64)) is unknown; allowed are \(allowed.joined(separator: ", ")).",
            remedy: "Remove it or correct its name.")
    }

    package func string(_ member: JSONMember) -> String? {
        JSONScanner.string(document, at: member.value)
    }

    /// nil unless it is a string of at least one character.
    package func nonEmptyString(_ member: JSONMember) -> String? {
        guard let text = string(member), !text.isEmpty else { return nil }
        return text
    }

    package func integer(_ member: JSONMember) -> Int? {
        JSONScanner.integer(document, at: member.value)
    }

    /// nil unless it is a whole number of at least 1.
    package func positiveInteger(_ member: JSONMember) -> Int? {
        guard let number = integer(member), number > 0 else { return nil }
        return number
    }

    package func boolean(_ member: JSONMember) -> Bool? {
        member.kind == .boolean ? document[member.value.lowerBound] == UInt8(ascii: "t") : nil
    }

    private func refusal(of member: JSONMember, allowed: String) -> RelayError {
        let excerpt = String(decoding: document[member.value].prefix(40), as: UTF8.self)
        let met = member.value.count > 40 ? "\(excerpt)…" : excerpt
        return RelayError(
            .fieldInvalid, "The field \(path)\(member.key) is \(met); allowed is \(allowed).", remedy: "Correct it.")
    }
}
