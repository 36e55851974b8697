import Domain
import Queue
import TestSupport
import Testing

struct DeliverySlotsTests {
    /// Takes what there is for `tenant`, one by one. - Returns: how many.
    private func fill(_ slots: inout DeliverySlots, _ tenant: TenantID, areSuspect: Bool = false) -> Int {
        var count = 0
        while slots.room(for: tenant, areSuspect: areSuspect) > 0 {
            slots.take(1, for: tenant, areSuspect: areSuspect)
            count += 1
        }
        return count
    }

    @Test func `one tenant alone has half of the places, a third of them for suspects`() {
        var slots = DeliverySlots(512)
        #expect(slots.room(for: .sample(), areSuspect: false) == 256)
        #expect(slots.room(for: .sample(), areSuspect: true) == 170)
        #expect(fill(&slots, .sample(), areSuspect: true) == 170)
        #expect(fill(&slots, .sample()) == 86)
    }

    @Test(arguments: 1...20)
    func `however many tenants are greedy, there is room for the next one`(_ greedy: Int) {
        var slots = DeliverySlots(512)
        for _ in 0..<50 {
            for number in 0..<greedy { _ = fill(&slots, .sample("t\(number)")) }
            // As attempts end, shares even out.
            for number in 0..<greedy { slots.give(back: 1, of: .sample("t\(number)"), wereSuspect: false) }
        }
        #expect(slots.room(for: .sample("next"), areSuspect: true) > 0)
        #expect(slots.free >= 512 / (greedy + 1) / 2)
    }

    @Test(arguments: 1...20)
    func `however many tenants have greedy suspects, there is room for another's`(_ greedy: Int) {
        var slots = DeliverySlots(512)
        for _ in 0..<50 {
            for number in 0..<greedy { _ = fill(&slots, .sample("t\(number)"), areSuspect: true) }
            for number in 0..<greedy { slots.give(back: 1, of: .sample("t\(number)"), wereSuspect: true) }
        }
        #expect(slots.room(for: .sample("next"), areSuspect: true) > 0)
        #expect(slots.freeForSuspects >= 256 / (2 * greedy + 1) / 2)
    }

    @Test func `who has but suspects under way has room for one that is trusted`() {
        var slots = DeliverySlots(2)
        #expect(fill(&slots, .sample(), areSuspect: true) == 1)
        #expect(slots.room(for: .sample(), areSuspect: false) == 1)
    }

    @Test func `suspects of any number of tenants leave half of the places to others`() {
        var slots = DeliverySlots(512)
        var count = 0
        for number in 0..<600 where slots.room(for: .sample("t\(number)"), areSuspect: true) > 0 {
            slots.take(1, for: .sample("t\(number)"), areSuspect: true)
            count += 1
        }
        #expect(count == 256 && slots.free == 256)
        #expect(slots.room(for: .sample("next"), areSuspect: true) == 0)
        #expect(slots.room(for: .sample("next"), areSuspect: false) == 128)
    }

    @Test func `whoever has none gets the last place`() {
        for total in 1...3 {
            var slots = DeliverySlots(total)
            #expect(fill(&slots, .sample()) >= 1)
            if slots.free > 0 { #expect(fill(&slots, .sample("other"), areSuspect: true) == 1) }
        }
    }

    @Test(arguments: UInt64(0)..<50)
    func `no sequence makes more places than there are, and all come back`(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let total = Int.random(in: 1...40, using: &random)
        var (slots, held) = (DeliverySlots(total), [(TenantID, Bool)]())
        for _ in 0..<500 {
            let tenant = TenantID.sample("t\(Int.random(in: 0..<5, using: &random))")
            let isSuspect = Bool.random(using: &random)
            if Bool.random(using: &random), slots.room(for: tenant, areSuspect: isSuspect) > 0 {
                slots.take(1, for: tenant, areSuspect: isSuspect)
                held.append((tenant, isSuspect))
            } else if let last = held.popLast() {
                slots.give(back: 1, of: last.0, wereSuspect: last.1)
            }
            #expect(slots.free == total - held.count && slots.free >= 0)
        }
        for one in held { slots.give(back: 1, of: one.0, wereSuspect: one.1) }
        #expect(slots == DeliverySlots(total))
    }
}
