import Domain
import Logging
import Queue
import ServiceLifecycle
import Telemetry
import Upstream

/// Drains the queue: permit, claim, send, settle, as many at once as the worker's concurrency allows.
///
/// Permits come before claims, so that what is claimed can be sent at once. A shutdown stops the claiming, gives the
/// attempts under way their drain time, then closes them and gives their jobs back.
struct DrainLoop: Service {
    private let services: WorkerServices
    private let registry: AttemptRegistry
    private let trouble: TroubleLog

    init(services: WorkerServices, registry: AttemptRegistry) {
        self.services = services
        self.registry = registry
        self.trouble = TroubleLog(logger: services.logger)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { await claimUntilCancelled() }
        await finishAttempts()
    }

    private func claimUntilCancelled() async {
        var findings = Findings.some
        var models = ModelForecast()
        while !Task.isCancelled {
            let seen = services.store.changeCount(.jobs)
            let room = registry.room(of: services.configuration.concurrency)
            if room <= 0 || registry.bytes >= services.configuration.bytesInFlight {
                await registry.waitForEnd()
                continue
            }
            findings = await startJobs(upTo: min(room, services.configuration.claimLimit), after: findings, &models)
            if findings == .nothing {
                await services.store.waitForChange(.jobs, since: seen, upTo: services.configuration.idle)
            }
        }
    }

    /// What a look into the queue has found.
    private enum Findings {
        case nothing
        /// Look again at once.
        case some
        /// As many jobs as were asked for, so there are probably more.
        case all
    }

    private func startJobs(
        upTo limit: Int, after last: Findings, _ models: inout ModelForecast
    ) async -> Findings {
        do {
            // A permit that turns out to be for nothing is time of its key lost.
            if last != .all, try await !services.store.hasDueJobs(at: services.wall.now()) { return .nothing }
            let permits = try await services.gateway.permits(
                upTo: limit, for: CallDemand(.batch, model: models.next), within: .seconds(1))
            trouble.over()
            let claims = try await claim(permits.count, orGiveBack: permits)
            let runner = AttemptRunner(services: services, registry: registry)
            models.saw(claims.map(\.model))
            let matching = PermitMatching(permits.map(\.key.organization))
            let chosen = matching.places(of: matching.isTrivial ? claims.map { _ in nil } : claims.map(\.prefix))
            for (claim, place) in zip(claims, chosen) {
                registry.start(claim.lease, bytes: claim.body.count) { await runner.run(claim, with: permits[place]) }
            }
            let used = Set(chosen)
            let unused = permits.indices.filter { !used.contains($0) }.map { permits[$0] }
            if !unused.isEmpty { await services.gateway.giveBack(unused) }
            return claims.isEmpty ? .nothing : unused.isEmpty ? .all : .some
        } catch let error as RelayError where error.code == .pacingExhausted {
            return .some  // the wait for the permit is over; look again whether there is work
        } catch {
            trouble.met(error)
            await services.sleep(.seconds(1))
            return .some
        }
    }

    private func claim(_ count: Int, orGiveBack permits: [Permit]) async throws -> [Claim] {
        do {
            return try await services.store.claim(
                limit: count, bytes: max(0, services.configuration.bytesInFlight - registry.bytes),
                by: services.configuration.name, at: services.wall.now(), for: services.configuration.lease)
        } catch {
            await services.gateway.giveBack(permits)
            throw error
        }
    }

    /// Waits for the attempts under way: for their answers until the drain time is over or the process is to end at
    /// once, then for their end.
    private func finishAttempts() async {
        guard registry.count > 0 else { return }
        services.logger.info("draining", metadata: [LogKey.count: "\(registry.count)"])
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await services.sleep(services.configuration.drain)
                for lease in registry.leases { registry.stop(lease, because: .shutdown) }
            }
            while registry.count > 0, !Task.isCancelled { await registry.waitForEnd() }
            group.cancelAll()
        }
        // If the process is to end at once, this task is cancelled and cannot wait; the outcomes are recorded all the
        // same. The attempts' calls are closed, so it does not take long.
        await Task { while registry.count > 0 { await registry.waitForEnd() } }.value
    }
}

extension Claim {
    fileprivate var prefix: UInt64? { PromptPrefix.fingerprint(of: body) }
}
