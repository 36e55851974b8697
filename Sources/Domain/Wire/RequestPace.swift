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
        /// It sends its body, but more slowly than it must.
        case bodyRate
    }

    private enum Stage: Hashable {
        /// No byte yet: to ``head`` with the first one.
        case opened(since: Duration)
        /// To ``body`` when it is complete.
        case head(since: Duration)
        /// To itself with each piece, to ``resting`` at its end.
        case body(BodyPace)
        /// Between two requests; to ``head`` with the next byte.
        case resting
    }

    private let headTimeout: Duration
    private let bodyTimeout: Duration
    private let bodyRate: Int
    private var stage: Stage
    /// Since when we do not read: a client cannot send what we do not take. nil: we do.
    private var pausedSince: Duration?
    /// Whether a read was asked for that nothing has come of yet.
    private var isAsked = false

    /// - Parameter bodyRate: bytes/s that a body must come with in the long run; 0: any. See ``BodyPace``.
    package init(headTimeout: Duration, bodyTimeout: Duration, bodyRate: Int, openedAt now: Duration) {
        self.headTimeout = headTimeout
        self.bodyTimeout = bodyTimeout
        self.bodyRate = bodyRate
        stage = .opened(since: now)
    }

    /// Whether a head has been passed on whose body has not ended.
    package var isInBody: Bool {
        if case .body = stage { true } else { false }
    }

    /// Bytes of a request or of the next one, before anybody has looked at them. If reading was thought to be paused, it was
    /// not, and the client gets nothing back for that time.
    package mutating func bytesArrived(at now: Duration) {
        pausedSince = nil
        isAsked = false
        switch stage {
        case .opened, .resting: stage = .head(since: now)
        case .head, .body: break
        }
    }

    /// A head is complete; its body, which may be empty, follows.
    package mutating func headEnded(at now: Duration) {
        pausedSince = nil
        stage = .body(BodyPace(grace: bodyTimeout, rate: bodyRate, beganAt: now))
    }

    /// - Parameter bytes: of the body itself, without what frames it.
    package mutating func bodyArrived(bytes: Int, at now: Duration) {
        pausedSince = nil
        guard case .body(var body) = stage else { return }
        body.arrived(bytes: bytes, at: now)
        stage = .body(body)
    }

    package mutating func requestEnded() { stage = .resting }

    /// What was there has been read. Reading is paused, unless the next read has been asked for meanwhile.
    package mutating func readEnded(at now: Duration) {
        if !isAsked, pausedSince == nil { pausedSince = now }
    }

    /// The pause, if there was one, is given to the client on top of its time.
    package mutating func readAsked(at now: Duration) {
        isAsked = true
        if let pausedSince, case .body(var body) = stage {
            body.excuse(now - pausedSince)
            stage = .body(body)
        }
        pausedSince = nil
    }

    /// What will have lapsed when nothing more happens, and when; nil: the client owes nothing.
    package var due: (lapse: Lapse, at: Duration)? {
        switch stage {
        case .opened(let since): (.silence, since + headTimeout)
        case .head(let since): (.head, since + headTimeout)
        case .body(let body): pausedSince == nil ? (body.isSlow ? .bodyRate : .body, body.due) : nil
        case .resting: nil
        }
    }
}
