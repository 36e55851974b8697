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
    /// A class that seemed due and was not is left alone for so long.
    private static let emptyRest = Duration.milliseconds(100)
    /// The queue is not asked again for so long which classes are due, as long as there is work of the only one that was.
    private static let glance = Duration.milliseconds(20)

    private let services: WorkerServices
    private let registry: AttemptRegistry
    private let trouble: TroubleLog
    /// With jobs whose tenant's data key does not open here.
    private let keyTrouble: TroubleLog

    init(services: WorkerServices, registry: AttemptRegistry) {
        self.services = services
        self.registry = registry
        self.trouble = TroubleLog(logger: services.logger)
        self.keyTrouble = TroubleLog(logger: services.logger)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { await claimUntilCancelled() }
        await finishAttempts()
    }

    private func claimUntilCancelled() async {
        var findings = Findings.some
        var turns = ClassTurns()
        while !Task.isCancelled {
            let seen = services.store.changeCount(.jobs)
            let room = registry.room(of: services.configuration.concurrency)
            if room <= 0 || registry.bytes >= services.configuration.bytesInFlight {
                await registry.waitForEnd()
                continue
            }
            findings = await startJobs(upTo: min(room, services.configuration.claimLimit), after: findings, &turns)
            if case .nothing(let pause) = findings {
                await services.store.waitForChange(.jobs, since: seen, upTo: pause)
            }
        }
    }

    /// What a look into the queue has found.
    private enum Findings {
        /// Nothing that may start before something changes or this time is over.
        case nothing(Duration)
        /// Look again at once.
        case some
        /// As many jobs as were asked for, and all that were due at this instant are of this class: there are probably
        /// more.
        case all(ModelClass, at: Timestamp)
    }

    private func startJobs(
        upTo limit: Int, after last: Findings, _ turns: inout ClassTurns
    ) async -> Findings {
        do {
            // A permit that turns out to be for nothing is time of its key lost.
            let (due, seen) = try await dueClasses(after: last)
            guard !due.isEmpty else {
                keyTrouble.over()
                return .nothing(services.configuration.idle)
            }
            guard let (models, permits) = try await permits(upTo: limit, among: due, &turns) else {
                return .nothing(turns.rest(of: due, at: services.wall.now()))
            }
            trouble.over()
            let claims = try await claim(permits.count, of: models, orGiveBack: permits)
            let bytes = claims.reduce(0) { $0 + $1.body.count }
            turns.served(models, with: claims.map(\.model), bytes: bytes)
            let unused = start(claims, with: permits)
            if !unused.isEmpty { await services.gateway.giveBack(unused) }
            guard !claims.isEmpty else {
                if case .all = last { return .some }  // it was not asked whether anything else is due
                guard due.count > 1 else { return .nothing(services.configuration.idle) }
                turns.spent(models, for: Self.emptyRest, at: services.wall.now())
                return .some
            }
            return claims.count == limit && due.count == 1 ? .all(models, at: seen) : .some
        } catch let error as RelayError where error.code == .pacingExhausted {
            return .some  // the wait for the permit is over; look again whether there is work
        } catch {
            trouble.met(error)
            await services.sleep(.seconds(1))
            return .some
        }
    }

    /// The classes with due jobs, and when that was seen.
    private func dueClasses(after last: Findings) async throws -> ([ModelClass], at: Timestamp) {
        let now = services.wall.now()
        if case .all(let models, let seen) = last, seen <= now, now < seen.advanced(by: Self.glance) {
            return ([models], seen)
        }
        return (try await services.store.dueClasses(at: now), now)
    }

    /// Permits for one class of `due`; nil if none of several has any left for now. A single one is waited for.
    private func permits(
        upTo limit: Int, among due: [ModelClass], _ turns: inout ClassTurns
    ) async throws -> (ModelClass, [Permit])? {
        let patience: Duration = due.count > 1 ? .zero : .seconds(1)
        for models in turns.order(of: due, at: services.wall.now()) {
            do throws(RelayError) {
                let permits = try await services.gateway.permits(
                    upTo: limit, for: turns.demand(for: models), within: patience)
                return (models, permits)
            } catch {
                guard error.code == .pacingExhausted, due.count > 1 else { throw error }
                turns.spent(models, for: error.retryAfter, at: services.wall.now())
            }
        }
        return nil
    }

    /// Returns the permits that no claim needs.
    private func start(_ claims: [Claim], with permits: [Permit]) -> [Permit] {
        let runner = AttemptRunner(services: services, registry: registry)
        let matching = PermitMatching(permits.map(\.key.organization))
        let chosen = matching.places(of: matching.isTrivial ? claims.map { _ in nil } : claims.map(\.prefix))
        for (claim, place) in zip(claims, chosen) {
            registry.start(claim.lease, bytes: claim.body.count) { await runner.run(claim, with: permits[place]) }
        }
        let used = Set(chosen)
        return permits.indices.filter { !used.contains($0) }.map { permits[$0] }
    }

    private func claim(
        _ count: Int, of models: ModelClass, orGiveBack permits: [Permit]
    ) async throws -> [Claim] {
        do {
            return try await services.store.claim(
                limit: count, bytes: max(0, services.configuration.bytesInFlight - registry.bytes), of: models,
                by: services.configuration.name, at: services.wall.now(), for: services.configuration.lease)
        } catch JobStoreError.unreadable(let error) {
            keyTrouble.met(error)  // and it is as if they were not due: others' jobs go on
            return []
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
