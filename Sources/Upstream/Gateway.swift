package import Domain
import Synchronization

/// The Gateway over a transport: pace → pick key → pick egress → send → classify → book.
///
/// What to do is decided by values in Domain (``KeyRoster``, ``EgressPool``, ``OverloadBrake``, ``Verdict``); here is the
/// one lock around them, the clock and the calls.
package final class Gateway<C: Clock<Duration>>: UpstreamGateway {
    struct State {
        var roster = KeyRoster()
        var owners = KeyOwners()
        var keyFaults = KeyFaults()
        /// Organizations that have limits under several names, as an operator has been told.
        var toldDoubled: Set<KeyOwners.Doubled> = []
        var stalls = StallWatch()
        var egress: EgressPool
        var brake = OverloadBrake()
        /// What is known of pacing scopes without asking the ledger.
        var standing = StandingBook()
        var estimator = TokenEstimator()
        var rules: PacingRules
        var inFlight = 0
        var spread = StartSpread<C.Instant>()

        /// What a call counts in, where anything limits it.
        func demands(of key: UpstreamKey, _ models: ModelClass?, isUnread: Bool = false) -> [ScopeDemand] {
            rules.demands(of: key, models: models, isUnread: isUnread, learned: standing.learned)
        }

        /// Until when the provider is given a rest; nil if it is not.
        mutating func rest(at now: Timestamp) -> Timestamp? {
            brake.rebase(at: now)
            return brake.rests(at: now)
        }
    }

    let configuration: GatewayConfiguration
    let transport: any Transport
    let ledger: any PacingLedger
    let keyring: any UpstreamKeyring
    let clock: C
    let wall: any WallClock
    let state: Mutex<State>
    let onNotice: @Sendable (GatewayNotice) async -> Void

    /// - Parameter onNotice: told what an operator should hear of.
    package init(
        configuration: GatewayConfiguration, transport: any Transport, ledger: any PacingLedger,
        keyring: any UpstreamKeyring, clock: C, wall: any WallClock,
        onNotice: @escaping @Sendable (GatewayNotice) async -> Void = { _ in }
    ) {
        self.onNotice = onNotice
        self.configuration = configuration
        self.transport = transport
        self.ledger = ledger
        self.keyring = keyring
        self.clock = clock
        self.wall = wall
        self.state = Mutex(
            State(
                egress: EgressPool(configuration.egress, preferring: configuration.regions), rules: configuration.pacing
            ))
    }

    /// How keys, ways out and the provider stand now.
    package func status() -> GatewayStatus {
        let now = wall.now()
        let keys = keys()
        return state.withLock { state in
            GatewayStatus(
                keys: keys.map { key in
                    .init(id: key.id, organization: key.organization, outage: state.roster.outage(of: key, at: now))
                },
                paths: state.egress.states(at: now),
                inFlight: state.inFlight, overloadedUntil: state.rest(at: now))
        }
    }

    package func exchange(
        _ call: UpstreamCall, with permit: Permit, avoiding egress: Set<String>
    ) async -> Exchange {
        switch await begin(call, with: permit, avoiding: egress) {
        case .failure(let exchange): exchange
        case .success(let answer): await settle(answer)
        }
    }

    /// A quarter of what a process may be silent.
    private static var renewalPeriod: Duration { CallHold.life / 4 }

    /// Keeps in step with the other processes until the task is cancelled: what they have met, and that our calls in
    /// flight still are.
    package func keepInStep() async {
        var renewedAt: Timestamp?
        while !Task.isCancelled {
            let now = wall.now()
            if let standing = try? await ledger.standing(at: now) {
                state.withLock { $0.standing.merge(standing, at: now) }
            }
            for doubled in doubledLimits() { await onNotice(.limitsDoubled(doubled)) }
            // At once, too, when the clock was set: to the others our calls may seem over. And again soon if it failed.
            let isDue = renewedAt.map { now < $0 || now >= $0.advanced(by: Self.renewalPeriod) } ?? true
            if isDue, (try? await ledger.renew(configuration.holder, at: now)) != nil { renewedAt = now }
            try? await clock.sleep(for: .seconds(1))
        }
    }

    /// Goes over other paths from now on; calls under way stay on theirs.
    package func adopt(_ paths: [EgressPath], preferring regions: [String]) {
        let adopted = state.withLock { state in
            state.egress.replace(paths, preferring: regions)
            return state.egress.paths
        }
        transport.keep(adopted)
    }

    /// The ids of paths whose region was refused and whose outage is still to be recorded for all processes.
    package var unrecordedOutages: [String] { state.withLock { $0.egress.unrecorded } }

    /// The outage of this path is recorded.
    package func recordedOutage(of path: String) {
        state.withLock { $0.egress.recorded(path) }
    }

    /// Exactly these paths are out, by what all processes know, and those that are still to be recorded.
    package func adopt(_ outages: [String: EgressPool.Outage]) {
        state.withLock { $0.egress.setOutages(outages) }
    }

    /// Paces by other limits from now on.
    package func adopt(_ rules: PacingRules) {
        state.withLock { $0.rules = rules }
    }

    package func open(
        _ call: UpstreamCall, with permit: Permit, avoiding egress: Set<String>
    ) async -> OpenedExchange {
        switch await begin(call, with: permit, avoiding: egress) {
        case .failure(let exchange): return .settled(exchange)
        case .success(let answer):
            guard (200..<300).contains(answer.head.status) else { return .settled(await settle(answer)) }
            return .streaming(
                StreamedExchange(
                    status: answer.head.status, headers: answer.head.headers, body: answer.head.body,
                    key: answer.opening.permit.key.id, egress: answer.opening.egress,
                    startedAt: answer.opening.startedAt, permit: answer.opening.permit, call: answer.opening.call,
                    passage: answer.opening.passage))
        }
    }
}

