package import Domain
import Synchronization

/// The Gateway over a transport: pace → pick key → pick egress → send → classify → book.
///
/// What to do is decided by values in Domain (``KeyRoster``, ``EgressPool``, ``OverloadBrake``, ``Verdict``); here is the
/// one lock around them, the clock and the calls.
package final class Gateway<C: Clock<Duration>>: UpstreamGateway {
    struct State {
        var roster = KeyRoster()
        var egress: EgressPool
        var brake = OverloadBrake()
        /// Until when rate-limited keys rest, by id; a key with a rate rests in the ledger too, for all processes.
        var pauses: [String: Timestamp] = [:]
        var inFlight = 0
        /// When each key last started a call, by id.
        var lastStarts: [String: Timestamp] = [:]
    }

    let configuration: GatewayConfiguration
    let transport: any Transport
    let ledger: any PacingLedger
    let keyring: any UpstreamKeyring
    let clock: C
    let wall: any WallClock
    let state: Mutex<State>

    package init(
        configuration: GatewayConfiguration, transport: any Transport, ledger: any PacingLedger,
        keyring: any UpstreamKeyring, clock: C, wall: any WallClock
    ) {
        self.configuration = configuration
        self.transport = transport
        self.ledger = ledger
        self.keyring = keyring
        self.clock = clock
        self.wall = wall
        self.state = Mutex(State(egress: EgressPool(configuration.egress)))
    }

    /// How keys, ways out and the provider stand now.
    package func status() -> GatewayStatus {
        let now = wall.now()
        let keys = keyring.keys()
        return state.withLock { state in
            GatewayStatus(
                keys: keys.map { key in
                    .init(id: key.id, organization: key.organization, outage: state.roster.outage(of: key, at: now))
                },
                paths: state.egress.states(at: now).map { .init(id: $0.id, state: $0.state) },
                inFlight: state.inFlight, overloadedUntil: state.brake.rests(at: now))
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
                    key: answer.key.id, egress: answer.egress, startedAt: answer.startedAt))
        }
    }

    package func book(_ verdict: Verdict, of exchange: StreamedExchange) async {
        let key = keyring.keys().first { $0.id == exchange.key }
        await book(verdict, key: key, egress: exchange.egress)
    }
}

// MARK: One call

extension Gateway {
    /// An answer whose head is there, and who answered whom.
    private struct Answer {
        let head: HTTPAnswer
        let key: UpstreamKey
        let egress: String
        let startedAt: Timestamp
        let firstByteAt: Timestamp
    }

    private enum Beginning {
        case success(Answer)
        case failure(Exchange)
    }

    private func begin(
        _ call: UpstreamCall, with permit: Permit, avoiding avoided: Set<String>
    ) async -> Beginning {
        await waitForStart(of: permit)
        let startedAt = wall.now()
        let path = state.withLock { state in
            state.inFlight += 1
            return state.egress.choose(for: permit.key.id, avoiding: avoided, at: startedAt)
        }
        guard let path else {
            return .failure(await end(.egressRefused, nil, permit.key, "none", startedAt, nil))
        }
        do throws(TransportFailure) {
            guard !Task.isCancelled else {
                throw TransportFailure(.canceled, maybeSent: false, detail: "canceled before it was sent")
            }
            guard call.isIntact else {
                throw TransportFailure(.altered, maybeSent: false, detail: "the body is not what was taken in")
            }
            let head = try await transport.send(request(call, key: permit.key), over: path)
            return .success(
                Answer(head: head, key: permit.key, egress: path.id, startedAt: startedAt, firstByteAt: wall.now()))
        } catch {
            return .failure(await end(.egressFault(error), nil, permit.key, path.id, startedAt, nil))
        }
    }

    /// Sleeps until the permit's start. Calls of a key that wake late, together, are spread out again; a little faster
    /// than the rate, so that the delay does not add up. Canceled: returns at once.
    private func waitForStart(of permit: Permit) async {
        await sleep(until: permit.start)
        guard let spacing = permit.block?.spacing else { return }
        let start = state.withLock { state in
            let now = wall.now()
            let earliest = state.lastStarts[permit.key.id]?.advanced(by: spacing * 49 / 50) ?? now
            // Further ahead than any bunch reaches: the clock was set back.
            let isPlausible = earliest <= now.advanced(by: max(.seconds(2), spacing * 2))
            let start = isPlausible ? max(now, earliest) : now
            state.lastStarts[permit.key.id] = start
            return start
        }
        await sleep(until: start)
    }

    private func sleep(until instant: Timestamp) async {
        let wait = instant.duration(since: wall.now())
        if wait > .zero { try? await clock.sleep(for: wait) }
    }

    private func settle(_ answer: Answer) async -> Exchange {
        do throws(TransportFailure) {
            let body = try await answer.head.body.collect(limit: configuration.answerLimit)
            let reply = UpstreamReply(status: answer.head.status, headers: answer.head.headers, body: body)
            let verdict = Verdict.of(reply, at: wall.now())
            return await end(verdict, reply, answer.key, answer.egress, answer.startedAt, answer.firstByteAt)
        } catch {
            return await end(
                .egressFault(error), nil, answer.key, answer.egress, answer.startedAt, answer.firstByteAt)
        }
    }

    private func end(
        _ verdict: Verdict, _ reply: UpstreamReply?, _ key: UpstreamKey, _ egress: String, _ startedAt: Timestamp,
        _ firstByteAt: Timestamp?
    ) async -> Exchange {
        await book(verdict, key: key, egress: egress)
        return Exchange(
            verdict: verdict, reply: reply, key: key.id, egress: egress, startedAt: startedAt,
            firstByteAt: firstByteAt, endedAt: wall.now())
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
