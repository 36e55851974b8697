import Domain
import TestSupport
import Testing

/// Keys, ways out and models that fail in turn, over a pool, a roster and what tells the guilty: nothing else suffers.
struct FaultAttributionTests {
    enum Guilty: String, CaseIterable {
        case nobody, key, source, proxy, entry, model, keyWithModel, keyAndProxy, modelAndEntry

        var path: String? {
            switch self {
            case .source, .proxy, .entry: rawValue
            case .keyAndProxy: "proxy"
            case .modelAndEntry: "entry"
            case .nobody, .key, .model, .keyWithModel: nil
            }
        }

        /// Those that must be set aside, for which class of models.
        var keys: Set<String> {
            switch self {
            case .key, .keyAndProxy: ["k1 haiku-4", "k1 sonnet-5"]
            case .keyWithModel: ["k1 sonnet-5"]
            case .nobody, .source, .proxy, .entry, .model, .modelAndEntry: []
            }
        }

        var isModel: Bool { self == .model || self == .modelAndEntry }
    }

    private enum Outcome {
        case well
        /// Nothing comes: so fail ways out, and models that hang.
        case stall
        /// A 5xx: so fail keys.
        case fault

        var time: Duration? {
            switch self {
            case .well: nil
            case .stall: .seconds(10)
            case .fault: .milliseconds(300)
            }
        }
    }

    private static let start = Timestamp(microseconds: 1_767_225_600_000_000)
    private static let sonnet = ModelClass(model: "claude-sonnet-5"), haiku = ModelClass(model: "claude-haiku-4-5")

    private struct Call {
        let key: UpstreamKey
        let passage: EgressPool.Passage
        let models: ModelClass
        let began: Timestamp
        let ends: Timestamp
        let outcome: Outcome
    }

    private struct World {
        let guilty: Guilty
        var random: SeededGenerator
        let keys = (0..<6).map { UpstreamKey(id: "k\($0)", organization: "o\($0)", secret: Secret("s"), rate: nil) }
        var pool = EgressPool([
            EgressPath(id: "source", route: .source("10.0.0.1")),
            EgressPath(id: "proxy", route: .proxy(Secret("http://relay:s@proxy.example:3128"))),
            EgressPath(id: "entry", route: .entry("entry.example:443")),
        ])
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
                let passage = pool.take(for: key.id, avoiding: [], at: now)
            else { return }
            let hasBegun = now >= start.advanced(by: .seconds(20))
            let outcome = hasBegun ? outcome(key, passage.id, models) : .well
            let time = outcome.time ?? .milliseconds(Int.random(in: 100...900, using: &random))
            calls.append(
                Call(
                    key: key, passage: passage, models: models, began: now, ends: now.advanced(by: time),
                    outcome: outcome))
        }

        private func outcome(_ key: UpstreamKey, _ path: String, _ models: ModelClass) -> Outcome {
            if path == guilty.path || guilty.isModel && models == sonnet { return .stall }
            return guilty.keys.contains("\(key.id) \(models.name)") ? .fault : .well
        }

        mutating func end(at now: Timestamp) {
            for call in calls.filter({ $0.ends <= now }).sorted(by: { $0.ends < $1.ends }) { book(call) }
            calls.removeAll { $0.ends <= now }
            for path in pool.states(at: now) where path.state != .passing { pathsOut.insert(path.id) }
        }

        private mutating func book(_ call: Call) {
            pool.ended(call.passage)
            guard call.outcome != .stall else {
                let isModels = stalls.blames(call.models, ratherThan: call.passage, since: call.began)
                if !isModels { pool.faulted(call.passage.id, at: call.ends) }
                return
            }
            stalls.answered(call.models, over: call.passage, at: call.ends)
            pool.answered(call.passage.id, at: call.ends)
            guard call.outcome == .fault else { return faults.succeeded(call.key, call.models, at: call.ends) }
            if faults.faulted(call.key, call.models, at: call.ends) != nil {
                keysOut.insert("\(call.key.id) \(call.models.name)")
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
        #expect(world.pathsOut == Set([guilty.path].compactMap(\.self)))
        #expect(world.keysOut == guilty.keys)
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

    @Test func `five refusals for want of permission in a row set a key aside for the class alone`() {
        let keys = ["a", "b"].map { UpstreamKey(id: $0, organization: $0, secret: Secret($0), rate: nil) }
        var faults = KeyFaults()
        for round in 0..<2 {
            for _ in 1..<KeyFaults.faultLimit { #expect(faults.refused(keys[0], Self.sonnet, at: Self.start) == nil) }
            if round == 0 { faults.succeeded(keys[0], Self.sonnet, at: Self.start) }
        }
        #expect(faults.sound(keys, for: Self.sonnet, at: Self.start).count == 2, "four tell of the requests")
        let until = faults.refused(keys[0], Self.sonnet, at: Self.start)
        #expect(until == Self.start.advanced(by: KeyFaults.firstRest))
        #expect(faults.sound(keys, for: Self.sonnet, at: Self.start).map(\.id) == ["b"])
        #expect(faults.sound(keys, for: Self.haiku, at: Self.start).count == 2)
        #expect(faults.refused(keys[0], Self.sonnet, at: Self.start) == nil, "it is set aside already")
        let later = Self.start.advanced(by: KeyFaults.firstRest)
        #expect(faults.refused(keys[0], Self.sonnet, at: later) == nil, "one tells of the request again")
    }

    @Test func `where no key is answered well none is set aside`() {
        let keys = ["a", "b"].map { UpstreamKey(id: $0, organization: $0, secret: Secret($0), rate: nil) }
        var faults = KeyFaults()
        for _ in 0..<20 {
            for key in keys { #expect(faults.faulted(key, Self.sonnet, at: Self.start) == nil) }
        }
    }
}
