import Domain
import Queue
import TestSupport
import Testing

/// Erasures while others take in and work.
struct ErasureRaceTests {
    private let clock = ManualClock()
    private let sealer = MaskingSealer()

    private func open(_ path: String) throws -> World {
        let store = try SQLiteJobStore.open(at: path, clock: clock)
        store.keepPayloads(with: PayloadKeeping(sealer: sealer, isOn: true))
        return World(store: store, clock: clock)
    }

    private func result(_ id: JobID, _ world: World) async throws -> String? {
        try await world.store.result(of: id, tenant: nil).map { String(decoding: $0.body, as: UTF8.self) }
    }

    /// Two processes take jobs in and work them while a third erases: what was acknowledged is erased, or is what it was.
    @Test(arguments: UInt64(0)..<12)
    func `no acknowledged job is lost or sealed under a dropped key, whoever erases meanwhile`(seed: UInt64)
        async throws
    {
        try await withTemporaryFolder { folder in
            let path = folder + "/relay.sqlite"
            let (first, second, eraser) = (try open(path), try open(path), try open(path))
            let accepted = try await withThrowingTaskGroup(of: [JobID: [UInt8]].self) { group in
                for (number, world) in [first, second].enumerated() {
                    group.addTask { try await submitSome(world, seed: seed * 2 + UInt64(number)) }
                }
                group.addTask {
                    var random = SeededGenerator(seed: seed + 1000)
                    for _ in 0..<6 {
                        _ = try await eraser.store.erase(.sample(), at: eraser.now)
                        for _ in 0..<Int.random(in: 0...3, using: &random) {
                            _ = try await eraser.store.advanceErasures(limit: 5, at: eraser.now)
                        }
                    }
                    return [:]
                }
                return try await group.reduce(into: [:]) { $0.merge($1) { first, _ in first } }
            }
            try await eraser.finishErasures()
            try await check(accepted, in: first)
        }
    }

    private func submitSome(_ world: World, seed: UInt64) async throws -> [JobID: [UInt8]] {
        var random = SeededGenerator(seed: seed)
        var accepted: [JobID: [UInt8]] = [:]
        for _ in 0..<25 {
            let body = (0..<Int.random(in: 1...60, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random)
            }
            accepted[try await world.submit(.sample(at: world.now, body: body))] = body
            guard Bool.random(using: &random) else { continue }
            for claim in try await world.claim(2, by: "w\(seed)") {
                try await world.settle(
                    claim.lease, .ended(.succeeded, .sample(body: "\(claim.damage == nil ? claim.body.count : -1)")))
            }
        }
        return accepted
    }

    private func check(_ accepted: [JobID: [UInt8]], in world: World) async throws {
        for claim in try await world.claim(1000) {
            #expect(claim.damage == nil && claim.body == accepted[claim.lease.job])
            try await world.settle(claim.lease, .ended(.succeeded, .sample(body: "\(claim.body.count)")))
        }
        for (id, body) in accepted {
            let record = try await world.record(id)
            #expect(record.state.isTerminal)
            if record.isErased {
                await #expect(throws: JobStoreError.erased) { try await result(id, world) }
            } else {
                #expect(record.state == .succeeded)
                #expect(try await result(id, world) == "\(body.count)")
            }
        }
        #expect(try await world.problems() == [])
    }
}
