import Telemetry
import Testing
import Upstream

@testable import Relay

struct ExchangeMetricsTests {
    private let registry = PrometheusRegistry()
    private let metrics: ExchangeMetrics

    init() {
        metrics = ExchangeMetrics(factory: registry)
    }

    /// The lines of `name`, without it.
    private func lines(_ name: String) -> [String] {
        registry.renderText().split(separator: "\n").filter { $0.hasPrefix(name + "{") }.map {
            String($0.dropFirst(name.count))
        }
    }

    private func connect(_ session: ConnectionReport.Session, _ phases: ConnectionReport.Phases) {
        metrics.connected(ConnectionReport(path: "a", family: .ipv6, session: session, phases: phases))
    }

    @Test func `connections are counted by family and session, and their phases told apart`() {
        connect(.full, .init(resolve: .seconds(1), connect: .seconds(2), tunnel: .seconds(3), tls: .seconds(4)))
        connect(.resumed, .init(connect: .seconds(2), tls: .seconds(1)))
        connect(.resumed, .init(connect: .seconds(2), tls: .seconds(1)))
        #expect(
            lines("relay_upstream_connections_total") == [
                #"{family="ipv6",path="a",session="full"} 1"#, #"{family="ipv6",path="a",session="resumed"} 2"#,
            ])
        let sums = lines("relay_upstream_phase_seconds_sum")
        for (phase, sum) in [("resolve", 1), ("connect", 6), ("tunnel", 3), ("tls", 6), ("total", 0)] {
            #expect(sums.contains(#"{path="a",phase="\#(phase)"} \#(sum)"#))
        }
    }

    @Test func `names are counted by where their address came from`() {
        for isRemembered in [false, true, true] { metrics.resolving(path: "a", isRemembered: isRemembered) }
        #expect(
            lines("relay_upstream_lookups_total") == [
                #"{path="a",source="memory"} 2"#, #"{path="a",source="resolver"} 1"#,
            ])
    }

    @Test func `the gauges of a path that is taken out go, and what was counted stays`() {
        connect(.full, .init(connect: .zero))
        for path in ["a", "b"] { metrics.socketsChanged(.init(path: path, open: 2, connecting: 1, idle: 1)) }
        #expect(lines("relay_upstream_connecting_sockets") == [#"{path="a"} 1"#, #"{path="b"} 1"#])
        metrics.pathsKept(["b"])
        metrics.socketsChanged(.init(path: "a", open: -1, connecting: -1))
        for name in ["sockets", "connecting_sockets", "idle_sockets"] {
            #expect(lines("relay_upstream_" + name).map { $0.contains("b") } == [true])
        }
        #expect(lines("relay_upstream_connections_total").count == 1)
    }

    @Test func `a path that comes back has the sockets that were left to it meanwhile`() {
        for idle in [0, 1] { metrics.socketsChanged(.init(path: "a", open: 1, idle: idle)) }
        metrics.pathsKept([])
        metrics.socketsChanged(.init(path: "a", open: -1, idle: -1))
        metrics.pathsKept(["a"])
        metrics.socketsChanged(.init(path: "a", open: 1, connecting: 1))
        #expect(lines("relay_upstream_sockets") == [#"{path="a"} 2"#])
        #expect(lines("relay_upstream_idle_sockets") == [#"{path="a"} 0"#])
    }
}
