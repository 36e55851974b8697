import Domain
import Testing

@testable import Upstream

struct ExchangeClocksTests {
    private static let start = ContinuousTicks(nanoseconds: 0)
    private static let tenMinutes = start.advanced(by: .seconds(601))

    @Test func `by default the upstream may think for ten minutes before its head and between its bytes`() {
        var clocks = ExchangeClocks(.upstream, at: Self.start)
        clocks.requestStarted(at: Self.start)
        #expect(clocks.expired(at: Self.tenMinutes, uploaded: 0, of: 0) == nil)
        clocks.headArrived(at: Self.tenMinutes)
        clocks.bytesArrived(at: Self.tenMinutes)
        let later = Self.tenMinutes.advanced(by: .seconds(601))
        #expect(clocks.expired(at: later, uploaded: 0, of: 0) == nil)
        let dead = Self.tenMinutes.advanced(by: .seconds(901))
        #expect(clocks.expired(at: dead, uploaded: 0, of: 0)?.contains("idle") == true)
    }

    @Test func `a reader that does not keep up stops the clocks`() {
        var clocks = ExchangeClocks(.upstream, at: Self.start)
        clocks.headArrived(at: Self.start)
        clocks.paused()
        #expect(clocks.expired(at: Self.start.advanced(by: .seconds(3599)), uploaded: 0, of: 0) == nil)
        #expect(clocks.expired(at: Self.start.advanced(by: .seconds(3600)), uploaded: 0, of: 0) != nil)
    }
}
