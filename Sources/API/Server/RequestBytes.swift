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

    private nonisolated(unsafe) var memory: BodyHold?
    private nonisolated(unsafe) var mayGoOn: (@Sendable () async throws(RelayError) -> Void)?

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

    /// What is held of it counts in `memory` from now on.
    func count(in memory: BodyHold) { self.memory = memory }

    /// The request holds `bytes` in memory now; without a memory to count in, as many as it likes.
    /// - Throws: `local_exhaustion`.
    func hold(_ bytes: Int) throws(RelayError) {
        try memory?.set(bytes)
    }

    /// Whoever reads the whole body is asked whether its request may still go on: that can have taken long.
    func onceRead(_ mayGoOn: @escaping @Sendable () async throws(RelayError) -> Void) { self.mayGoOn = mayGoOn }

    /// The request is over: it holds nothing.
    func release() {
        try? memory?.set(0)
        (memory, mayGoOn) = (nil, nil)
    }

    /// The whole body, which is held until the request is over.
    /// - Throws: `body_too_large`, before reading if the client announces more than `limit` bytes; `local_exhaustion`;
    ///   `token_invalid` if the credential has ceased to hold meanwhile.
    func collect(limit: Int) async throws -> [UInt8] {
        var whole: [UInt8] = []
        whole.reserveCapacity(expectedBytes)
        try await read(limit: limit) { whole.append(contentsOf: $0.readableBytesView) }
        return whole
    }

    /// The whole body, with a digest of the bytes as they came from the network.
    /// - Throws: as ``collect(limit:)``.
    func collectDigested(limit: Int) async throws -> DigestedBody {
        var whole: [UInt8] = []
        whole.reserveCapacity(expectedBytes)
        var digest = BodyDigest.Builder()
        try await read(limit: limit) { chunk in
            chunk.withUnsafeReadableBytes { digest.feed($0) }
            whole.append(contentsOf: chunk.readableBytesView)
        }
        return DigestedBody(bytes: whole, digest: digest.digest)
    }

    /// What is made room for: what a client announces costs it nothing.
    private var expectedBytes: Int { min(announcedLength ?? 0, 1 << 20) }

    private func read(limit: Int, _ take: (ByteBuffer) -> Void) async throws {
        if let announcedLength, announcedLength > limit { throw Self.tooLarge(announcedLength, limit) }
        var count = 0
        while let chunk = try await next() {
            count += chunk.readableBytes
            guard count <= limit else { throw Self.tooLarge(count, limit) }
            try hold(count)
            take(chunk)
        }
        try await mayGoOn?()
    }

    static func tooLarge(_ count: Int, _ limit: Int) -> RelayError {
        RelayError(
            .bodyTooLarge, "The body has at least \(count) bytes; the limit is \(limit).",
            remedy:
                "Send less, or have the operator raise limits.body or the tenant's limit (relay tenants set --body).")
    }
}
