import HTTPTypes
import HummingbirdCore
import NIOCore

/// The client's end of one answer. Used by one task.
final class AnswerSink {
    // Both wrap the connection's writer, which is Sendable; the server library does not say so of its wrappers.
    private nonisolated(unsafe) var head: ResponseWriter?
    private nonisolated(unsafe) var body: (any ResponseBodyWriter)?
    /// The status that was sent; nil before.
    private(set) var status: Int?
    private let isHead: Bool

    /// - Parameter isHead: the request was a HEAD: of an answer that is written piece by piece only the head is sent.
    init(_ writer: consuming ResponseWriter, isHead: Bool = false) {
        head = consume writer
        self.isHead = isHead
    }

    /// Answers `Expect: 100-continue`, so that the client sends its body.
    func inviteBody() async throws {
        try await head?.writeInformationalHead(HTTPResponse(status: .continue))
    }

    private func takeHead() -> sending ResponseWriter? {
        head.take()
    }

    private func takeBody() -> sending (any ResponseBodyWriter)? {
        body.take()
    }

    /// Sends the head; the body follows.
    func start(status: Int, headers: HTTPFields) async throws {
        guard let writer = takeHead() else { return }
        self.status = status
        var headers = headers
        headers.forbidStoring()
        guard !isHead else {
            // Without a length the library would end the answer as a chunked one, and those bytes begin the next answer.
            if headers[.contentLength] == nil { headers[.contentLength] = "0" }
            let response = HTTPResponse(status: .init(code: status), headerFields: headers)
            return try await writer.write(response: response, body: ResponseBody())
        }
        body = try await writer.writeHead(HTTPResponse(status: .init(code: status), headerFields: headers))
    }

    /// Returns when the bytes are on their way, at once unless the client reads more slowly than we write.
    func write(_ bytes: [UInt8]) async throws {
        guard !bytes.isEmpty else { return }
        try await body?.write(ByteBuffer(bytes: bytes))
    }

    func end() async throws {
        try await takeBody()?.finish(nil)
    }

    /// A whole answer in one write.
    /// - Parameter isHead: the request was a HEAD, whose answer has the length but not the bytes.
    func send(status: Int, headers: HTTPFields, body: [UInt8], isHead: Bool) async throws {
        guard let writer = takeHead() else { return }
        self.status = status
        var headers = headers
        headers.forbidStoring()
        if status != 204 { headers[.contentLength] = String(body.count) }
        let response = HTTPResponse(status: .init(code: status), headerFields: headers)
        let content = isHead || body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: body))
        try await writer.write(response: response, body: content)
    }
}
