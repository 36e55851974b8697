import Domain
import Testing

@testable import Upstream

struct DialMarksTests {
    private var marks = DialMarks()

    private func at(_ milliseconds: Int64) -> ContinuousTicks { ContinuousTicks(nanoseconds: milliseconds * 1_000_000) }

    private func phases(
        _ connect: Int, resolve: Int? = nil, tunnel: Int? = nil, tls: Int? = nil
    ) -> ConnectionReport.Phases {
        ConnectionReport.Phases(
            resolve: resolve.map { .milliseconds($0) }, connect: .milliseconds(connect),
            tunnel: tunnel.map { .milliseconds($0) }, tls: tls.map { .milliseconds($0) })
    }

    @Test mutating func `without a name, a proxy and TLS there is TCP alone`() {
        marks.dialling(at: at(100))
        let made = marks.made(at: at(130), .init(resolved: 1000, connected: 30_000))
        #expect(made == phases(29))
    }

    @Test mutating func `a look-up lasts until the first socket is opened, whatever comes after`() {
        marks.asking(at: at(100))
        #expect(marks.hasAsked && !marks.isDialling)
        for time in [140, 150] { marks.dialling(at: at(Int64(time))) }
        marks.asking(at: at(155))
        let made = marks.made(at: at(200), .init(resolved: 40_000, connected: 60_000, secured: 95_000))
        #expect(made == phases(20, resolve: 40, tls: 35))
        #expect(!marks.hasAsked && !marks.isDialling, "the next connection begins anew")
    }

    @Test mutating func `a tunnel lasts until the last TLS begins: the one before was the proxy's own`() {
        marks.dialling(at: at(0))
        marks.securing(at: at(20))
        marks.securing(at: at(70))
        let made = marks.made(at: at(100), .init(resolved: 0, connected: 10_000, secured: 100_000))
        #expect(made == phases(10, tunnel: 60, tls: 30))
    }

    @Test mutating func `without TLS to the upstream the end of a tunnel is not known`() {
        marks.dialling(at: at(0))
        marks.securing(at: at(20))
        #expect(marks.made(at: at(100), .init(resolved: 0, connected: 10_000)) == phases(10))
    }

    @Test mutating func `a call's second connection is told without what its first took`() {
        marks.asking(at: at(0))
        marks.dialling(at: at(5))
        marks.securing(at: at(20))
        _ = marks.made(at: at(50), .init(resolved: 5000, connected: 10_000, secured: 50_000))
        marks.dialling(at: at(60))
        let made = marks.made(at: at(90), .init(resolved: 6000, connected: 18_000, secured: 88_000))
        #expect(made == phases(7, tls: 30))
    }

    @Test mutating func `clocks that disagree make no phase negative`() {
        marks.dialling(at: at(0))
        marks.securing(at: at(10))
        let made = marks.made(at: at(60), .init(resolved: 12_000, connected: 11_000, secured: 51_000))
        #expect(made == phases(0, tunnel: 0, tls: 40))
    }
}
