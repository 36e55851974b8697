import TestSupport
import Testing

@testable import Domain

struct KeyRosterTests {
    private let key = UpstreamKey(id: "a", organization: "a", secret: Secret("s"), rate: nil)
    private let now = Timestamp(microseconds: 1_767_225_600_000_000)

    @Test func `a refused key is out until its time is over or its secret has changed`() {
        var roster = KeyRoster()
        roster.refused(key, at: now)
        #expect(roster.usable(of: [key], at: now).isEmpty)
        let mended = UpstreamKey(id: "a", organization: "a", secret: Secret("t"), rate: nil)
        #expect(roster.usable(of: [mended], at: now) == [mended])
        #expect(roster.usable(of: [key], at: now.advanced(by: KeyRoster.refusalTime)) == [key])
    }

    @Test func `once the time is over one call tries the key, and its end decides`() {
        var roster = KeyRoster()
        roster.refused(key, at: now)
        #expect(roster.admit(key, at: now) == .none(until: now.advanced(by: .seconds(300))))
        var later = now.advanced(by: KeyRoster.refusalTime)
        #expect(roster.admit(key, at: later) == .trial)
        #expect(roster.usable(of: [key], at: later).isEmpty, "the others wait for it")
        #expect(roster.outage(of: key, at: later)?.reason == .refused)
        roster.trialEnded(of: key)
        #expect(roster.admit(key, at: later) == .trial, "it told nothing of the key")
        roster.refused(key, at: later)
        later = later.advanced(by: KeyRoster.refusalTime)
        #expect(roster.admit(key, at: later.advanced(by: .seconds(-1))) != .trial)
        #expect(roster.admit(key, at: later) == .trial)
        roster.succeeded(key)
        #expect(roster.admit(key, at: later) != .free, "that was a call from before")
        roster.succeeded(key, isTrial: true)
        #expect(roster.admit(key, at: later) == .free && roster.isSound(key))
    }

    @Test func `a call that tries a key and tells nothing lets another try after a minute`() {
        var roster = KeyRoster()
        roster.refused(key, at: now)
        let later = now.advanced(by: KeyRoster.refusalTime)
        #expect(roster.admit(key, at: later) == .trial)
        #expect(
            roster.admit(key, at: later.advanced(by: .seconds(59))) == .none(until: later.advanced(by: .seconds(60))))
        #expect(roster.admit(key, at: later.advanced(by: KeyRoster.trialTime)) == .trial)
    }

    @Test func `a clock that is set back keeps no key out for longer`() {
        let keys = ["refused", "spent", "told"].map {
            UpstreamKey(id: $0, organization: "o", secret: Secret("s"), rate: nil)
        }
        var roster = KeyRoster()
        roster.refused(keys[0], at: now)
        roster.spendLimited(keys[1], at: now)
        roster.toldSpendLimit(keys[2], at: now)
        let earlier = now.advanced(by: .seconds(-7200))
        #expect(roster.usable(of: keys, at: earlier).isEmpty)
        let next = keys.map { roster.outage(of: $0, at: earlier)?.nextTry.duration(since: earlier) }
        #expect(next == [KeyRoster.refusalTime, KeyRoster.spendTryTime, KeyRoster.toldTime])
        #expect(roster.outage(of: keys[1], at: earlier)?.until == now.startOfNextMonth)
    }

    @Test func `a key that has reached its spend limit is tried by one call an hour until the month is over`() {
        var roster = KeyRoster()
        roster.spendLimited(key, at: now)
        let outage = roster.outage(of: key, at: now)
        #expect(outage?.until.rfc3339.hasPrefix("2026-02-01T00:00:00") == true)
        #expect(outage?.nextTry == now.advanced(by: .seconds(3600)))
        var tries = 0
        for minute in 0..<180 {
            let instant = now.advanced(by: .seconds(60 * minute))
            for _ in 0..<5 where roster.admit(key, at: instant) == .trial {
                tries += 1
                roster.spendLimited(key, at: instant)
            }
        }
        #expect(tries == 2)
        let raised = now.advanced(by: .seconds(3600 * 3))
        #expect(roster.admit(key, at: raised) == .trial)
        roster.succeeded(key, isTrial: true)
        #expect(roster.outage(of: key, at: raised) == nil && roster.admit(key, at: raised) == .free)
        roster.spendLimited(key, at: raised)
        #expect(roster.admit(key, at: now.startOfNextMonth) == .trial)
    }

    @Test func `a spend limit told in words alone rests the key for minutes, longer each time it is told again`() {
        var roster = KeyRoster()
        var instant = now
        for minutes in [5, 10, 20, 40, 60, 60] {
            roster.toldSpendLimit(key, at: instant)
            roster.toldSpendLimit(key, at: instant)  // by calls that were under way
            let until = instant.advanced(by: .seconds(60 * minutes))
            #expect(roster.outage(of: key, at: instant)?.until == until)
            instant = until
            #expect(roster.admit(key, at: instant) == .trial)
        }
        roster.succeeded(key, isTrial: true)
        roster.toldSpendLimit(key, at: instant)
        #expect(roster.outage(of: key, at: instant)?.until == instant.advanced(by: KeyRoster.toldTime))
        roster.spendLimited(key, at: instant)
        roster.toldSpendLimit(key, at: instant)
        #expect(roster.outage(of: key, at: instant)?.until == instant.startOfNextMonth, "a code says more")
    }
}
