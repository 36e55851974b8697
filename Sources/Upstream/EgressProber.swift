package import Domain
import Synchronization

/// Asks, over each path by itself and without being billed, whether the upstream can be reached: hourly, sooner after a
/// path has been tripped, and when a connection of a path in use grows cold, so that the next call finds a warm one.
///
/// The question is `GET /v1/models` without a credential: any answer over HTTP shows that the path works, but one that
/// refuses the region. Nothing that costs money is ever sent.
package struct EgressProber<C: Clock<Duration>>: Sendable {
    /// After a path was tripped, and between probes of one that stays so.
    package static var retryPause: Duration { .seconds(15) }

    private let gateway: Gateway<C>
    private let interval: Duration
    private let timeout: Duration
    private let keepWarm: Duration

    /// - Parameters:
    ///   - interval: between two probes of a path that passes, ± 10 %.
    ///   - timeout: for the whole of one.
    ///   - keepWarm: what is the longest that nothing goes over a path in use; zero for as long as it likes.
    package init(gateway: Gateway<C>, interval: Duration, timeout: Duration, keepWarm: Duration = .zero) {
        self.keepWarm = keepWarm
        self.gateway = gateway
        self.interval = interval
        self.timeout = timeout
    }

    /// What one probe has shown.
    package enum Finding: Hashable, Sendable {
        case reached(status: Int)
        case regionRefused
        case failed(TransportFailure)
    }

    /// Probes until the task is cancelled.
    package func run(using random: inout some RandomNumberGenerator) async {
        var due: [String: Timestamp] = [:]
        while !Task.isCancelled {
            let now = gateway.wall.now()
            for standing in gateway.status().paths {
                // Processes that start together do not probe together.
                let next = due[standing.id] ?? now.advanced(by: interval * Double.random(in: 0...1, using: &random))
                due[standing.id] = next
                guard isDue(standing, next: next, at: now) else { continue }
                due[standing.id] = now.advanced(by: interval * Double.random(in: 0.9...1.1, using: &random))
                await gateway.book(await probe(standing.path), of: standing.path)
            }
            try? await gateway.clock.sleep(for: .seconds(1))
        }
    }

    private func isDue(_ standing: EgressPool.Standing, next: Timestamp, at now: Timestamp) -> Bool {
        switch standing.state {
        case .out: false  // only an operator knows whether that has changed
        case .tripped(let until): until.duration(since: now) <= Self.retryPause
        case .passing, .probing:
            (interval > .zero && next <= now) || (keepWarm > .zero && standing.needsWarming(after: keepWarm, at: now))
        }
    }

    /// Probes one path now.
    package func probe(_ path: EgressPath) async -> Finding {
        gateway.state.withLock { $0.egress.probing(path.id, at: gateway.wall.now()) }
        let timeouts = Timeouts(connect: timeout, firstByte: timeout, idle: timeout, total: timeout)
        let request = HTTPRequest(
            method: "GET", url: gateway.configuration.upstream + "/v1/models?limit=1",
            headers: [HeaderField("anthropic-version", "2023-06-01")], body: nil, timeouts: timeouts)
        do throws(TransportFailure) {
            let reply = try await gateway.transport.exchange(request, over: path, limit: 1 << 20)
            guard Verdict.of(reply, at: gateway.wall.now()) != .egressRefused else { return .regionRefused }
            return .reached(status: reply.status)
        } catch {
            return .failed(error)
        }
    }
}

extension Gateway {
    /// Books what a probe of `path` has shown.
    func book<Prober: Clock<Duration>>(_ finding: EgressProber<Prober>.Finding, of path: EgressPath) async {
        let now = wall.now()
        switch finding {
        case .reached: state.withLock { $0.egress.probed(path.id, at: now) }
        case .failed(let failure): if failure.blamesPath { state.withLock { $0.egress.faulted(path.id, at: now) } }
        case .regionRefused:
            state.withLock { $0.egress.refused(path.id) }
            await onNotice(.regionRefused(path: path.id))
        }
    }
}
