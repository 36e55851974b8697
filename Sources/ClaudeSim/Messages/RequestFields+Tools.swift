extension RequestFields {
    /// The JSON text of the first tool's name in a `tools` array; nil if there is none.
    static func toolName(in tools: ArraySlice<UInt8>) -> String? {
        var reader = JSONReader(Array(tools.dropFirst()))  // from the first element on
        var name: String?
        try? reader.object { (reader, key) throws(JSONReader.Malformed) in
            let value = try reader.skipValue()
            if reader.bytes[key].elementsEqual("name".utf8), reader.bytes[value].first == UInt8(ascii: "\"") {
                name = String(decoding: reader.bytes[value], as: UTF8.self)
            }
        }
        return name
    }

    /// Whether `text` stands in `bytes`, wherever that is.
    static func contains(_ text: String, in bytes: ArraySlice<UInt8>) -> Bool {
        let sought = Array(text.utf8)
        guard let first = sought.first else { return true }
        return bytes.indices.contains { bytes[$0] == first && bytes[$0...].starts(with: sought) }
    }
}
