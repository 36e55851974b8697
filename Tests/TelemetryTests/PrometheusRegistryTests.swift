import CoreMetrics
import Metrics
import Telemetry
import Testing

struct PrometheusRegistryTests {
    private let registry = PrometheusRegistry()

    @Test func `Nothing recorded is nothing printed`() {
        #expect(registry.renderText() == "")
    }

    @Test func `Counters, gauges and histograms print sorted, with help where there is one`() {
        Counter(
            label: "claude_requests_total", dimensions: [("status_code", "200"), ("method", "POST")], factory: registry
        )
        .increment(by: 3)
        Counter(
            label: "claude_requests_total", dimensions: [("method", "GET"), ("status_code", "404")], factory: registry
        )
        .increment()
        Gauge(label: "a_level", factory: registry).record(2.5)
        #expect(
            registry.renderText() == """
                # TYPE a_level gauge
                a_level 2.5
                # HELP claude_requests_total Calls answered, by HTTP status and method.
                # TYPE claude_requests_total counter
                claude_requests_total{method="GET",status_code="404"} 1
                claude_requests_total{method="POST",status_code="200"} 3

                """)
    }

    @Test func `Label values are escaped, even inside a Character`() {
        let value = "a\\b\"c\nd\r\ne\"\u{301}f\n\u{301}é"
        Counter(label: "odd_total", dimensions: [("x", value)], factory: registry).increment()
        let printed =
            "# TYPE odd_total counter\nodd_total{x=\""
            + #"a\\b\"c\nd"# + "\r" + #"\ne\""# + "\u{301}f" + #"\n"# + "\u{301}é\"} 1\n"
        #expect(Array(registry.renderText().utf8) == Array(printed.utf8))
    }

    @Test func `A histogram's buckets accumulate, bounds included, and end with +Inf`() {
        let timer = Timer(label: "claude_response_time", dimensions: [("method", "POST")], factory: registry)
        for milliseconds in [50, 51, 1000, 1001] { timer.recordMilliseconds(milliseconds) }
        timer.recordNanoseconds(500_000)
        #expect(
            registry.renderText() == """
                # HELP claude_response_time Milliseconds from a call's head to its answer's end.
                # TYPE claude_response_time histogram
                claude_response_time_bucket{method="POST",le="50"} 2
                claude_response_time_bucket{method="POST",le="100"} 3
                claude_response_time_bucket{method="POST",le="200"} 3
                claude_response_time_bucket{method="POST",le="500"} 3
                claude_response_time_bucket{method="POST",le="1000"} 4
                claude_response_time_bucket{method="POST",le="+Inf"} 5
                claude_response_time_sum{method="POST"} 2102.5
                claude_response_time_count{method="POST"} 5

                """)
    }

    @Test func `A recorder that aggregates is a histogram, one that does not keeps the last value`() {
        let sizes = Recorder(label: "sizes", dimensions: [], aggregate: true, factory: registry)
        let level = Recorder(label: "level", dimensions: [], aggregate: false, factory: registry)
        for value in [7, -3] {
            sizes.record(value)
            level.record(value)
        }
        let lines = registry.renderText().split(separator: "\n").map(String.init)
        #expect(lines.prefix(2) == ["# TYPE level gauge", "level -3"])
        #expect(lines.contains(#"sizes_bucket{le="1"} 1"#))
        #expect(lines.contains(#"sizes_bucket{le="10"} 2"#))
        #expect(lines.suffix(3) == [#"sizes_bucket{le="+Inf"} 2"#, "sizes_sum 4", "sizes_count 2"])
    }

    @Test func `A gauge that is destroyed is printed no more until it is made anew; what was counted stays`() {
        let labels = [("path", "a")]
        let (level, sizes) = (
            Gauge(label: "level", dimensions: labels, factory: registry),
            Recorder(label: "sizes", dimensions: labels, aggregate: true, factory: registry)
        )
        Gauge(label: "level", dimensions: [("path", "b")], factory: registry).record(1)
        level.record(2)
        level.destroy()
        sizes.destroy()
        level.record(3)
        var lines = registry.renderText().split(separator: "\n").map(String.init)
        #expect(lines.prefix(2) == ["# TYPE level gauge", #"level{path="b"} 1"#])
        #expect(lines.last == #"sizes_count{path="a"} 0"#)
        Gauge(label: "level", dimensions: labels, factory: registry).record(4)
        lines = registry.renderText().split(separator: "\n").map(String.init)
        #expect(lines[1] == #"level{path="a"} 4"#)
    }

    @Test func `Past the limit series are refused and counted, known ones go on`() {
        for index in 0..<PrometheusRegistry.seriesLimit {
            Counter(label: "many_total", dimensions: [("i", String(index))], factory: registry).increment()
        }
        #expect(!registry.renderText().contains("refused"))
        Counter(label: "one_more_total", factory: registry).increment()
        Gauge(label: "another", factory: registry).record(1)
        Counter(label: "many_total", dimensions: [("i", "0")], factory: registry).increment()
        let text = registry.renderText()
        #expect(!text.contains("one_more_total") && !text.contains("another"))
        #expect(text.contains("many_total{i=\"0\"} 2\n"))
        let overflow = "relay_metric_series_refused_total"
        #expect(text.hasSuffix("# TYPE \(overflow) counter\n\(overflow) 2\n"))
    }

    @Test func `Increments from many tasks add up`() async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask { [registry] in
                    for _ in 0..<500 {
                        Counter(label: "shared_total", factory: registry).increment()
                        Timer(label: "shared_time", factory: registry).recordMilliseconds(1)
                    }
                }
            }
        }
        let text = registry.renderText()
        #expect(text.contains("\nshared_total 8000\n"))
        #expect(text.contains("\nshared_time_bucket{le=\"1\"} 8000\n"))
        #expect(text.hasPrefix("# TYPE shared_time histogram\n"))
    }
}
