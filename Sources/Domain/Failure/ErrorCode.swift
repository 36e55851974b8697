/// Every code the relay itself can answer with, stable for ever. `docs/errors.md` lists them; a test compares the two.
package enum ErrorCode: String, Hashable, Sendable, CaseIterable {
    case framingInvalid = "framing_invalid"
    case headTooLarge = "head_too_large"
    case targetTooLong = "target_too_long"
    case requestTimeout = "request_timeout"
    case tooManyConnections = "too_many_connections"
    case bodyNotJSON = "body_not_json"
    case bodyTooLarge = "body_too_large"
    case fieldMissing = "field_missing"
    case fieldInvalid = "field_invalid"
    case bulkTooLarge = "bulk_too_large"
    case headerInvalid = "header_invalid"
    case queryInvalid = "query_invalid"
    case tokenMissing = "token_missing"
    case tokenInvalid = "token_invalid"
    case authThrottled = "auth_throttled"
    case scopeMissing = "scope_missing"
    case routeUnknown = "route_unknown"
    case methodNotAllowed = "method_not_allowed"
    case tokenUnknown = "token_unknown"
    case tokenLimitReached = "token_limit_reached"
    case jobUnknown = "job_unknown"
    case jobNotEnded = "job_not_ended"
    case jobAlreadyEnded = "job_already_ended"
    case jobNotReplayable = "job_not_replayable"
    case payloadErased = "payload_erased"
    case batchInvalid = "batch_invalid"
    case batchUnknown = "batch_unknown"
    case batchNotEnded = "batch_not_ended"
    case batchArchived = "batch_archived"
    case webhookUnknown = "webhook_unknown"
    case deliveryUnknown = "delivery_unknown"
    case webhookRefused = "webhook_refused"
    case webhookLimitReached = "webhook_limit_reached"
    case webhookChangesLimited = "webhook_changes_limited"
    case deliveryNotSendable = "delivery_not_sendable"
    case idempotencyConflict = "idempotency_conflict"
    case queueFull = "queue_full"
    case tenantRateLimited = "tenant_rate_limited"
    case tenantConcurrency = "tenant_concurrency"
    case tenantQueueFull = "tenant_queue_full"
    case modelNotAllowed = "model_not_allowed"
    case budgetExhausted = "budget_exhausted"
    case tenantUnknown = "tenant_unknown"
    case storeUnavailable = "store_unavailable"
    case storeBusy = "store_busy"
    case noUpstreamKey = "no_upstream_key"
    case noEgressPath = "no_egress_path"
    case egressUnknown = "egress_unknown"
    case localExhaustion = "local_exhaustion"
    case pacingExhausted = "pacing_exhausted"
    case upstreamUnreachable = "upstream_unreachable"
    case retriesExhausted = "retries_exhausted"
    case canceled = "canceled"
    case deadlinePassed = "deadline_passed"
    case shuttingDown = "shutting_down"
    case sealedValueUnreadable = "sealed_value_unreadable"
    case internalFault = "internal_fault"
    // Met on the command line, never over HTTP:
    case configurationInvalid = "configuration_invalid"
    case configurationLocked = "configuration_locked"
    case masterKeyUnusable = "master_key_unusable"
    case masterKeyMismatch = "master_key_mismatch"
    case keyServiceUnavailable = "key_service_unavailable"
    case argumentInvalid = "argument_invalid"
    case auditBroken = "audit_broken"
    case relayUnreachable = "relay_unreachable"

    /// The HTTP status and the Anthropic error type that clients' SDKs choose their exception by.
    package var status: Int {
        switch self {
        case .framingInvalid, .bodyNotJSON, .fieldMissing, .fieldInvalid, .headerInvalid, .queryInvalid,
            .webhookRefused, .batchInvalid, .batchNotEnded:
            400
        case .tokenMissing, .tokenInvalid: 401
        case .scopeMissing, .modelNotAllowed: 403
        case .routeUnknown, .jobUnknown, .batchUnknown, .batchArchived, .webhookUnknown, .deliveryUnknown,
            .egressUnknown, .tokenUnknown, .tenantUnknown:
            404
        case .methodNotAllowed: 405
        case .requestTimeout: 408
        case .jobNotEnded, .jobAlreadyEnded, .jobNotReplayable, .idempotencyConflict, .canceled,
            .tokenLimitReached, .webhookLimitReached, .deliveryNotSendable:
            409
        case .payloadErased: 410
        case .bodyTooLarge, .bulkTooLarge: 413
        case .targetTooLong: 414
        case .headTooLarge: 431
        case .authThrottled, .tenantRateLimited, .tenantConcurrency, .tenantQueueFull, .budgetExhausted,
            .webhookChangesLimited:
            429
        case .internalFault, .configurationInvalid, .configurationLocked, .masterKeyUnusable, .masterKeyMismatch,
            .keyServiceUnavailable, .sealedValueUnreadable, .argumentInvalid, .auditBroken:
            500
        case .relayUnreachable, .upstreamUnreachable, .retriesExhausted: 502
        case .queueFull, .storeUnavailable, .storeBusy, .noUpstreamKey, .noEgressPath, .pacingExhausted, .shuttingDown,
            .localExhaustion, .tooManyConnections:
            503
        case .deadlinePassed: 504
        }
    }

    /// The envelope's `error.type`, after `anthropic-api.md` §5.
    package var anthropicType: String {
        switch status {
        case 400, 405, 414, 431: "invalid_request_error"
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404, 410: "not_found_error"
        case 409: "conflict_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 408, 504: "timeout_error"
        default: "api_error"
        }
    }
}
