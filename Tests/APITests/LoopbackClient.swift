import NIOCore
import NIOPosix

/// One TCP connection to a server on loopback, speaking just enough HTTP/1.1 to see every byte.
final class LoopbackClient: Sendable {
    struct Reply: Sendable {
        let status: Int
        /// Names in lower case.
        let headers: [String: String]
        let body: [UInt8]
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    struct Broken: Error {}

    /// Our end of the connection.
    let localPort: Int
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    // Safe, because each test reads from one task only.
    private nonisolated(unsafe) var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private nonisolated(unsafe) var buffer: [UInt8] = []

    private init(
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        localPort: Int
    ) {
        self.localPort = localPort
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
    }

    static func connect<Result: Sendable>(
        to port: Int, _ body: @Sendable (LoopbackClient) async throws -> Result
    ) async throws -> Result {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let localPort = channel.channel.localAddress?.port ?? 0
        return try await channel.executeThenClose { inbound, outbound in
            try await body(LoopbackClient(inbound, outbound, localPort: localPort))
        }
    }

    func send(_ bytes: [UInt8]) async throws {
        try await outbound.write(ByteBuffer(bytes: bytes))
    }

    func send(_ text: String) async throws {
        try await send(Array(text.utf8))
    }

    func request(
        _ method: String, _ target: String, headers: [(String, String)] = [], body: [UInt8]? = nil
    ) async throws -> Reply {
        var head = "\(method) \(target) HTTP/1.1\r\nhost: relay\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if let body { head += "content-length: \(body.count)\r\n" }
        try await send(Array((head + "\r\n").utf8) + (body ?? []))
        return try await reply(hasBody: method != "HEAD")
    }

    func reply(hasBody: Bool = true) async throws -> Reply {
        let (status, headers) = try await head()
        guard hasBody else { return Reply(status: status, headers: headers, body: []) }
        if headers["transfer-encoding"] == "chunked" {
            var body: [UInt8] = []
            while let chunk = try await chunk() { body += chunk }
            return Reply(status: status, headers: headers, body: body)
        }
        let body = try await take(Int(headers["content-length"] ?? "0") ?? 0)
        return Reply(status: status, headers: headers, body: body)
    }

    func head() async throws -> (status: Int, headers: [String: String]) {
        let lines = try await headLines()
        let status = Int(lines[0].split(separator: " ")[1]) ?? 0
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
        return (status, headers)
    }

    /// The next chunk of a chunked body; nil at its end.
    func chunk() async throws -> [UInt8]? {
        let size = Int(try await line(), radix: 16) ?? 0
        let bytes = try await take(size)
        _ = try await take(2)
        return size == 0 ? nil : bytes
    }

    /// Whether the server has closed the connection.
    func isClosed() async throws -> Bool {
        guard buffer.isEmpty else { return false }
        return try await inbound.next() == nil
    }

    private func headLines() async throws -> [String] {
        var lines: [String] = []
        while true {
            let line = try await line()
            if line.isEmpty { return lines }
            lines.append(line)
        }
    }

    private func line() async throws -> String {
        while true {
            if let end = buffer.firstIndex(of: 0x0A) {
                let line = String(decoding: buffer[..<end].filter { $0 != 0x0D }, as: UTF8.self)
                buffer.removeFirst(end + 1)
                return line
            }
            try await fill()
        }
    }

    private func take(_ count: Int) async throws -> [UInt8] {
        while buffer.count < count { try await fill() }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    private func fill() async throws {
        guard let more = try await inbound.next() else { throw Broken() }
        buffer.append(contentsOf: more.readableBytesView)
    }
}
