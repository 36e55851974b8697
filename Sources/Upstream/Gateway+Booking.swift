package import Domain
import Synchronization

extension Gateway {
    /// Draws every consequence of a verdict but the job's own.
    /// - Parameters:
    ///   - passage: the way that it went; nil if there was none.
    ///   - start: when the call began.
    ///   - usage: what the call has cost; nil if that is not known.
    ///   - reply: the whole answer; nil if there is none, or it was streamed.
    func book(
        _ verdict: Verdict, permit: Permit, call: UpstreamCall, passage: EgressPool.Passage?, since start: Timestamp,
        usage: TokenUsage?, reply: UpstreamReply?
    ) async {
        let (error, isForeign) = (reply?.errorWord, reply?.isForeign ?? false)
        let now = wall.now()
        let (pause, outage, rest, refusedPath) = state.withLock { state in
            // One that broke off says nothing of what a whole answer costs.
            if verdict == .success, let usage, let model = call.model {
                state.estimator.learn(model: model, bytes: call.body?.count ?? 0, usage: usage)
            }
            let before = state.roster.outage(of: permit.key, at: now)
            let isPaths = isForeign && passage.map { state.egress.isHeardElsewhere($0.id) } ?? false
            let pause = state.book(verdict, permit, isPaths: isPaths, at: now)
            state.bookKey(verdict, permit, error: error, isForeign: isForeign, at: now)
            let refusedPath = passage.flatMap {
                state.bookPath(verdict, permit, over: $0, since: start, isForeign: isForeign, at: now)
            }
            let outage = state.roster.outage(of: permit.key, at: now)
            return (
                pause, outage?.reason == before?.reason ? nil : outage,
                state.bookFault(verdict, permit, isForeign: isForeign, isPaths: isPaths, at: now), refusedPath
            )
        }
        if let rest, let models = permit.models {
            await onNotice(.keySetAside(permit.key.id, models, until: rest))
        }
        if let outage { await onNotice(.keyOut(permit.key.id, outage)) }
        if let refusedPath { await onNotice(.regionRefused(path: refusedPath)) }
        if let block = permit.block, block.shares.contains(where: \.mustSettle) {
            let cost = usage.map(TokenCost.init) ?? (verdict.surelyCostNothing ? .nothing : nil)
            try? await ledger.settle(permit.slot, of: block, cost: cost, by: configuration.holder, at: now)
        }
        if let pause {
            // If the ledger cannot be written, this process still knows the pause by itself.
            try? await ledger.pause(permit.countedScope, until: pause)
            if error == "ramp_limit_exceeded" { try? await ledger.slowDown(permit.countedScope, at: now) }
        }
    }

    package func book(_ verdict: Verdict, of exchange: StreamedExchange, usage: TokenUsage?) async {
        guard let permit = exchange.permit, let call = exchange.call else { return }
        await book(
            verdict, permit: permit, call: call, passage: exchange.passage, since: exchange.startedAt, usage: usage,
            reply: nil)
    }

    /// Takes over what the provider reports of the key's owner, and of the scope that the call counts in: not of a call whose
    /// body cannot be read, which is of any class, so that its limits are not those of the scope.
    func learn(
        _ head: HTTPAnswer, of permit: Permit, for call: UpstreamCall, over passage: EgressPool.Passage
    ) async {
        let headers = head.headers
        let isSurelyAPI = headers.first("request-id") != nil
        state.withLock { state in
            let now = wall.now()
            if isSurelyAPI || head.status < 400 { state.stalls.answered(permit.models, over: passage, at: now) }
            if isSurelyAPI { state.egress.heard(by: passage, at: now) }
        }
        if let organization = headers.first("anthropic-organization-id"), organization.utf8.count <= 128 {
            state.withLock { _ = $0.owners.learn(organization, of: permit.key) }
        }
        guard permit.models != nil, call.model != nil, let report = RateLimitReport(headers) else { return }
        let (now, scope) = (wall.now(), permit.countedScope)
        let (mustTell, burst) = state.withLock { state in
            (state.standing.learn(report, of: scope, at: now), state.rules.style.tokenBurst)
        }
        if mustTell { try? await ledger.learn(report, of: scope, burst: burst, at: now) }
    }
}

extension Permit {
    /// Where the provider counts the call.
    var countedScope: PacingScope { key.countedScope(of: models) }
}

