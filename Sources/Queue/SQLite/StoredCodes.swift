import Domain

// The numbers that stand for states and events in the file. They never change their meaning.

extension JobState {
    var code: Int {
        switch self {
        case .queued: 0
        case .running: 1
        case .succeeded: 2
        case .errored: 3
        case .canceled: 4
        case .expired: 5
        }
    }

    init?(code: Int) {
        guard let state = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = state
    }
}

extension DeliveryState {
    var code: Int {
        switch self {
        case .pending: 0
        case .delivered: 1
        case .failed: 2
        }
    }

    init(stored code: Int) throws {
        guard let state = Self.allCases.first(where: { $0.code == code }) else {
            throw DamagedValue(description: "damaged file: \(code) is no state of a delivery")
        }
        self = state
    }
}

extension EndpointStatus {
    var code: Int {
        switch self {
        case .active: 0
        case .paused: 1
        case .disabled: 2
        }
    }

    init(stored code: Int) throws {
        guard let status = Self.allCases.first(where: { $0.code == code }) else {
            throw DamagedValue(description: "damaged file: \(code) is no status of an endpoint")
        }
        self = status
    }
}

extension WebhookEvent {
    /// One bit each, so that an endpoint's set is one number.
    var code: Int {
        switch self {
        case .jobSucceeded: 1
        case .jobErrored: 2
        case .jobCanceled: 4
        case .jobExpired: 8
        case .batchEnded: 16
        case .webhookDisabled: 32
        case .webhookTest: 64
        }
    }

    init(stored code: Int) throws {
        guard let event = Self.allCases.first(where: { $0.code == code }) else {
            throw DamagedValue(description: "damaged file: \(code) is no event")
        }
        self = event
    }

    static func set(code: Int) -> Set<WebhookEvent> {
        Set(allCases.filter { code & $0.code != 0 })
    }
}

extension Set<WebhookEvent> {
    var code: Int { reduce(0) { $0 | $1.code } }
}
