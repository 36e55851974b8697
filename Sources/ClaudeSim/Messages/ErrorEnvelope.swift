import NIOCore

/// An error as the API words it.
struct ErrorEnvelope: Hashable, Sendable {
    let status: Int
    let type: String
    let message: String
    /// `error.details.error_code`, where the API gives one.
    var code: String?

    static let overloaded = ErrorEnvelope(status: 529, type: "overloaded_error", message: "Overloaded")
    static let serverError = ErrorEnvelope(status: 500, type: "api_error", message: "Internal server error")
    static let regionRefused = ErrorEnvelope(status: 403, type: "permission_error", message: "Request not allowed")
    static let unauthenticated = ErrorEnvelope(
        status: 401, type: "authentication_error", message: "invalid x-api-key"
    )
    static let billing = ErrorEnvelope(
        status: 402, type: "billing_error", message: "Your credit balance is too low (injected fault)."
    )
    static let permissionRefused = ErrorEnvelope(
        status: 403, type: "permission_error", message: "Your API key does not have permission (injected fault)."
    )
    static let conflict = ErrorEnvelope(status: 409, type: "conflict_error", message: "Conflict (injected fault).")
    static let timeout = ErrorEnvelope(status: 504, type: "timeout_error", message: "Request timed out.")
    static let tooLarge = ErrorEnvelope(
        status: 413, type: "request_too_large", message: "Request exceeds the maximum size of 32 MB"
    )

    static func invalid(_ message: String) -> ErrorEnvelope {
        ErrorEnvelope(status: 400, type: "invalid_request_error", message: message)
    }

    static func notFound(_ message: String) -> ErrorEnvelope {
        ErrorEnvelope(status: 404, type: "not_found_error", message: message)
    }

    static func methodNotAllowed(_ message: String) -> ErrorEnvelope {
        ErrorEnvelope(status: 405, type: "invalid_request_error", message: message)
    }

    static func rateLimited(_ message: String, code: String? = nil) -> ErrorEnvelope {
        ErrorEnvelope(status: 429, type: "rate_limit_error", message: message, code: code)
    }

    func body(requestID: String) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 160 + message.utf8.count)
        buffer.writeStaticString("{\"type\":\"error\",")
        writeFields(requestID: requestID, into: &buffer)
        buffer.writeStaticString("}")
        return buffer
    }

    /// The members after `type`, without braces: a stream's error event has them too.
    func writeFields(requestID: String, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("\"error\":{\"type\":\"")
        buffer.writeString(type)
        buffer.writeStaticString("\",\"message\":\"")
        buffer.writeString(JSONText.escaped(message))
        buffer.writeStaticString("\"")
        if let code { buffer.writeString(",\"details\":{\"error_code\":\"\(code)\"}") }
        buffer.writeStaticString("},\"request_id\":\"")
        buffer.writeString(requestID)
        buffer.writeStaticString("\"")
    }
}
