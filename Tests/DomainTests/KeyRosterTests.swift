import Domain
import TestSupport
import Testing

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

    @Test func `one request without permission does not take the key from the others`() {
        var roster = KeyRoster()
        for _ in 1..<KeyRoster.permissionLimit { roster.lacksPermission(key, at: now) }
        #expect(roster.usable(of: [key], at: now) == [key])
        roster.succeeded(key)
        for _ in 1..<KeyRoster.permissionLimit { roster.lacksPermission(key, at: now) }
        #expect(roster.usable(of: [key], at: now) == [key])
        roster.lacksPermission(key, at: now)
        #expect(roster.usable(of: [key], at: now).isEmpty, "five in a row tell of the key")
    }
}
