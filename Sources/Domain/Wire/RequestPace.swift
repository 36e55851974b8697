/// How far a client has come with its request, and until when it must get further. Times are any clock's, as passed in.
package struct RequestPace: Sendable {
    /// What the client is late with.
    package enum Lapse: Hashable, Sendable {
        /// It has connected and sent nothing.
        case silence
        /// It has begun a head and not ended it.
        case head
        /// It has sent no byte of its body for too long.
        case body
    }

    private enum Stage: Hashable {
        /// No byte yet: to ``head`` with the first one.
        case opened(since: Duration)
        /// To ``body`` when it is complete.
        case head(since: Duration)
        /// To itself with each piece, to ``resting`` at its end.
        case body(since: Duration)
        /// Between two requests; to ``head`` with the next byte.
        case resting
    }

    private let headTimeout: Duration
    private let bodyTimeout: Duration
    private var stage: Stage
    /// Since when we do not read: a client cannot send what we do not take. nil: we do.
    private var pausedSince: Duration?

    package init(headTimeout: Duration, bodyTimeout: Duration, openedAt now: Duration) {
        self.headTimeout = headTimeout
        self.bodyTimeout = bodyTimeout
        stage = .opened(since: now)
    }

    /// Whether a head has been passed on whose body has not ended.
    package var isInBody: Bool {
        if case .body = stage { true } else { false }
    }

    /// Bytes of a request or of the next one, before anybody has looked at them.
    package mutating func bytesArrived(at now: Duration) {
        switch stage {
        case .opened, .resting: stage = .head(since: now)
        case .head, .body: break
        }
    }

    package mutating func headEnded(at now: Duration) { stage = .body(since: now) }

    package mutating func bodyArrived(at now: Duration) {
        if isInBody { stage = .body(since: now) }
    }

    package mutating func requestEnded() { stage = .resting }

    package mutating func readingPaused(at now: Duration) {
        if pausedSince == nil { pausedSince = now }
    }

    /// The pause is given to the client on top of its time.
    package mutating func readingResumed(at now: Duration) {
        if let pausedSince, case .body(let since) = stage {
            stage = .body(since: since + (now - max(since, pausedSince)))
        }
        pausedSince = nil
    }

    /// What will have lapsed when nothing more happens, and when; nil: the client owes nothing.
    package var due: (lapse: Lapse, at: Duration)? {
        switch stage {
        case .opened(let since): (.silence, since + headTimeout)
        case .head(let since): (.head, since + headTimeout)
        case .body(let since): pausedSince == nil ? (.body, since + bodyTimeout) : nil
        case .resting: nil
        }
    }
}
