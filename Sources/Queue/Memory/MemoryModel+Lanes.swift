import Domain

extension MemoryModel {
    func laneIndex(named name: String) -> Int? {
        deliveryLanes.firstIndex { $0.name == name }
    }

    private func laneIndex(_ number: Int64) -> Int? {
        deliveryLanes.firstIndex { $0.number == number }
    }

    /// The lane of that name, which is made if there is none.
    mutating func makeLane(_ name: String, of endpoint: String?, _ tenant: TenantID) -> Int {
        if let index = laneIndex(named: name) { return index }
        let number = (deliveryLanes.map(\.number).max() ?? 0) + 1
        deliveryLanes.append(DeliveryLane(number: number, name: name, tenant: tenant, endpoint: endpoint))
        return deliveryLanes.count - 1
    }

    /// When a claim is to look at the lane next; it goes if it is empty and not kept.
    mutating func reopen(_ index: Int, limit: Int = EndpointHealth.widest, at now: Timestamp) {
        let lane = deliveryLanes[index]
        let rows = deliveries.filter { $0.lane == lane.number && $0.state == .pending }
        deliveryLanes[index].openAt = lane.opening(
            waiting: rows.filter { !$0.isInFlight }.map(\.dueAt).min(),
            lease: rows.filter(\.isInFlight).map(\.dueAt).min(), limit: limit, at: now)
        if !lane.isKept { deliveryLanes.remove(at: index) }
    }

    // MARK: Claims

    mutating func claimDeliveries(_ demand: DeliveryDemand, at now: Timestamp, until end: Timestamp) -> [Delivery] {
        for _ in 0..<8 where demand.limit > 0 {
            let open = openLanes(for: demand, at: now)
            var (slots, claimed) = (demand.slots, [Delivery]())
            for number in open where claimed.count < demand.limit {
                guard let index = laneIndex(number), deliveryLanes[index].openAt.map({ $0 <= now }) ?? false else {
                    continue
                }
                claimed += serve(index, demand.limit - claimed.count, demand, &slots, at: now, until: end)
            }
            guard claimed.isEmpty, !open.isEmpty else { return claimed }
        }
        return []
    }

    private func openLanes(for demand: DeliveryDemand, at now: Timestamp) -> [Int64] {
        var slots = demand.slots
        return [true, false].flatMap { areSuspect in
            let open = deliveryLanes.filter { $0.isSuspect == areSuspect && $0.openAt.map { $0 <= now } ?? false }
                .sorted { ($0.openAt ?? now, $0.number) < ($1.openAt ?? now, $1.number) }
            var found: [Int64] = []
            guard slots.free > 0 else { return found }
            for lane in open where found.count < demand.limit {
                if lane.mode == .open {
                    guard slots.room(for: lane.tenant, areSuspect: areSuspect) > 0 else { continue }
                    slots.take(1, for: lane.tenant, areSuspect: areSuspect)
                }
                found.append(lane.number)
            }
            return found
        }
    }

    private mutating func serve(
        _ index: Int, _ limit: Int, _ demand: DeliveryDemand, _ slots: inout DeliverySlots, at now: Timestamp,
        until end: Timestamp
    ) -> [Delivery] {
        let (number, tenant, isSuspect) = (
            deliveryLanes[index].number, deliveryLanes[index].tenant, deliveryLanes[index].isSuspect
        )
        let places = min(limit, slots.room(for: tenant, areSuspect: isSuspect))
        guard deliveryLanes[index].mode != .open || places > 0 else { return [] }
        let mine = deliveries.indices.filter { deliveries[$0].lane == number && deliveries[$0].state == .pending }
        for row in mine where deliveries[row].isInFlight && deliveries[row].dueAt <= now {
            deliveries[row].isInFlight = false
            deliveryLanes[index].inFlight -= 1
        }
        let lane = deliveryLanes[index]
        let room = min(places, lane.room(limit: demand.perLane, at: now))
        let due = mine.filter { !deliveries[$0].isInFlight && deliveries[$0].dueAt <= now }
            .sorted { (deliveries[$0].dueAt, $0) < (deliveries[$1].dueAt, $1) }.prefix(room)
        let claimed = due.compactMap { claim($0, of: lane, demand, at: now, until: end) }
        slots.take(due.count, for: lane.tenant, areSuspect: lane.isSuspect)
        deliveryLanes[index].inFlight += due.count
        if lane.mode == .disabled { fail(mine, index, at: now) }
        reopen(index, limit: demand.perLane, at: now)
        return claimed
    }

