import Domain
import Synchronization

extension Gateway {
    /// Draws every consequence of a verdict but the job's own.
    /// - Parameter key: nil if it has been removed meanwhile.
    func book(_ verdict: Verdict, key: UpstreamKey?, egress: String) async {
        let now = wall.now()
        let pause = state.withLock { $0.book(verdict, key: key, egress: egress, at: now) }
        guard let key, let pause, key.rate != nil else { return }
        // If the ledger cannot be written, this process still knows the pause by itself.
        try? await ledger.pause(.key(key.id), until: pause)
    }
}

extension Gateway.State {
    /// Returns until when the key's pacing scope must pause, if it must.
    fileprivate mutating func book(
        _ verdict: Verdict, key: UpstreamKey?, egress path: String, at now: Timestamp
    ) -> Timestamp? {
        inFlight = max(0, inFlight - 1)
        switch verdict {
        case .egressRefused: egress.refused(path)
        case .egressFault(let failure):
            if failure.blamesPath { egress.faulted(path, at: now) }
        case .success, .clientFault, .rateLimited, .spendLimited, .overloaded, .keyRefused, .permissionRefused,
            .upstreamFault:
            egress.answered(path)
        }
        switch verdict {
        case .success:
            brake.succeeded()
            if let key { roster.succeeded(key) }
        case .overloaded(let delay): brake.overloaded(retryAfter: delay, at: now)
        case .keyRefused: if let key { roster.refused(key, at: now) }
        case .permissionRefused: if let key { roster.lacksPermission(key, at: now) }
        case .spendLimited: if let key { roster.spendLimited(key, at: now) }
        case .rateLimited(let delay):
            // 1 s if it does not say, and never more than 10 minutes.
            let until = now.advanced(by: min(delay ?? .seconds(1), .seconds(600)))
            if let key { pauses[key.id] = max(until, pauses[key.id] ?? until) }
            return until
        case .clientFault, .egressRefused, .egressFault, .upstreamFault: break
        }
        return nil
    }
}

extension TransportFailure {
    /// Whether the way out may be to blame: not for what we did, and not for what the upstream sent too much of.
    fileprivate var blamesPath: Bool {
        switch kind {
        case .malformed: maybeSent  // otherwise it is our request that libcurl did not take
        case .resolve, .connect, .tls, .proxy, .timeout, .broken: true
        case .addressRefused, .tooLarge, .altered, .canceled: false
        }
    }
}
