import Domain
@testable import Queue
import TestSupport
import Testing

/// Processes that share a ledger as they do in a relay: each has the file open for itself, takes blocks of starts, uses some,
/// gives some back, or is killed with its block in hand; and the machine's clock is set. All limits together, and calls in
/// flight, are in `PacingStepPropertyTests`.
struct PacingLedgerPropertyTests {
    private static let spacing = Duration.milliseconds(100)
    private static let blockLimit = 8

    /// What the ledgers are told the time is, and what it is.
    private struct Clock {
        var real = Timestamp(microseconds: 1_767_225_600_000_000)
        var offset = Duration.zero
        var wall: Timestamp { real.advanced(by: offset) }

        /// When a start at the wall time `start` really is, if it is waited for from now on.
        func real(of start: Timestamp) -> Timestamp { start.advanced(by: .zero - offset) }
    }

    private struct Process {
        let ledger: any PacingLedger
        let name: String
        var block: SlotBlock?
        var used = 0
        /// When the slots of the block really begin.
        var starts: [Timestamp] = []
    }

    private struct World {
        var random: SeededGenerator
        var clock = Clock()
        var processes: [Process]
        let makeLedger: () throws -> any PacingLedger
        /// When calls were really due.
        var starts: [Timestamp] = []
        var kills = 0
        /// Starts that may fall into a window beyond the rate because the clock was set.
        var allowed = 0

        /// Takes a block, or sends the next call of the one in hand if its time has come.
        mutating func work(_ index: Int, _ demand: ScopeDemand) async throws {
            guard let block = processes[index].block else {
                let request = SlotRequest(
                    [demand], limit: .random(in: 1...PacingLedgerPropertyTests.blockLimit, using: &random),
                    horizon: .milliseconds(.random(in: 0...900, using: &random)), holder: processes[index].name)
                guard case .slots(let block) = try await processes[index].ledger.takeSlots(request, at: clock.wall)
                else {
                    return
                }
                processes[index].block = block
                processes[index].used = 0
                processes[index].starts = (0..<block.count).map { clock.real(of: block.start(of: $0)) }
                return
            }
            let start = processes[index].starts[processes[index].used]
            guard start <= clock.real else { return }
            starts.append(start)
            processes[index].used += 1
            if processes[index].used == block.count { processes[index].block = nil }
        }

        mutating func giveBack(_ index: Int) async throws {
            guard let block = processes[index].block else { return }
            try await processes[index].ledger.returnSlots(
                block.count - processes[index].used, of: block, by: processes[index].name, at: clock.wall)
            processes[index].block = nil
        }

        /// `kill -9`: what it had in hand is never used, nor given back.
        mutating func kill(_ index: Int) throws {
            kills += 1
            processes[index] = Process(ledger: try makeLedger(), name: "p\(index)-\(kills)")
        }

        /// What is in hand is sent all the same, as by the Gateway, which waits for a start once. Set forward, the ledger thinks
        /// that those starts are past, so they come beside the next ones.
        mutating func setClock() {
            let step = Duration.milliseconds(.random(in: -60_000...60_000, using: &random))
            clock.offset += step
            guard step > .zero else { return }
            allowed += 1 + processes.reduce(0) { $0 + ($1.block?.count ?? 0) - ($1.block == nil ? 0 : $1.used) }
        }
    }

    private func world(_ seed: UInt64, _ isStored: Bool, in folder: String) throws -> World {
        let memory = MemoryPacingLedger()
        let makeLedger: () throws -> any PacingLedger = {
            isStored ? try SQLitePacingLedger.open(at: folder + "/pacing.sqlite") : memory
        }
        let processes = try (0..<3).map { Process(ledger: try makeLedger(), name: "p\($0)") }
        return World(random: SeededGenerator(seed: seed), processes: processes, makeLedger: makeLedger)
    }

    @Test(arguments: UInt64(0)..<24, [false, true])
    func `no window holds more starts than the rate allows, whoever dies and whatever is given back`(
        seed: UInt64, isStored: Bool
    ) async throws {
        try await withTemporaryFolder { folder in
            var world = try world(seed, isStored, in: folder)
            try await run(&world, steps: isStored ? 400 : 1500, setsClock: false)
            check(world, allowed: 0, "seed \(seed)")
            // A killed process strands its block and no more: what is left of the rate was used.
            let time = world.clock.real.duration(since: Clock().real) / Self.spacing
            #expect(world.starts.count > 0 && Double(world.starts.count + world.kills * Self.blockLimit) > time / 8)
        }
    }

    @Test(arguments: UInt64(0)..<24, [false, true])
    func `a clock set back crowds no starts, one set forward none but those that were in hand and one`(
        seed: UInt64, isStored: Bool
    ) async throws {
        try await withTemporaryFolder { folder in
            var world = try world(seed, isStored, in: folder)
            try await run(&world, steps: isStored ? 400 : 1500, setsClock: true)
            check(world, allowed: world.allowed, "seed \(seed)")
        }
    }

    private func run(_ world: inout World, steps: Int, setsClock: Bool) async throws {
        let rate = try #require(PacingRate(requestsPerSecond: 10))
        let demand = ScopeDemand(scope: .key("k"), limits: PacingLimits(rate: rate))
        for _ in 0..<steps {
            world.clock.real = world.clock.real.advanced(
                by: .microseconds(Int64.random(in: 0...60_000, using: &world.random)))
            let index = world.processes.indices.randomElement(using: &world.random) ?? 0
            switch Int.random(in: 0..<60, using: &world.random) {
            case 0: try world.kill(index)
            case 1, 2: try await world.giveBack(index)
            case 3 where setsClock: world.setClock()
            default: try await world.work(index, demand)
            }
        }
    }

    /// - Parameter extra: starts that a window may hold beside those of the rate.
    private func check(_ world: World, allowed extra: Int, _ words: String) {
        let starts = world.starts.sorted()
        for (first, begin) in starts.enumerated() {
            for (count, end) in starts[first...].enumerated() {
                let window = end.duration(since: begin) / Self.spacing
                #expect(Double(count) <= window + Double(extra) + 1e-6, "\(words)")
            }
        }
    }
}
