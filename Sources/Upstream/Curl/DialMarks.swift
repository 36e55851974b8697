import Domain

/// When the steps of the connection that is being made for a call began, as libcurl's callbacks tell; with libcurl's own times they
/// make its phases.
struct DialMarks {
    /// What libcurl has timed of a call, in microseconds from its start. What a second try takes is added to the first's.
    struct Times {
        /// The address was there.
        var resolved = 0
        /// TCP was.
        var connected = 0
        /// TLS with the upstream was; 0 if there was none.
        var secured = 0
    }

    private var asked: ContinuousTicks?
    private var dialled: ContinuousTicks?
    private var secured: ContinuousTicks?
    private var before = Times()

    /// Whether the first socket has been opened.
    var isDialling: Bool { dialled != nil }
    /// Whether the name that is dialled had to be asked for.
    var hasAsked: Bool { asked != nil }

    /// A name is asked for. Only one that is needed for the first socket counts.
    mutating func asking(at now: ContinuousTicks) {
        if asked == nil, dialled == nil { asked = now }
    }

    /// A socket is opened; the first of possibly many counts.
    mutating func dialling(at now: ContinuousTicks) {
        if dialled == nil { dialled = now }
    }

    /// TLS begins through a proxy: with the upstream, if the last time counts.
    mutating func securing(at now: ContinuousTicks) {
        secured = now
    }

    /// The connection is ready; forgets it.
    mutating func made(at now: ContinuousTicks, _ times: Times) -> ConnectionReport.Phases {
        defer { self = DialMarks(before: times) }
        let connect = times.connected - before.connected - (times.resolved - before.resolved)
        var phases = ConnectionReport.Phases(connect: .microseconds(max(0, connect)))
        if let asked, let dialled { phases.resolve = dialled.since(asked) }
        let rest = Duration.microseconds(times.secured - before.secured - (times.connected - before.connected))
        guard rest > .zero else { return phases }
        phases.tls = secured.map { min(now.since($0), rest) } ?? rest
        phases.tunnel = secured == nil ? nil : phases.tls.map { rest - $0 }
        return phases
    }
}

extension DialMarks {
    private init(before: Times) {
        self.before = before
    }
}
