extension FaultKind {
    /// What the client reads of a fault that comes as an error envelope; nil for all others.
    var envelope: ErrorEnvelope? {
        switch self {
        case .serverError: .serverError
        case .overloaded, .overloadedRetryAfter: .overloaded
        case .rateLimited: .rateLimited("This request would exceed your organization's rate limit (injected fault).")
        case .spendLimited:
            .rateLimited(
                "Your organization has reached its monthly spend limit (injected fault).",
                code: "enforced_spend_limit_reached")
        case .regionRefused: .regionRefused
        case .unauthenticated: .unauthenticated
        case .billing: .billing
        case .badRequest: .invalid("messages: refused (injected fault).")
        case .permissionRefused: .permissionRefused
        case .notFound: .notFound("model: refused (injected fault)")
        case .conflict: .conflict
        case .tooLarge: .tooLarge
        case .timeout: .timeout
        case .gatewayPage, .reset, .hang, .resetBody, .resetStream, .errorStream, .slowFirstByte, .drip,
            .truncatedJSON:
            nil
        }
    }

    /// The header `retry-after`, in seconds.
    var retryAfterSeconds: Int? {
        switch self {
        case .rateLimited: 1
        case .overloadedRetryAfter: 2
        default: nil
        }
    }
}
