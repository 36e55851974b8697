import Domain
import HTTPTypes

/// What a route answers with.
enum Answer: Sendable {
    case full(status: Int, headers: HTTPFields, body: [UInt8])
    /// Written piece by piece. Until it has started its sink, an error it throws becomes an ordinary answer.
    case live(@Sendable (AnswerSink) async throws -> Void)

    static func json(_ body: [UInt8], status: Int = 200, headers: HTTPFields = [:]) -> Answer {
        var all = OwnHeaders.with(contentType: "application/json")
        all.append(contentsOf: headers)
        return .full(status: status, headers: all, body: body)
    }
}
