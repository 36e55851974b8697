import Domain
import TestSupport
import Testing

@testable import Relay

@Suite struct UnitTextTests {
    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("1.5s", .milliseconds(1500)), ("5m", .seconds(300)),
        ("24h", .seconds(86_400)), ("30d", .seconds(2_592_000)), ("0s", .zero), ("7us", .microseconds(7)),
    ])
    func `durations are read with their units`(text: String, duration: Duration) {
        #expect(DurationText.parse(text) == duration)
    }

    @Test(arguments: ["", "5", "s", "-1s", "1 s", "1w", "1.2.3s", "∞s", "1e3s", "99999999999999999999h"])
    func `what is no duration is refused`(text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(arguments: UInt64(0)..<100)
    func `every duration survives printing and reading`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let duration = Duration.microseconds(Int64.random(in: 0...1_000_000_000_000, using: &random))
        #expect(DurationText.parse(DurationText.print(duration)) == duration)
    }

    @Test(arguments: [
        ("0", 0), ("512", 512), ("1B", 1), ("4KiB", 4096), ("32MiB", 33_554_432), ("1GiB", 1_073_741_824),
    ])
    func `sizes are read with their units`(text: String, size: Int) {
        #expect(SizeText.parse(text) == size)
    }

    @Test(arguments: [
        "https://api.anthropic.com", "http://127.0.0.1:8788", "HTTPS://host/prefix", "http://[::1]:80",
    ])
    func `an upstream has a scheme and a host`(url: String) throws {
        try UpstreamAddress.check(url)
    }

    @Test(arguments: [
        "", "api.anthropic.com", "127.0.0.1:8788", "ftp://host", "https://", "https://user@host", "https://host?x=1",
        "https://host#x", "https:// host",
    ])
    func `an upstream that libcurl would have to guess at is refused`(url: String) {
        #expect(throws: RelayError.self) { try UpstreamAddress.check(url) }
    }

    @Test func `only an http upstream elsewhere is called in the clear`() {
        #expect(UpstreamAddress.isCleartext("http://proxy.example:80"))
        for url in ["https://api.anthropic.com", "http://127.0.0.1:1", "http://localhost", "http://[::1]:2"] {
            #expect(!UpstreamAddress.isCleartext(url))
        }
    }

    @Test(arguments: ["", "KiB", "1KB", "-1B", "1.5MiB", "99999999999GiB", "1 KiB"])
    func `what is no size is refused`(text: String) {
        #expect(SizeText.parse(text) == nil)
    }
}
