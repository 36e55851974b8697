import Domain
import InMemoryLogging
import Logging
import Queue
import Synchronization
import TestSupport
import Testing

@testable import Relay
@testable import Upstream

@Suite struct EgressDirectoryTests {
    /// A store that can be written as soon as somebody says so.
    private final class FullStore: EgressStore {
        let base = MemoryJobStore(clock: ManualClock())
        let isFull = Mutex(true)

        func takeOut(_ outage: EgressOutage) async throws(JobStoreError) {
            guard !isFull.withLock({ $0 }) else { throw .unavailable(detail: "disk full") }
            try await base.takeOut(outage)
        }

        func bringBack(_ path: String) async throws(JobStoreError) -> Bool { try await base.bringBack(path) }

        func egressOutages() async throws(JobStoreError) -> [EgressOutage] { try await base.egressOutages() }
    }

    private struct NoTransport: Transport {
        func send(_ request: HTTPRequest, over path: EgressPath) async throws(TransportFailure) -> HTTPAnswer {
            throw TransportFailure(.connect, maybeSent: false, detail: "there is none")
        }
    }

    private struct NoKeys: UpstreamKeyring {
        func keys() -> [UpstreamKey] { [] }
    }

    @Test func `a refused region that cannot be recorded is out here until it can, and then as operators say`()
        async throws
    {
        let (store, log) = (FullStore(), InMemoryLogHandler())
        let path = EgressPath(id: "west", route: .source("10.0.0.1"))
        let gateway = Gateway(
            configuration: GatewayConfiguration(upstream: "http://up", egress: [path]), transport: NoTransport(),
            ledger: MemoryPacingLedger(), keyring: NoKeys(), clock: ContinuousClock(), wall: SystemClock())
        let directory = EgressDirectory(store: store, gateway: gateway, logger: Logger(label: "test") { _ in log })
        let refusal = EgressProber<ContinuousClock>.Finding.regionRefused
        await gateway.book(refusal, of: path)

        var isFailing = false
        for _ in 0..<3 {
            await directory.tell(isFailing: &isFailing)
            await directory.refresh()
        }
        #expect(gateway.status().paths[0].state == .out(.regionRefused))
        #expect(isFailing && log.entries.count == 1, "said once")

        store.isFull.withLock { $0 = false }
        await directory.tell(isFailing: &isFailing)
        let recorded = try await store.egressOutages().map(\.path)
        #expect(!isFailing && recorded == ["west"])
        _ = try await store.bringBack("west")
        await directory.refresh()
        #expect(gateway.status().paths[0].state == .passing)
    }
}