// MARK: One call

extension Gateway {
    /// In the place of a path's id where there was none.
    static var noPath: String { "none" }

    /// A call that is being sent.
    struct Opening {
        let call: UpstreamCall
        let permit: Permit
        /// nil if every path is out.
        let passage: EgressPool.Passage?
        let startedAt: Timestamp

        var egress: String { passage?.id ?? Gateway.noPath }
    }

    /// An answer whose head is there, and what asked for it.
    private struct Answer {
        let opening: Opening
        let head: HTTPAnswer
        let firstByteAt: Timestamp
    }

    private enum Beginning {
        case success(Answer)
        case failure(Exchange)
    }

    private func begin(
        _ call: UpstreamCall, with taken: Permit, avoiding avoided: Set<String>
    ) async -> Beginning {
        let permit: Permit
        switch await fit(taken, to: call) {
        case .success(let fitting): permit = await homed(fitting, for: call)
        case .failure(let deferral): return .failure(notBegun(taken, .deferred(retryAfter: deferral.wait)))
        }
        let places = await waitForStart(of: permit)
        if let unsent = await unsent(permit) {
            state.withLock { $0.spread.giveBack(places) }
            return .failure(unsent)
        }
        let startedAt = wall.now()
        let passage = state.withLock { state in
            state.inFlight += 1
            return state.egress.take(for: permit.key.id, avoiding: avoided, at: startedAt)
        }
        let opening = Opening(call: call, permit: permit, passage: passage, startedAt: startedAt)
        guard let passage else { return .failure(await end(.egressRefused, nil, opening, nil)) }
        do throws(TransportFailure) {
            guard call.isIntact else {
                throw TransportFailure(.altered, maybeSent: false, detail: "the body is not what was taken in")
            }
            let head = try await transport.send(request(call, key: permit.key), over: passage.path)
            if permit.isTrial, (200..<300).contains(head.status) { passed(permit) }
            await learn(head, of: permit, for: call, over: passage)
            return .success(Answer(opening: opening, head: head, firstByteAt: wall.now()))
        } catch {
            return .failure(await end(.egressFault(error), nil, opening, nil))
        }
    }

    /// Sleeps until the permit's start. Calls that wake late, together, are spread out again. Canceled: returns at once.
    /// - Returns: the places that it has taken for that.
    private func waitForStart(of permit: Permit) async -> [StartSpread<C.Instant>.Place] {
        await sleep(until: permit.start)
        guard let block = permit.block, !Task.isCancelled else { return [] }
        let start = state.withLock { $0.spread.start(in: block.shares, at: clock.now) }
        if start.instant > clock.now { try? await clock.sleep(until: start.instant, tolerance: nil) }
        return start.places
    }

    private func sleep(until instant: Timestamp) async {
        // No start lies further ahead, unless the clock was set back.
        let wait = min(instant.duration(since: wall.now()), ScopePacing.maxHorizon)
        if wait > .zero { try? await clock.sleep(for: wait) }
    }

    private func settle(_ answer: Answer) async -> Exchange {
        do throws(TransportFailure) {
            var body = try await answer.head.body.collect(limit: configuration.answerLimit)
            // Errors go to clients and are kept. What refuses a key may say which.
            if answer.head.status >= 400 { answer.opening.permit.key.secret.mask(in: &body) }
            let reply = UpstreamReply(status: answer.head.status, headers: answer.head.headers, body: body)
            let verdict = Verdict.of(reply, at: wall.now())
            return await end(verdict, reply, answer.opening, answer.firstByteAt)
        } catch {
            return await end(.egressFault(error), nil, answer.opening, answer.firstByteAt)
        }
    }

    private func end(
        _ verdict: Verdict, _ reply: UpstreamReply?, _ opening: Opening, _ firstByteAt: Timestamp?
    ) async -> Exchange {
        let usage = verdict == .success ? reply?.usage : nil
        await book(
            verdict, permit: opening.permit, call: opening.call, passage: opening.passage, since: opening.startedAt,
            usage: usage, reply: reply)
        return Exchange(
            verdict: verdict, reply: reply, key: opening.permit.key.id, egress: opening.egress,
            startedAt: opening.startedAt, firstByteAt: firstByteAt, endedAt: wall.now(), usage: usage)
    }

    /// The call with our credential in the place of any other.
    private func request(_ call: UpstreamCall, key: UpstreamKey) -> HTTPRequest {
        var headers = call.headers.filter { !["x-api-key", "authorization"].contains($0.name.lowercased()) }
        headers.append(HeaderField("x-api-key", key.secret.reveal()))
        if call.body != nil, headers.first("content-type") == nil {
            headers.append(HeaderField("content-type", "application/json"))
        }
        return HTTPRequest(
            method: call.method, url: configuration.upstream + call.path, headers: headers, body: call.body,
            timeouts: configuration.timeouts)
    }
}
