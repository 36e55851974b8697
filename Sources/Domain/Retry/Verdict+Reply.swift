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
        if error.isSpendLimit || status == 400 && error.tellsSpendLimit { return .spendLimited }
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
        if reply.headers.first("content-type")?.lowercased().hasPrefix("text/event-stream") == true {
            var scanner = SSEScanner()
            return scanner.feed(reply.body).contains(.stop)
        }
        return (try? JSONScanner.members(of: reply.body)) != nil
    }
}
