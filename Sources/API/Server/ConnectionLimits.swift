import Domain

/// What one connection may do; the same for all.
struct ConnectionLimits: Sendable {
    let rules: RequestHeadRules
    let headTimeout: Duration
    let bodyTimeout: Duration
    let bodyRate: Int
    let headTooLarge: RelayError

    init(_ configuration: APIConfiguration) {
        rules = RequestHeadRules(targetLimit: configuration.targetLimit)
        headTimeout = configuration.headTimeout
        bodyTimeout = configuration.bodyTimeout
        bodyRate = configuration.bodyRate
        headTooLarge = RelayError(
            .headTooLarge,
            "The request's head has more than \(configuration.headLimit) bytes or \(configuration.headerCount) headers.",
            remedy: "Send less, or raise limits.header_bytes or limits.header_count.")
    }

    func late(with part: String, after timeout: Duration) -> RelayError {
        RelayError(
            .requestTimeout, "The request's \(part) has not come within \(timeout.seconds) s.",
            remedy: "Send it again; look for what holds it up between the client and the relay.")
    }

    var slowBody: RelayError {
        RelayError(
            .requestTimeout,
            "The request's body came more slowly than \(bodyRate) bytes/s, with \(bodyTimeout.seconds) s of grace.",
            remedy: "Send it again; look for what holds it up between the client and the relay.")
    }
}
