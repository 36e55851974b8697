/// One member of a JSON object, by where it stands in the document's bytes.
package struct JSONMember: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case object, array, string, number, boolean, null
    }

    /// Unescaped.
    package let key: String
    /// The value's bytes, without surrounding white space.
    package let value: Range<Int>
    package let kind: Kind

    package init(key: String, value: Range<Int>, kind: Kind) {
        self.key = key
        self.value = value
        self.kind = kind
    }
}
