/// What a job ended with: the upstream's answer byte for byte, or the relay's own envelope in its place.
package struct JobResult: Hashable, Sendable {
    /// 200…599.
    package let status: Int
    package let headers: [HeaderField]
    package let body: [UInt8]

    package init(status: Int, headers: [HeaderField], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The relay's envelope in place of an answer.
    package init(_ error: RelayError) {
        self.init(
            status: error.code.status, headers: [HeaderField("content-type", "application/json")],
            body: ErrorEnvelope.render(error, requestID: nil))
    }
}
