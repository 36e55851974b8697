/// What clients may call a model. Names are the clients', and they are stored with jobs and usage.
package enum ModelName {
    /// Bytes of UTF-8.
    package static let lengths = 1...256
    package static let rule = "a string of \(lengths.lowerBound) to \(lengths.upperBound) bytes"

    package static func isAllowed(_ name: String) -> Bool {
        lengths.contains(name.utf8.count)
    }

    /// The longest beginning of `name` that is not too long, with no character of its encoding cut.
    package static func cut(_ name: String) -> String {
        guard name.utf8.count > lengths.upperBound else { return name }
        let bytes = name.utf8.prefix(lengths.upperBound + 1)
        let end = bytes.lastIndex { $0 & 0b1100_0000 != 0b1000_0000 } ?? bytes.startIndex
        return String(name[..<end])
    }
}

extension JSONFields {
    /// nil unless it is a string that ``ModelName`` allows.
    package func modelName(_ member: JSONMember) -> String? {
        string(member).flatMap { ModelName.isAllowed($0) ? $0 : nil }
    }
}
