import Domain
import Logging
import Metrics
import Queue
import Synchronization
import Telemetry
import Upstream

/// Works one claimed job: sends it, decides what the answer means, settles.
struct AttemptRunner: Sendable {
    let services: WorkerServices
    let registry: AttemptRegistry

    func run(_ claim: Claim, with permit: Permit) async {
        let decision = SettlementDecision(
            claim: claim, policy: services.configuration.retry, prices: services.prices.list)
        if let deadline = claim.deadline, deadline <= max(permit.start, services.wall.now()) {
            await services.gateway.giveBack([permit])
            let expired = Settlement.Outcome.ended(.expired, JobResult(.jobDeadlinePassed))
            return await settle(
                decision.unsent(expired, verdict: "deadline_passed", exchange: nil, at: services.wall.now()))
        }
        if let damage = claim.damage {
            await services.gateway.giveBack([permit])
            let unreadable = Settlement.Outcome.ended(.errored, JobResult(damage))
            return await settle(
                decision.unsent(unreadable, verdict: damage.code.rawValue, exchange: nil, at: services.wall.now()))
        }
        let exchange = await services.gateway.exchange(
            call(for: claim), with: permit, avoiding: await suspectedPaths(of: claim))
        registry.callEnded(claim.lease)
        let now = services.wall.now()
        switch registry.stopReason(of: claim.lease) {
        case .leaseLost: logLost(claim.lease)
        case .canceled where exchange.verdict.isCanceled:
            let outcome = Settlement.Outcome.ended(.canceled, JobResult(.jobCanceled))
            await settle(decision.unsent(outcome, verdict: "canceled", exchange: exchange, at: now))
        case .shutdown where exchange.verdict.isCanceled:
            await settle(decision.unsent(.retry(at: now), verdict: "shutdown", exchange: exchange, at: now))
        case .canceled, .shutdown, nil:
            let refusals = await earlierRefusals(of: claim, after: exchange.verdict)
            let settlement = services.random.withLock {
                decision.settlement(after: exchange, earlierRefusals: refusals, at: now, using: &$0)
            }
            await settle(settlement)
        }
    }

    /// How often keys have refused the job for want of permission before; looked up in the journal only when it matters.
    private func earlierRefusals(of claim: Claim, after verdict: Verdict) async -> Int {
        guard verdict == .permissionRefused, claim.lease.attempt > 1 else { return 0 }
        let journal = try? await services.store.attempts(of: claim.lease.job)
        return journal?.count { $0.verdict == verdict.code } ?? claim.lease.attempt - 1
    }

    /// Where the last attempts have failed, all paths but one at most. A journal that cannot be read now is no reason to wait.
    private func suspectedPaths(of claim: Claim) async -> Set<String> {
        let most = services.gateway.status().paths.count - 1
        guard claim.lease.attempt > 1, most > 0 else { return [] }
        let journal = try? await services.store.attempts(of: claim.lease.job, from: claim.lease.attempt - 16)
        var suspects: Set<String> = []
        for attempt in (journal ?? []).reversed() where suspects.count < most {
            if let suspect = attempt.suspectedEgress { suspects.insert(suspect) }
        }
        return suspects
    }

    private func call(for claim: Claim) -> UpstreamCall {
        let contentType = HeaderField("content-type", "application/json")
        return UpstreamCall(
            method: "POST", path: "/v1/messages", headers: claim.headers + [contentType], body: claim.body,
            digest: claim.digest, model: claim.model)
    }

    /// Settles, and tries again until the store takes it or knows another owner: an answer may have been paid for.
    /// Only when the process is to end is it given up, a lease's time after the first try.
    private func settle(_ settlement: Settlement) async {
        var (tries, waited) = (0, Duration.zero)
        while true {
            do throws(JobStoreError) {
                try await services.store.settle(settlement)
                return count(settlement)
            } catch {
                if case .leaseLost(let lease) = error { return logLost(lease) }
                tries += 1
                let backoff = services.random.withLock { Self.settleBackoff.delay(afterAttempt: tries, using: &$0) }
                let isEnding = registry.stopReason(of: settlement.lease) == .shutdown
                guard !isEnding || waited + backoff < services.configuration.lease else {
                    return logUnsettled(settlement, error)
                }
                // Cancellation must not end the wait: the answer would be lost by it.
                await Task { [services] in await services.sleep(backoff) }.value
                waited += backoff
            }
        }
    }

    private static let settleBackoff = Backoff(base: .milliseconds(100), cap: .seconds(5))

    private func count(_ settlement: Settlement) {
        let dimensions = [(MetricLabel.verdict, settlement.attempt.verdict)]
        Counter(label: MetricName.jobAttempts, dimensions: dimensions).increment()
    }

    private func logLost(_ lease: Lease) {
        Counter(label: MetricName.leasesLost).increment()
        services.logger.warning("lease lost; the attempt's outcome is dropped", metadata: Self.metadata(lease))
    }

    private func logUnsettled(_ settlement: Settlement, _ error: JobStoreError) {
        var metadata = Self.metadata(settlement.lease)
        metadata[LogKey.error] = "\(error)"
        services.logger.error("outcome not recorded; the job runs again when its lease expires", metadata: metadata)
    }

    private static func metadata(_ lease: Lease) -> Logger.Metadata {
        [LogKey.job: "\(lease.job)", LogKey.attempt: "\(lease.attempt)"]
    }
}

extension Verdict {
    /// Whether we closed the call ourselves before its answer was complete.
    fileprivate var isCanceled: Bool {
        guard case .egressFault(let failure) = self else { return false }
        return failure.kind == .canceled
    }
}
