/// The JSON body that the relay answers errors with: Anthropic's envelope, with the stable code under `error.details`.
///
/// `{"type":"error","error":{"type":"not_found_error","message":"Claude Relay: …","details":{"error_code":"job_unknown"}},…}`
package enum ErrorEnvelope {
    /// - Parameter requestID: the id of the HTTP request that is answered; nil for what no request caused.
    package static func render(_ error: RelayError, requestID: String?) -> [UInt8] {
        var json = Array(#"{"type":"error","error":{"type":"#.utf8)
        JSONText.append(error.code.anthropicType, to: &json)
        json += #","message":"#.utf8
        JSONText.append("Claude Relay: \(error.message) \(error.remedy)", to: &json)
        json += #","details":{"error_code":"#.utf8
        JSONText.append(error.code.rawValue, to: &json)
        json += #"}},"request_id":"#.utf8
        if let requestID { JSONText.append(requestID, to: &json) } else { json += "null".utf8 }
        json += "}".utf8
        return json
    }
}
