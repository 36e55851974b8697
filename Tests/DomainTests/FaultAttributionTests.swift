import Domain
import TestSupport
import Testing

/// Keys, ways out and models that fail in turn, over a pool, a roster and what tells the guilty: nothing else suffers.
struct FaultAttributionTests {
    enum Guilty: String, CaseIterable {
        case nobody, key, path, model, keyWithModel
    }

    private static let start = Timestamp(microseconds: 1_767_225_600_000_000)
    private static let sonnet = ModelClass(model: "claude-sonnet-5"), haiku = ModelClass(model: "claude-haiku-4-5")

    private struct Call {
        let key: UpstreamKey
        let path: String
        let models: ModelClass
        let began: Timestamp
        let ends: Timestamp
        let isWell: Bool
    }

    private struct World {
        let guilty: Guilty
        var random: SeededGenerator
        let keys = (0..<6).map { UpstreamKey(id: "k\($0)", organization: "o\($0)", secret: Secret("s"), rate: nil) }
        var pool = EgressPool((0..<3).map { EgressPath(id: "p\($0)", route: .source("p\($0)")) })
        var faults = KeyFaults()
        var stalls = StallWatch()
        var calls: [Call] = []
        /// What was ever set aside.
        var keysOut: Set<String> = []
        var pathsOut: Set<String> = []

        init(_ guilty: Guilty, seed: UInt64) {
            self.guilty = guilty
            self.random = SeededGenerator(seed: seed)
        }

        /// One in three is to the other class.
        mutating func begin(at now: Timestamp) {
            let models = Int.random(in: 0..<3, using: &random) == 0 ? haiku : sonnet
            guard let key = faults.sound(keys, for: models, at: now).randomElement(using: &random),
                let path = pool.take(for: key.id, avoiding: [], at: now)?.id
            else { return }
            let hasBegun = now >= start.advanced(by: .seconds(20))
            let isWell = !hasBegun || !isGuilty(key, path, models)
            let fails: Duration = guilty == .path || guilty == .model ? .seconds(10) : .milliseconds(300)
            let time = isWell ? Duration.milliseconds(Int.random(in: 100...900, using: &random)) : fails
            calls.append(
                Call(
                    key: key, path: path, models: models, began: now, ends: now.advanced(by: time), isWell: isWell))
        }

        private func isGuilty(_ key: UpstreamKey, _ path: String, _ models: ModelClass) -> Bool {
            switch guilty {
            case .nobody: false
            case .key: key.id == "k1"
            case .path: path == "p1"
            case .model: models == sonnet
            case .keyWithModel: key.id == "k1" && models == sonnet
            }
        }

        mutating func end(at now: Timestamp) {
            for call in calls.filter({ $0.ends <= now }).sorted(by: { $0.ends < $1.ends }) { book(call) }
            calls.removeAll { $0.ends <= now }
            for path in pool.states(at: now) where path.state != .passing { pathsOut.insert(path.id) }
        }

        private mutating func book(_ call: Call) {
            pool.ended(call.path)
            if call.isWell {
                stalls.answered(call.models, over: call.path, at: call.ends)
                pool.answered(call.path, at: call.ends)
                faults.succeeded(call.key, call.models, at: call.ends)
            } else if guilty == .path || guilty == .model {
                let isModels = stalls.blames(call.models, ratherThan: call.path, since: call.began)
                if !isModels { pool.faulted(call.path, at: call.ends) }
            } else {
                stalls.answered(call.models, over: call.path, at: call.ends)
                pool.answered(call.path, at: call.ends)
                if faults.faulted(call.key, call.models, at: call.ends) != nil {
                    keysOut.insert("\(call.key.id) \(call.models.name)")
                }
            }
        }
    }

    @Test(arguments: Guilty.allCases, UInt64(0)..<10)
    func `only what is guilty is set aside`(guilty: Guilty, seed: UInt64) {
        var world = World(guilty, seed: seed)
        for tick in 0..<1200 {
            let now = Self.start.advanced(by: .milliseconds(50 * tick))
            world.end(at: now)
            world.begin(at: now)
        }
        switch guilty {
        case .nobody, .model: #expect(world.keysOut.isEmpty && world.pathsOut.isEmpty)
        case .path: #expect(world.pathsOut == ["p1"] && world.keysOut.isEmpty)
        case .key: #expect(world.keysOut == ["k1 haiku-4", "k1 sonnet-5"] && world.pathsOut.isEmpty)
        case .keyWithModel: #expect(world.keysOut == ["k1 sonnet-5"] && world.pathsOut.isEmpty)
        }
    }

    @Test func `a key that fails on rests twice as long each time, and is whole after a success`() {
        let keys = ["a", "b"].map { UpstreamKey(id: $0, organization: $0, secret: Secret($0), rate: nil) }
        var faults = KeyFaults()
        var now = Self.start
        var rests: [Duration] = []
        for _ in 0..<12 {
            faults.succeeded(keys[1], Self.sonnet, at: now)
            if let until = faults.faulted(keys[0], Self.sonnet, at: now) {
                rests.append(until.duration(since: now))
                #expect(faults.sound(keys, for: Self.sonnet, at: now).map(\.id) == ["b"])
                #expect(faults.sound(keys, for: Self.haiku, at: now).count == 2)
                #expect(faults.sound([keys[0]], for: Self.sonnet, at: now).count == 1, "better than none")
                now = until
            }
        }
        #expect(rests == [30, 60, 120, 240, 480, 600, 600, 600].map { .seconds($0) })
        faults.succeeded(keys[0], Self.sonnet, at: now)
        #expect(faults.faulted(keys[0], Self.sonnet, at: now) == nil)
        #expect(faults.sound(keys, for: Self.sonnet, at: now).count == 2)
    }

    @Test func `where no key is answered well none is set aside`() {
        let keys = ["a", "b"].map { UpstreamKey(id: $0, organization: $0, secret: Secret($0), rate: nil) }
        var faults = KeyFaults()
        for _ in 0..<20 {
            for key in keys { #expect(faults.faulted(key, Self.sonnet, at: Self.start) == nil) }
        }
    }
}
