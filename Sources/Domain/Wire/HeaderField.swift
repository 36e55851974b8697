/// One HTTP header line. Names compare without regard to case; the spelling and the order are kept.
package struct HeaderField: Hashable, Sendable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

extension [HeaderField] {
    /// The first value under `name`, which must be given in lower case; nil if there is none.
    package func first(_ name: String) -> String? {
        first { $0.name.lowercased() == name }?.value
    }
}
