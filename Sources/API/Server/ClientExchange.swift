import Domain
import HTTPTypes
import HummingbirdCore
import NIOCore

/// One request and the way back to its client. Used by one task.
struct ClientExchange {
    let id: String
    let request: Request
    let body: RequestBytes
    let sink: AnswerSink
    /// The client's address in network order; empty if it has none.
    let address: [UInt8]
    var isHead: Bool { request.method == .head }

    init(_ request: Request, _ sink: AnswerSink, from address: SocketAddress? = nil) {
        var random = PooledRandom()
        id = "req_relay_" + RandomName.make(using: &random)
        self.request = request
        self.sink = sink
        self.address = address?.networkBytes ?? []
        body = RequestBytes(request)
    }

    /// Lets a client that asked first send its body, unless it announces one that is too large anyway.
    func inviteBody(limit: Int) async throws {
        guard request.headers[.expect]?.lowercased() == "100-continue" else { return }
        if let length = body.announcedLength, length > limit { return }
        try await sink.inviteBody()
    }

    /// How long a client may go on sending what nobody wants any more.
    static let drainTime = Duration.seconds(60)

    /// Reads what the client still sends, so that it gets to read the answer; a client that does not come to an end
    /// loses its connection.
    func drain(_ clock: any Clock<Duration>) async throws {
        let body = body
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    while try await body.next() != nil {}
                } catch {
                    // The answer is out; that the rest is broken cannot be another answer.
                    throw CancellationError()
                }
            }
            group.addTask {
                try await clock.sleep(for: Self.drainTime)
                throw CancellationError()
            }
            try await group.next()
            group.cancelAll()
        }
    }
}

extension SocketAddress {
    /// The IP address alone, in network order; empty for addresses of other kinds.
    fileprivate var networkBytes: [UInt8] {
        // After family and port; of IPv6 after the flow label, too.
        let place: Range<Int> =
            switch self {
            case .v4: 4..<8
            case .v6: 8..<24
            case .unixDomainSocket: 0..<0
            }
        return withSockAddr { Array(UnsafeRawBufferPointer(start: $0, count: $1)[place]) }
    }
}
