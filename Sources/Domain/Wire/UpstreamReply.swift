/// The facts of one upstream answer (or of its absence) from which a ``Verdict`` is made.
package struct UpstreamReply: Hashable, Sendable {
    package let status: Int
    package let headers: [HeaderField]
    package let body: [UInt8]

    package init(status: Int, headers: [HeaderField], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The upstream's name for this exchange, to quote to its support.
    package var requestID: String? { headers.first("request-id") }
}