extension Gateway.State {
    /// Returns until when the scope that the call counts in must pause, if it must.
    /// - Parameter isPaths: whether it was the way out that answered, instead of the upstream.
    fileprivate mutating func book(
        _ verdict: Verdict, _ permit: Permit, isPaths: Bool, at now: Timestamp
    ) -> Timestamp? {
        let calls = inFlight
        inFlight = max(0, inFlight - 1)
        switch verdict {
        case .success: brake.succeeded()
        // Of an address, not of who calls.
        case .overloaded where isPaths, .rateLimited where isPaths: break
        case .overloaded(let delay): brake.overloaded(retryAfter: delay, inFlight: calls, at: now)
        case .rateLimited(let delay):
            // 1 s if it does not say, and never more than 10 minutes.
            let until = now.advanced(by: min(delay ?? .seconds(1), .seconds(600)))
            standing.pause(permit.countedScope, until: until)
            return until
        case .clientFault, .keyRefused, .permissionRefused, .spendLimited, .egressRefused, .egressFault, .upstreamFault,
            .deferred:
            break
        }
        return nil
    }
}

extension Gateway.State {
    /// Returns the path's id if it is out now, as the provider refuses its region. Nothing counts against or for what has
    /// taken the path's place since the call began.
    fileprivate mutating func bookPath(
        _ verdict: Verdict, _ permit: Permit, over passage: EgressPool.Passage, since start: Timestamp, isForeign: Bool,
        at now: Timestamp
    ) -> String? {
        guard egress.ended(passage) else { return nil }
        switch verdict {
        case .egressRefused:
            egress.refused(passage.id)
            return passage.id
        case .egressFault(let failure):
            let isModels = failure.isStall && stalls.blames(permit.models, ratherThan: passage, since: start)
            if failure.blamesPath, !isModels { egress.faulted(passage.id, at: now) }
        case .success, .clientFault, .rateLimited, .spendLimited, .overloaded, .keyRefused, .permissionRefused,
            .upstreamFault:
            if isForeign { egress.answeredForeign(passage.id, at: now) } else { egress.answered(passage.id, at: now) }
        case .deferred: break
        }
        return nil
    }

    /// What the verdict says of the key. A call to no model says nothing: a path that a client has chosen may ask for what
    /// only another kind of key may do, and calls to models find out by themselves.
    /// - Parameter error: the envelope's `error_code` or `type`.
    fileprivate mutating func bookKey(
        _ verdict: Verdict, _ permit: Permit, error: String?, isForeign: Bool, at now: Timestamp
    ) {
        let key = permit.key
        defer { if permit.isTrial { roster.trialEnded(of: key) } }
        guard permit.models != nil else { return }
        switch verdict {
        case .success: roster.succeeded(key, isTrial: permit.isTrial)
        case .keyRefused: if !isForeign { roster.refused(key, at: now) }
        case .spendLimited where error == "invalid_request_error": roster.toldSpendLimit(key, at: now)
        case .spendLimited: roster.spendLimited(key, at: now)
        case .clientFault, .rateLimited, .overloaded, .permissionRefused:
            if permit.isTrial { roster.wasTaken(key) }
        case .egressRefused, .egressFault, .upstreamFault, .deferred: break
        }
    }

    /// Returns until when the key is set aside for the call's class of models, if that begins now.
    /// - Parameter isPaths: as above.
    fileprivate mutating func bookFault(
        _ verdict: Verdict, _ permit: Permit, isForeign: Bool, isPaths: Bool, at now: Timestamp
    ) -> Timestamp? {
        guard let models = permit.models else { return nil }
        switch verdict {
        case .success, .clientFault: keyFaults.succeeded(permit.key, models, at: now)
        case .keyRefused where isForeign && !isPaths, .permissionRefused:
            return keyFaults.refused(permit.key, models, at: now)
        case .upstreamFault where !isPaths: return keyFaults.faulted(permit.key, models, at: now)
        default: break
        }
        return nil
    }
}

extension Verdict {
    /// Whether no token can have been used.
    fileprivate var surelyCostNothing: Bool {
        self != .success && !isMaybeBilled
    }
}

extension TransportFailure {
    /// Whether a connection stood, the request was sent and nothing came in time: a way out may be at fault, or the model.
    fileprivate var isStall: Bool { kind == .timeout && maybeSent }

    /// Whether the way out may be to blame: not for what we did, and not for what the upstream sent too much of.
    var blamesPath: Bool {
        switch kind {
        case .malformed: maybeSent  // otherwise it is our request that libcurl did not take
        case .resolve, .connect, .tls, .proxy, .timeout, .broken: true
        case .addressRefused, .tooLarge, .altered, .exhausted, .canceled: false
        }
    }
}
