import Domain
import Synchronization
import Testing

@testable import Upstream

struct ExchangeReportTests {
    private let listener = ExchangeListener()

    private func exchange(_ url: String, with transport: CurlTransport) async throws(TransportFailure) {
        let request = HTTPRequest(method: "POST", url: url, headers: [], body: [1], timeouts: .upstream)
        _ = try await transport.exchange(request, over: .direct, limit: 1000)
    }

    @Test func `phases and sockets of a new and of a reused connection`() async throws {
        let server = try LoopbackServer { connection in
            while let request = connection.readRequest() { connection.answer(request.body) }
        }
        let transport = try CurlTransport(observer: listener)
        try await exchange(server.url, with: transport)
        try await exchange(server.url, with: transport)
        #expect(
            listener.changes == [[1, 0], [0, 1], [0, -1], [0, 1]], "both over one socket, which waits for more")
        transport.shutdown()
        #expect(listener.changes.last == [-1, -1])

        let reports = listener.reports.withLock { $0 }
        try #require(reports.count == 2)
        #expect(reports.allSatisfy { $0.path == "direct" && $0.failure == nil && $0.repeats == 0 })
        #expect(reports.allSatisfy { $0.callsOnConnection == 1 && $0.tls == nil })
        #expect(reports.map(\.connection) == [.new, .reused])
        let (first, second) = (reports[0], reports[1])
        let connect = try #require(first.connect)
        #expect(second.connect == nil)
        for report in reports {
            let firstByte = try #require(report.firstByte)
            #expect(firstByte > .zero && firstByte + (report.longestGap ?? .zero) <= report.total)
        }
        #expect(connect > .zero && connect <= first.total)
    }

    @Test func `an answer that never began has no phases and says what failed`() async throws {
        let transport = try CurlTransport(observer: listener)
        let port = try LoopbackServer.closedPort()
        await #expect(throws: TransportFailure.self) {
            try await exchange("http://127.0.0.1:\(port)", with: transport)
        }
        let report = try #require(listener.reports.withLock { $0.first })
        #expect(
            report.failure == .connect && report.connection == .none && report.connect == nil && report.firstByte == nil
        )
        #expect(report.longestGap == nil)
        #expect(listener.changes.map(\.[0]).reduce(0, +) == 0)
    }

    @Test func `the longest wait between arrivals leaves out the waits for our reader`() {
        func at(_ seconds: Int64) -> ContinuousTicks { ContinuousTicks(nanoseconds: seconds * 1_000_000_000) }
        var clocks = ExchangeClocks(.upstream, at: at(0))
        clocks.requestStarted(at: at(1))
        clocks.headArrived(at: at(5))
        #expect(clocks.longestGap == nil)
        clocks.bytesArrived(at: at(7))
        clocks.bytesArrived(at: at(8))
        clocks.paused()
        clocks.bytesArrived(at: at(60))
        clocks.bytesArrived(at: at(61))
        #expect(clocks.longestGap == .seconds(2))
    }
}
