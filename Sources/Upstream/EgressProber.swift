package import Domain
import Synchronization

/// Asks, over each path by itself and without being billed, whether the upstream can be reached: hourly, sooner after a
/// path has failed, and when a connection of a path in use grows cold, so that the next call finds a warm one.
///
/// The question is `GET /v1/models` without a credential: any answer of the API shows that the path works, but one that
/// refuses the region. Nothing that costs money is ever sent.
package struct EgressProber<C: Clock<Duration>>: Sendable {
    /// Probes at the same time, of all paths: one that is dead, and answers by its time-out alone, delays no other.
    package static var limit: Int { 16 }

    private let gateway: Gateway<C>
    private let timeout: Duration
    private let book: ProbeBook

    /// - Parameters:
    ///   - interval: between two probes of a path that passes, ± 10 %.
    ///   - timeout: for the whole of one.
    ///   - keepWarm: what is the longest that nothing goes over a path in use; zero for as long as it likes.
    package init(gateway: Gateway<C>, interval: Duration, timeout: Duration, keepWarm: Duration = .zero) {
        self.gateway = gateway
        self.timeout = timeout
        self.book = ProbeBook(ProbeSchedule(interval: interval, keepWarm: keepWarm, limit: Self.limit))
    }

    /// Paths that are being probed now.
    var underWay: Set<String> { book.schedule.withLock { $0.underWay } }

    /// What one probe has shown.
    package enum Finding: Hashable, Sendable {
        case reached(status: Int)
        /// Something else than the API has answered (``UpstreamReply/isForeign``).
        case foreign(status: Int)
        case regionRefused
        case failed(TransportFailure)
    }

    /// Probes until the task is cancelled.
    package func run(using random: inout some RandomNumberGenerator) async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let (standings, now) = (gateway.status().paths, gateway.wall.now())
                for path in book.schedule.withLock({ $0.begin(among: standings, at: now, using: &random) }) {
                    group.addTask {
                        await gateway.book(await probe(path), of: path)
                        book.schedule.withLock { $0.ended(path) }
                    }
                }
                try? await gateway.clock.sleep(for: .seconds(1))
            }
        }
    }

    /// Probes one path now.
    package func probe(_ path: EgressPath) async -> Finding {
        gateway.state.withLock { $0.egress.probing(path.id, at: gateway.wall.now()) }
        let timeouts = Timeouts(
            connect: timeout, firstByte: timeout, idle: timeout, total: timeout,
            unacknowledged: gateway.configuration.timeouts.unacknowledged)
        let request = HTTPRequest(
            method: "GET", url: gateway.configuration.upstream + "/v1/models?limit=1",
            headers: [HeaderField("anthropic-version", "2023-06-01")], body: nil, timeouts: timeouts)
        do throws(TransportFailure) {
            let reply = try await gateway.transport.exchange(request, over: path, limit: 1 << 20)
            guard Verdict.of(reply, at: gateway.wall.now()) != .egressRefused else { return .regionRefused }
            return reply.isForeign ? .foreign(status: reply.status) : .reached(status: reply.status)
        } catch {
            return .failed(error)
        }
    }
}

/// Where a prober keeps its schedule: the loop and the probes meet in it.
private final class ProbeBook: Sendable {
    let schedule: Mutex<ProbeSchedule>

    init(_ schedule: ProbeSchedule) {
        self.schedule = Mutex(schedule)
    }
}

extension Gateway {
    /// Books what a probe of `path` has shown; nothing if another way goes by its name meanwhile.
    func book<Prober: Clock<Duration>>(_ finding: EgressProber<Prober>.Finding, of path: EgressPath) async {
        let now = wall.now()
        let isRefused = state.withLock { state in
            guard state.egress.paths.contains(where: { $0.id == path.id && $0.route == path.route }) else {
                return false
            }
            switch finding {
            case .reached: state.egress.probed(path.id, at: now)
            case .foreign:
                // Where nobody else hears the API either, it may be all that it says to those without a credential.
                if !state.egress.isHeardElsewhere(path.id) { state.egress.probed(path.id, at: now) }
                state.egress.answeredForeign(path.id, at: now)
            case .failed(let failure):
                if failure.blamesPath { state.egress.faulted(path.id, byProbe: true, at: now) }
            case .regionRefused: state.egress.refused(path.id)
            }
            return finding == .regionRefused
        }
        if isRefused { await onNotice(.regionRefused(path: path.id)) }
    }
}
