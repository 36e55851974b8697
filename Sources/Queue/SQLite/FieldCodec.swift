import Domain
import FoundationEssentials

/// How a header list is stored: name and value in turn, each as its length (4 bytes, big endian) and its UTF-8 bytes.
/// No byte is special, so whatever came in comes out.
enum FieldCodec {
    static func encode(_ fields: [HeaderField]) -> Data {
        var data = Data()
        for field in fields {
            append(field.name, to: &data)
            append(field.value, to: &data)
        }
        return data
    }

    /// nil if `data` was not made by ``encode(_:)``.
    static func decode(_ data: Data) -> [HeaderField]? {
        var rest = data[...]
        var fields: [HeaderField] = []
        while !rest.isEmpty {
            guard let name = take(from: &rest), let value = take(from: &rest) else { return nil }
            fields.append(HeaderField(name, value))
        }
        return fields
    }

    private static func append(_ text: String, to data: inout Data) {
        let length = UInt32(truncatingIfNeeded: text.utf8.count)
        for shift in stride(from: UInt32(24), through: 0, by: -8) {
            data.append(UInt8(truncatingIfNeeded: length >> shift))
        }
        data.append(contentsOf: text.utf8)
    }

    private static func take(from rest: inout Data.SubSequence) -> String? {
        guard rest.count >= 4 else { return nil }
        let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        rest = rest.dropFirst(4)
        guard rest.count >= length else { return nil }
        defer { rest = rest.dropFirst(length) }
        return String(decoding: rest.prefix(length), as: UTF8.self)
    }
}
