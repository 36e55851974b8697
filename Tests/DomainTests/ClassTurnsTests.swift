import Domain
import Testing

struct ClassTurnsTests {
    private let now = Timestamp(microseconds: 1_700_000_000_000_000)
    private let opus = ModelClass(model: "claude-opus-4-1")
    private let haiku = ModelClass(model: "claude-haiku-4-5")

    @Test func `classes take turns, the one served longest ago first`() {
        var turns = ClassTurns()
        var served: [ModelClass] = []
        for _ in 0..<6 {
            guard let first = turns.order(of: [opus, haiku, .other], at: now).first else { break }
            turns.served(first, with: [])
            served.append(first)
        }
        #expect(Set(served[..<3]).count == 3 && served[..<3] == served[3...])
    }

    @Test func `a class that has nothing left rests, and only that one`() {
        var turns = ClassTurns()
        turns.spent(opus, for: .milliseconds(300), at: now)
        #expect(turns.order(of: [opus, haiku], at: now) == [haiku])
        #expect(turns.rest(of: [opus], at: now) == .milliseconds(300))
        turns.spent(haiku, for: .seconds(600), at: now)
        #expect(turns.order(of: [opus, haiku], at: now).isEmpty)
        #expect(turns.rest(of: [opus, haiku], at: now) == .milliseconds(300))
        #expect(turns.rest(of: [haiku], at: now) == ClassTurns.longestRest, "limits may change meanwhile")
        let later = now.advanced(by: .milliseconds(300))
        #expect(turns.order(of: [opus, haiku], at: later) == [opus])
        turns.spent(opus, for: nil, at: later)
        #expect(turns.rest(of: [opus], at: later) == ClassTurns.longestRest)
    }

    @Test func `a rest that was set before the clock went back is over`() {
        var turns = ClassTurns()
        turns.spent(opus, for: .seconds(1), at: now)
        #expect(turns.order(of: [opus], at: now.advanced(by: .seconds(-3600))) == [opus])
    }

    @Test func `a demand tells the size of the jobs started last`() {
        var turns = ClassTurns()
        #expect(turns.demand(for: opus).bytes == nil)
        turns.served(opus, with: ["claude-opus-4-1", "claude-opus-4-1"], bytes: 201_000)
        #expect(turns.demand(for: opus).bytes == 100_500 && turns.demand(for: haiku).bytes == nil)
        turns.served(opus, with: [])
        #expect(turns.demand(for: opus).bytes == 100_500)
        turns.served(opus, with: ["claude-opus-4-1"], bytes: 1000)
        #expect(turns.demand(for: opus).bytes == 1000)
    }

    @Test func `a demand names the model seen last, or one of the class`() {
        var turns = ClassTurns()
        #expect(turns.demand(for: opus).models == opus && turns.demand(for: .other).models == .other)
        turns.served(opus, with: ["claude-opus-4-1", "claude-opus-4-7", "claude-haiku-4-5"])
        #expect(turns.demand(for: opus).model == "claude-opus-4-7")
        _ = turns.order(of: [haiku], at: now)
        #expect(turns.demand(for: opus).models == opus, "forgotten, like every class without due jobs")
    }
}
