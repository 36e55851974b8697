import Domain

/// How a header list is stored: name and value in turn, each as its length (4 bytes, big endian) and its UTF-8 bytes.
/// No byte is special, so whatever came in comes out.
enum FieldCodec {
    /// With a job's headers the digest of its body is kept, as a last field without a name, which no header can be.
    static func encode(_ fields: [HeaderField], digest: BodyDigest) -> [UInt8] {
        encode(fields + [HeaderField("", digest.text)])
    }

    static func encode(_ fields: [HeaderField]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 8 })
        for field in fields {
            append(field.name, to: &bytes)
            append(field.value, to: &bytes)
        }
        return bytes
    }

    /// nil if `bytes` was not made by ``encode(_:)``.
    static func decode(_ bytes: [UInt8]) -> [HeaderField]? {
        var rest = bytes[...]
        var fields: [HeaderField] = []
        while !rest.isEmpty {
            guard let name = take(from: &rest), let value = take(from: &rest) else { return nil }
            fields.append(HeaderField(name, value))
        }
        return fields
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        let length = UInt32(truncatingIfNeeded: text.utf8.count)
        for shift in stride(from: UInt32(24), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: length >> shift))
        }
        bytes.append(contentsOf: text.utf8)
    }

    private static func take(from rest: inout ArraySlice<UInt8>) -> String? {
        guard rest.count >= 4 else { return nil }
        let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        rest = rest.dropFirst(4)
        guard rest.count >= length else { return nil }
        defer { rest = rest.dropFirst(length) }
        return String(decoding: rest.prefix(length), as: UTF8.self)
    }
}
