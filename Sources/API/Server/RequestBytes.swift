import Domain
import HTTPTypes
import HummingbirdCore
import NIOCore

/// The body of a request, read once and in order by the one task that answers it.
final class RequestBytes: Sendable {
    /// As announced; nil if the client does not say.
    let announcedLength: Int?
    // Safe, because the task that answers the request is the only one that reads.
    private nonisolated(unsafe) var iterator: RequestBody.AsyncIterator
    /// Whether all of it has been read.
    private(set) nonisolated(unsafe) var isAtEnd = false

    init(_ request: Request) {
        announcedLength = request.headers[.contentLength].flatMap { Int($0) }
        iterator = request.body.makeAsyncIterator()
    }

    /// The next bytes as they arrive; nil at the end.
    func next() async throws -> ByteBuffer? {
        let chunk = try await iterator.next()
        if chunk == nil { isAtEnd = true }
        return chunk
    }

    /// The whole body.
    /// - Throws: `body_too_large`, before reading if the client announces more than `limit` bytes.
    func collect(limit: Int) async throws -> [UInt8] {
        if let announcedLength, announcedLength > limit { throw Self.tooLarge(announcedLength, limit) }
        var whole: [UInt8] = []
        whole.reserveCapacity(announcedLength ?? 0)
        while let chunk = try await next() {
            guard whole.count + chunk.readableBytes <= limit else {
                throw Self.tooLarge(whole.count + chunk.readableBytes, limit)
            }
            whole.append(contentsOf: chunk.readableBytesView)
        }
        return whole
    }

    static func tooLarge(_ count: Int, _ limit: Int) -> RelayError {
        RelayError(
            .bodyTooLarge, "The body has at least \(count) bytes; the limit is \(limit).",
            remedy: "Send less, or raise limits.body.")
    }
}