    private mutating func claim(
        _ row: Int, of lane: DeliveryLane, _ demand: DeliveryDemand, at now: Timestamp, until end: Timestamp
    ) -> Delivery? {
        let endpoint = lane.endpoint.flatMap { endpointIndex($0, of: nil) }.map { shown(endpoints[$0]) }
        deliveries[row].attempt += 1
        deliveries[row].isInFlight = true
        deliveries[row].dueAt = end
        deliveries[row].url = endpoint?.url ?? deliveries[row].url
        let outgoing = deliveries[row]
        let inlineLimit = endpoint?.payload == .thin ? -1 : demand.inlineLimit
        guard let subject = subject(of: outgoing, inlineLimit: inlineLimit) else { return nil }
        return Delivery(
            id: outgoing.id, attempt: outgoing.attempt, roundAttempt: outgoing.attempt - outgoing.roundStart,
            url: outgoing.url, tenant: outgoing.tenant, endpoint: endpoint, event: outgoing.event,
            createdAt: outgoing.createdAt, subject: subject, isProbe: lane.health.state(at: now) == .probing,
            isSuspect: lane.isSuspect)
    }

    private func subject(of outgoing: Outgoing, inlineLimit: Int) -> DeliverySubject? {
        guard let id = outgoing.job else { return .data(outgoing.data) }
        return rows[id].map { row in
            let result = jobs[row].isErased ? nil : jobs[row].ended?.result
            return .job(jobs[row].record, result.map { DeliveredResult($0, inlineLimit: inlineLimit) })
        }
    }

    /// Ends what waits in the lane of an endpoint that is disabled.
    private mutating func fail(_ rows: [Int], _ lane: Int, at now: Timestamp) {
        for row in rows where !deliveries[row].isInFlight {
            deliveries[row].state = .failed
            deliveries[row].endedAt = now
            deliveries[row].error = DeliveryLane.disabledError
            deliveryLanes[lane].pending -= 1
        }
    }

    // MARK: Settlements

    mutating func settleDelivery(
        _ delivery: Delivery, as outcome: DeliveryOutcome, log: DeliveryAttempt, rules: EndpointRules
    ) -> EndpointDisabling? {
        guard let row = deliveries.firstIndex(where: { $0.id == delivery.id }), deliveries[row].isInFlight,
            deliveries[row].attempt == delivery.attempt, deliveries[row].state == .pending
        else { return nil }
        let current = delivery.endpoint.flatMap { endpointIndex($0.id, of: nil) }.map { endpoints[$0].url }
        let isFormer = current.map { $0 != delivery.url } ?? false
        let ending = DeliveryEnding(isFormer ? outcome.atFormerURL(at: log.endedAt) : outcome, log: log)
        end(row, as: ending, log)
        topics.insert(.deliveries)
        guard let index = laneIndex(deliveries[row].lane) else { return nil }
        let failingSince = deliveryLanes[index].health.failingSince
        let reason = isFormer ? nil : deliveryLanes[index].attemptEnded(outcome, log, rules: rules)
        if isFormer { deliveryLanes[index].formerAttemptEnded(outcome) }
        let lane = deliveryLanes[index]
        reopen(index, at: log.endedAt)
        guard let reason, let endpoint = lane.endpoint else { return nil }
        return disable(
            endpoint, because: reason, failingSince: lane.health.failingSince ?? failingSince, at: log.endedAt)
    }

    private mutating func end(_ row: Int, as ending: DeliveryEnding, _ log: DeliveryAttempt) {
        deliveries[row].isInFlight = false
        deliveries[row].dueAt = ending.dueAt ?? deliveries[row].dueAt
        guard ending.isCounted else { return deliveries[row].attempt -= 1 }
        deliveries[row].state = ending.state
        deliveries[row].endedAt = ending.endedAt
        deliveries[row].status = ending.status
        deliveries[row].error = ending.error
        let isErased = jobs.first { $0.new.id == deliveries[row].job }?.isErased ?? false
        deliveries[row].log = (deliveries[row].log + [isErased ? log.withoutAnswer : log]).suffix(DeliveryAttempt.kept)
    }

    private mutating func disable(
        _ id: String, because reason: String, failingSince: Timestamp?, at now: Timestamp
    ) -> EndpointDisabling? {
        guard let index = endpointIndex(id, of: nil), endpoints[index].status == .active else { return nil }
        let endpoint = endpoints[index]
        endpoints[index] = endpoint.disabled(because: reason, at: now)
        if let lane = laneIndex(named: id) {
            deliveryLanes[lane].mode = .disabled
            reopen(lane, at: now)
        }
        let disabling = EndpointDisabling(
            endpoint: id, tenant: endpoint.tenant, url: endpoint.url, reason: reason, failingSince: failingSince)
        announce(.webhookDisabled, disabling.data(at: now), to: endpoint.tenant, except: id, at: now)
        return disabling
    }
}

extension DeliveredResult {
    fileprivate init(_ result: JobResult, inlineLimit: Int) {
        self.init(
            status: result.status, requestID: result.headers.first("request-id"),
            body: result.body.count <= inlineLimit ? result.body : nil)
    }
}
