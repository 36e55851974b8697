/// What can go wrong on purpose. The raw value is its name on the command line, in headers and in statistics.
enum FaultKind: String, CaseIterable, Hashable, Sendable, Codable {
    case serverError = "500"
    case gatewayPage = "502-html"
    case overloaded = "529"
    case overloadedRetryAfter = "529-retry-after"
    case rateLimited = "429"
    case spendLimited = "429-spend"
    case regionRefused = "403-region"
    case unauthenticated = "401"
    case reset = "reset"
    case resetBody = "reset-body"
    case resetStream = "reset-stream"
    case errorStream = "error-stream"
    case slowFirstByte = "slow-first-byte"
    case drip = "drip"
    case hang = "hang"
    case truncatedJSON = "truncated-json"
    case badRequest = "400"
    case billing = "402"
    case permissionRefused = "403"
    case notFound = "404"
    case conflict = "409"
    case tooLarge = "413"
    case timeout = "504"

    init(named name: some StringProtocol) throws(SettingError) {
        guard let kind = FaultKind(rawValue: String(name)) else {
            let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw SettingError("'\(name)' is not a fault: use one of \(known).")
        }
        self = kind
    }

    /// Whether the model did the work, so that the real API would have billed it: true for every fault that comes
    /// after the answer was made, and for `hang`, where the client cannot know.
    var countsAsExecuted: Bool {
        switch self {
        case .serverError, .gatewayPage, .overloaded, .overloadedRetryAfter, .rateLimited, .spendLimited,
            .regionRefused, .unauthenticated, .reset, .badRequest, .billing, .permissionRefused, .notFound, .conflict,
            .tooLarge, .timeout:
            false
        case .resetBody, .resetStream, .errorStream, .slowFirstByte, .drip, .hang, .truncatedJSON: true
        }
    }

    /// The status the client gets to see, nil when the connection ends or hangs before one.
    var status: Int? {
        switch self {
        case .serverError: 500
        case .gatewayPage: 502
        case .overloaded, .overloadedRetryAfter: 529
        case .rateLimited, .spendLimited: 429
        case .regionRefused: 403
        case .unauthenticated: 401
        case .badRequest: 400
        case .billing: 402
        case .permissionRefused: 403
        case .notFound: 404
        case .conflict: 409
        case .tooLarge: 413
        case .timeout: 504
        case .reset, .hang: nil
        case .resetBody, .resetStream, .errorStream, .slowFirstByte, .drip, .truncatedJSON: 200
        }
    }

    /// The same trouble for the kind of answer asked for: streams break as streams, plain answers as bodies.
    func fitted(toStream isStream: Bool) -> FaultKind {
        switch (self, isStream) {
        case (.resetBody, true): .resetStream
        case (.resetStream, false): .resetBody
        case (.errorStream, false): .overloaded
        default: self
        }
    }
}
