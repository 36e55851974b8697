import Domain
import Testing
import TestSupport

struct SSEScannerTests {
    private static let stream = Array(
        ("event: message_start\r\ndata: {}\r\n\r\n: comment\n\nevent: ping\ndata: {}\n\n"
            + "event:content_block_start\ndata: {}\n\nevent: content_block_delta\rdata: {}\r\r"
            + "event: error\ndata: {\"a\":\ndata:1}\n\nevent: message_stop\ndata: {}\n\n\n\n").utf8)
    private static let events: [SSEScanner.Event] = [
        .other, .other, .other, .content, .content, .error(data: Array("{\"a\":\n1}".utf8)), .stop,
    ]

    @Test
    func `events are told in order, wherever the bytes are cut`() {
        for cut in 0...Self.stream.count {
            var scanner = SSEScanner()
            let events = scanner.feed(Array(Self.stream[..<cut])) + scanner.feed(Array(Self.stream[cut...]))
            #expect(events == Self.events, "cut at \(cut)")
            #expect(scanner.isBetweenEvents)
        }
        var scanner = SSEScanner()
        #expect(Self.stream.flatMap { scanner.feed([$0]) } == Self.events)
    }

    @Test
    func `between events means after a blank line`() {
        var scanner = SSEScanner()
        #expect(scanner.isBetweenEvents)
        _ = scanner.feed(Array("event: ping\ndata: {}\n".utf8))
        #expect(!scanner.isBetweenEvents)
        _ = scanner.feed(Array("\n".utf8))
        #expect(scanner.isBetweenEvents)
    }

    @Test
    func `a huge line costs no memory and is no event of ours`() {
        var scanner = SSEScanner()
        let line = Array("data: ".utf8) + [UInt8](repeating: 0x61, count: 1 << 20)
        #expect(scanner.feed(Array("event: error\n".utf8) + line + Array("\n\n".utf8)).count == 1)
        #expect(scanner.feed(line + Array("\n\n".utf8)) == [.other])
    }

    @Test(arguments: UInt64(0)..<100)
    func `no bytes upset it`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var scanner = SSEScanner()
        let alphabet = Array("event: error\n\r\ndata:{}\u{0}é".utf8)
        for _ in 0..<200 {
            _ = scanner.feed((0..<7).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] })
        }
        let rest = scanner.feed(Array("\n\nevent: message_stop\ndata: {}\n\n".utf8))
        #expect(rest.last == .stop)
    }
}
