import Domain
import Synchronization
import Upstream

/// A receiver whose answer's body comes in chunks, and ends, breaks off or never ends.
final class ScriptedAnswer: Transport {
    private let status: Int
    private let chunks: [[UInt8]]
    /// What comes after the chunks, for ever.
    private let filler: [UInt8]?
    private let isCut: Bool
    private let read = Mutex(0)

    var chunksRead: Int { read.withLock { $0 } }

    init(status: Int = 200, chunks: [[UInt8]], filler: [UInt8]? = nil, isCut: Bool = false) {
        self.status = status
        self.chunks = chunks
        self.filler = filler
        self.isCut = isCut
    }

    func send(_ request: HTTPRequest, over path: EgressPath) async throws(TransportFailure) -> HTTPAnswer {
        let body = AnswerBody { [self] () throws(TransportFailure) in
            let index = read.withLock { count in
                defer { count += 1 }
                return count
            }
            if chunks.indices.contains(index) { return chunks[index] }
            if isCut { throw TransportFailure(.broken, maybeSent: true, detail: "cut") }
            return filler
        }
        return HTTPAnswer(status: status, headers: [], body: body)
    }
}
