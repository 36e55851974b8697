extension Verdict {
    /// What a complete answer means.
    /// - Parameter now: for a `retry-after` that is a date.
    package static func of(_ reply: UpstreamReply, at now: Timestamp) -> Verdict {
        let delay = RetryAfter.read(reply.headers, at: now)
        if (200..<300).contains(reply.status) {
            return isComplete(reply) ? .success : .upstreamFault(retryAfter: delay)
        }
        return refusal(reply.status, ErrorSummary(reply.body), retryAfter: delay)
    }

    /// What an `event: error` inside a 200 stream means, by the envelope's words.
    package static func ofStreamError(type: String, code: String?) -> Verdict {
        let status =
            switch type {
            case "invalid_request_error": 400
            case "authentication_error": 401
            case "billing_error": 402
            case "permission_error": 403
            case "not_found_error": 404
            case "conflict_error": 409
            case "request_too_large": 413
            case "rate_limit_error": 429
            case "overloaded_error": 529
            default: 500
            }
        return refusal(status, ErrorSummary(type: type, code: code, message: nil), retryAfter: nil)
    }

    private static func refusal(_ status: Int, _ error: ErrorSummary, retryAfter delay: Duration?) -> Verdict {
        if error.type == "overloaded_error" { return .overloaded(retryAfter: delay) }
        if error.isSpendLimit { return .spendLimited }
        return switch status {
        case 401, 402: .keyRefused
        case 403 where error.isRegionRefusal: .egressRefused
        case 403: error.type == nil ? .upstreamFault(retryAfter: delay) : .permissionRefused
        case 408: .upstreamFault(retryAfter: delay)
        case 413, 414, 431: .clientFault  // from the edge, in HTML: no smaller when sent again
        case 429: .rateLimited(retryAfter: delay)
        case 529: .overloaded(retryAfter: delay)
        case 400..<500: error.isHTML ? .upstreamFault(retryAfter: delay) : .clientFault
        default: .upstreamFault(retryAfter: delay)
        }
    }

    /// A compressed body is for the client to open; that it arrived whole is all that is known of it here.
    private static func isComplete(_ reply: UpstreamReply) -> Bool {
        let encoding = reply.headers.first("content-encoding")?.lowercased() ?? "identity"
        guard encoding == "identity" else { return !reply.body.isEmpty }
        return (try? JSONScanner.members(of: reply.body)) != nil
    }
}

/// What an error body says, as far as verdicts depend on it.
private struct ErrorSummary {
    var type: String?
    var code: String?
    var message: String?
    /// From the edge in front of the API: says nothing about the request.
    var isHTML = false

    init(type: String?, code: String?, message: String?) {
        self.type = type
        self.code = code
        self.message = message
    }

    init(_ body: [UInt8]) {
        let start = body.first { $0 > 0x20 }
        isHTML = start == UInt8(ascii: "<")
        guard let envelope = try? JSONScanner.members(of: body),
            let error = envelope.last(where: { $0.key == "error" && $0.kind == .object }),
            let members = try? JSONScanner.members(of: body, in: error.value)
        else { return }
        type = Self.text("type", of: members, in: body)
        message = Self.text("message", of: members, in: body)
        guard let details = members.last(where: { $0.key == "details" && $0.kind == .object }),
            let inner = try? JSONScanner.members(of: body, in: details.value)
        else { return }
        code = Self.text("error_code", of: inner, in: body)
    }

    var isSpendLimit: Bool {
        if code == "enforced_spend_limit_reached" || code == "contract_spend_limit_reached" { return true }
        // A limit that the customer has set is told in a 400, in words alone.
        let words = type == "invalid_request_error" ? message?.lowercased() ?? "" : ""
        return words.contains("reached") && (words.contains("spend limit") || words.contains("usage limits"))
    }

    /// The API tells a request from an unsupported region so, and in no other way.
    var isRegionRefusal: Bool {
        message?.lowercased().hasPrefix("request not allowed") ?? false
    }

    private static func text(_ key: String, of members: [JSONMember], in body: [UInt8]) -> String? {
        members.last { $0.key == key && $0.kind == .string }.flatMap { JSONScanner.string(body, at: $0.value) }
    }
}
