import Domain
import Telemetry
import Testing

@testable import API

struct GatewayGaugesTests {
    @Test func `a path that is taken out of the configuration is told of no more`() {
        let (gateway, registry) = (ScriptedGateway(), PrometheusRegistry())
        let gauges = GatewayGauges(gateway: gateway, factory: registry)
        func paths() -> [String] {
            gauges.record(at: Timestamp(microseconds: 0))
            return ["a", "b"].filter { id in
                let states = ["relay_egress_state", "relay_egress_calls_in_flight"].map {
                    registry.renderText().contains("\($0){path=\"\(id)\"} 0\n")
                }
                #expect(states[0] == states[1])
                return states[0]
            }
        }
        let all = ["a", "b"].map { EgressPath(id: $0, route: .direct) }
        for (given, told) in [(all, ["a", "b"]), ([all[0]], ["a"]), (all, ["a", "b"])] {
            gateway.goOver(given)
            #expect(paths() == told)
        }
    }
}
