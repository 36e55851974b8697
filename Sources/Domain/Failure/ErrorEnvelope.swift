/// The JSON body that the relay answers errors with: Anthropic's envelope, with the stable code under `error.details`.
///
/// `{"type":"error","error":{"type":"not_found_error","message":"…","details":{"error_code":"job_unknown"}},"request_id":null}`
package enum ErrorEnvelope {
    /// - Parameter requestID: the id of the HTTP request that is answered; nil for what no request caused.
    package static func render(_ error: RelayError, requestID: String?) -> [UInt8] {
        var json = Array(#"{"type":"error","error":{"type":"#.utf8)
        append(error.code.anthropicType, to: &json)
        json += #","message":"#.utf8
        append("\(error.message) \(error.remedy)", to: &json)
        json += #","details":{"error_code":"#.utf8
        append(error.code.rawValue, to: &json)
        json += #"}},"request_id":"#.utf8
        if let requestID { append(requestID, to: &json) } else { json += "null".utf8 }
        json += "}".utf8
        return json
    }

    /// Appends `text` as a JSON string (RFC 8259 §7): only the quote, the backslash and controls need escaping.
    private static func append(_ text: String, to json: inout [UInt8]) {
        json.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): json += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): json += #"\n"#.utf8
            case 0..<0x20: json += [0x5C, 0x75, 0x30, 0x30, hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
            default: json.append(byte)
            }
        }
        json.append(UInt8(ascii: "\""))
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)
}
