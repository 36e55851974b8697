import Domain
import InMemoryLogging
import Logging
import Telemetry
import Testing
import Upstream

@testable import Relay

@Suite struct GatewayNoticesTests {
    /// What the log says of limits that stand under two names.
    private func line(isCountedApart: Bool) throws -> InMemoryLogHandler.Entry {
        let log = InMemoryLogHandler()
        let notices = GatewayNotices(logger: Logger(label: "test") { _ in log })
        notices.take(.limitsDoubled(KeyOwners.Doubled(["a", "b"], isCountedApart: isCountedApart)))
        #expect(log.entries.count == 1)
        return try #require(log.entries.first)
    }

    @Test func `of two names that go by one the log says that they share the stricter limits`() throws {
        let line = try line(isCountedApart: false)
        #expect(line.message.description.hasSuffix("; its keys share the stricter ones"))
        #expect(line.level == .warning && line.metadata[LogKey.organizations] == "a, b")
    }

    @Test func `of two names that stay apart the log says that each counts by itself, and what to do`() throws {
        let line = try line(isCountedApart: true)
        #expect(line.message.description.contains("each name given with --org counts its own calls"))
        #expect(line.message.description.hasSuffix("may take more than the organization has; give its keys one --org"))
        #expect(line.level == .warning && line.metadata[LogKey.organizations] == "a, b")
    }
}
