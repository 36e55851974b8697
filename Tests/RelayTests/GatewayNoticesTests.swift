import Domain
import InMemoryLogging
import Logging
import Queue
import Telemetry
import TestSupport
import Testing
import Upstream

@testable import Relay

@Suite struct GatewayNoticesTests {
    /// What the log says of limits that stand under two names.
    private func line(isCountedApart: Bool) async throws -> InMemoryLogHandler.Entry {
        let log = InMemoryLogHandler()
        let notices = GatewayNotices(
            store: MemoryJobStore(clock: ManualClock()), logger: Logger(label: "test") { _ in log })
        await notices.take(.limitsDoubled(KeyOwners.Doubled(["a", "b"], isCountedApart: isCountedApart)))
        #expect(log.entries.count == 1)
        return try #require(log.entries.first)
    }

    @Test func `of two names that go by one the log says that they share the stricter limits`() async throws {
        let line = try await line(isCountedApart: false)
        #expect(line.message.description.hasSuffix("; its keys share the stricter ones"))
        #expect(line.level == .warning && line.metadata[LogKey.organizations] == "a, b")
    }

    @Test func `of two names that stay apart the log says that each counts by itself, and what to do`() async throws {
        let line = try await line(isCountedApart: true)
        #expect(line.message.description.contains("each name given with --org counts its own calls"))
        #expect(line.message.description.hasSuffix("may take more than the organization has; give its keys one --org"))
        #expect(line.level == .warning && line.metadata[LogKey.organizations] == "a, b")
    }
}
