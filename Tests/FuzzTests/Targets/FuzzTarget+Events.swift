import Domain

extension FuzzTarget {
    /// `SSEScanner`: tells the same wherever the stream is cut, and keeps no more than it may.
    static let events = FuzzTarget(
        name: "events",
        seeds: [
            "event: message_start\ndata: {\"type\":\"message_start\"}\n\nevent: ping\ndata: {}\n\n",
            "event: content_block_delta\r\ndata: {}\r\n\r\nevent: message_stop\r\ndata: {}\r\n\r\n",
            "event:error\rdata:{\"error\":{}}\rdata: more\r\revent: message_delta\ndata: {\"usage\":{}}\n\n: note\n\n",
        ],
        words: [
            "event:", "data:", "event: error\n", "data: x\n", "\n\n", "\r\n\r\n", "\r", "\n", "\r\n", ": ",
            "message_stop",
            "message_delta", "content_block_start", String(repeating: "data: y", count: 50), "id: 1\n", "\u{FEFF}",
        ]
    ) { input in
        // The first byte says how the rest is cut.
        let (step, rest) = (Int(input.first ?? 1) % 17 + 1, Array(input.dropFirst()))
        var (whole, cut) = (SSEScanner(), SSEScanner())
        let events = whole.feed(rest)
        var pieces: [SSEScanner.Event] = []
        for start in stride(from: 0, to: rest.count, by: step) {
            pieces += cut.feed(Array(rest[start..<min(rest.count, start + step)]))
        }
        guard events == pieces else { return "cut every \(step) bytes it tells other events" }
        guard whole.isBetweenEvents == cut.isBetweenEvents, whole.startData == cut.startData,
            whole.deltaData == cut.deltaData
        else { return "cut every \(step) bytes it ends elsewhere" }
        let most = 2 * SSEScanner.dataLimit
        guard whole.startData.count <= most, whole.deltaData.count <= most else { return "it keeps too much" }
        return events.count <= rest.count { $0 == 0x0A || $0 == 0x0D } ? nil : "more events than lines"
    }
}
