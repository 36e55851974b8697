import HTTPTypes

extension HTTPField.Name {
    private static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("'\(name)' is no header name") }
        return name
    }

    static let apiKey = known("x-api-key")
    static let contentTypeOptions = known("x-content-type-options")
    static let idempotencyKey = known("idempotency-key")
    static let idempotentReplayed = known("idempotent-replayed")
    static let referrerPolicy = known("referrer-policy")
    static let relayAccepted = known("x-relay-accepted")
    static let relayAttachedTo = known("x-relay-attached-to")
    static let relayError = known("x-relay-error")
    static let relayRefused = known("x-relay-refused")
    static let relayRequestID = known("x-relay-request-id")
    static let requestID = known("request-id")
    static let shouldRetry = known("x-should-retry")
    static let stainlessRetryCount = known("x-stainless-retry-count")
}
