package import Domain

/// Sends one HTTP request over one egress path. libcurl's is ``CurlTransport``; tests have their own.
package protocol Transport: Sendable {
    /// Sends `request` and returns when the head of the answer is there; the body follows as it arrives.
    /// Cancelling the task, or dropping the answer's body before its end, closes the connection.
    func send(_ request: HTTPRequest, over path: EgressPath) async throws(TransportFailure) -> HTTPAnswer

    /// From now on calls go over these paths alone: what is held for others may be given back. Exchanges under way go on.
    func keep(_ paths: [EgressPath])
}

extension Transport {
    /// One that holds nothing has nothing to give back.
    package func keep(_ paths: [EgressPath]) {}

    /// Sends `request` and collects the whole answer, up to `limit` bytes of body.
    package func exchange(
        _ request: HTTPRequest, over path: EgressPath, limit: Int
    ) async throws(TransportFailure) -> UpstreamReply {
        let answer = try await send(request, over: path)
        let body = try await answer.body.collect(limit: limit)
        return UpstreamReply(status: answer.status, headers: answer.headers, body: body)
    }
}

/// One request as it goes on the wire.
package struct HTTPRequest: Sendable {
    /// In capitals.
    package let method: String
    /// Absolute, http or https.
    package let url: String
    package let headers: [HeaderField]
    /// Sent as it is; nil sends none.
    package let body: [UInt8]?
    package let timeouts: Timeouts
    /// Which resolved addresses may be connected to; checked when the socket is opened, so that DNS cannot change
    /// in between. nil for any.
    package let addresses: AddressPolicy?
    /// How it is connected.
    let dialling: Dialling
    /// How the request is signed on its way; nil for not at all.
    package let signing: AWSSigning?

    package init(
        method: String, url: String, headers: [HeaderField], body: [UInt8]?, timeouts: Timeouts = .upstream,
        addresses: AddressPolicy? = nil, signing: AWSSigning? = nil
    ) {
        self.init(
            method: method, url: url, headers: headers, body: body, timeouts: timeouts, addresses: addresses,
            dialling: .asUsual, signing: signing)
    }

    init(
        method: String, url: String, headers: [HeaderField], body: [UInt8]?, timeouts: Timeouts,
        addresses: AddressPolicy?, dialling: Dialling, signing: AWSSigning? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeouts = timeouts
        self.addresses = addresses
        self.dialling = dialling
        self.signing = signing
    }
}

/// The clocks of one exchange. Each ends it with a `.timeout` failure.
package struct Timeouts: Hashable, Sendable {
    /// From the start to a usable connection, TLS included.
    package let connect: Duration
    /// From the request's end to the answer's head. Claude may think for 10 minutes without a byte.
    package let firstByte: Duration
    /// Between two arrivals of body bytes.
    package let idle: Duration
    /// The whole exchange; nil for none.
    package let total: Duration?
    /// How long the other end of a new connection may leave unacknowledged what was sent to it, probes of TCP keep-alive
    /// included; then the network is taken for dead. 1 s or more.
    package let unacknowledged: Duration

    package init(
        connect: Duration, firstByte: Duration, idle: Duration, total: Duration?,
        unacknowledged: Duration = .seconds(45)
    ) {
        self.unacknowledged = unacknowledged
        self.connect = connect
        self.firstByte = firstByte
        self.idle = idle
        self.total = total
    }

    package static let upstream = Timeouts(
        connect: .seconds(10), firstByte: .seconds(900), idle: .seconds(900), total: .seconds(3600))
}

/// The head of an answer, and its body as it arrives.
package struct HTTPAnswer: Sendable {
    package let status: Int
    package let headers: [HeaderField]
    package let body: AnswerBody

    package init(status: Int, headers: [HeaderField], body: AnswerBody) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// The chunks of an answer's body in order, as they arrive. Read by one task, once. Ends with nil at a clean end and
/// throws ``TransportFailure`` at any other. When the reader falls behind by a limit, the network is made to wait.
package struct AnswerBody: Sendable {
    package typealias Next = @Sendable () async throws(TransportFailure) -> [UInt8]?
    private let nextChunk: Next

    package init(next: @escaping Next) {
        self.nextChunk = next
    }

    package func next() async throws(TransportFailure) -> [UInt8]? {
        try await nextChunk()
    }

    /// The rest of the body as one array; a `.tooLarge` failure past `limit` bytes.
    package func collect(limit: Int) async throws(TransportFailure) -> [UInt8] {
        var whole: [UInt8] = []
        while let chunk = try await next() {
            guard whole.count + chunk.count <= limit else {
                throw TransportFailure(.tooLarge, maybeSent: true, detail: "answer exceeds \(limit) bytes")
            }
            whole.append(contentsOf: chunk)
        }
        return whole
    }
}
