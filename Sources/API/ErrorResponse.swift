import Domain
import HTTPTypes

/// The one place where an error becomes an HTTP answer.
enum ErrorResponse {
    /// A client's library should not sleep longer than this on a connection's behalf.
    static let longestClientWait = Duration.seconds(60)

    static func headers(of error: RelayError, requestID: String) -> HTTPFields {
        var headers = OwnHeaders.with(contentType: "application/json")
        headers[.requestID] = requestID
        headers[.relayError] = error.code.rawValue
        addAdvice(of: error, to: &headers)
        return headers
    }

    /// When to try again, and whether a client's library should.
    static func addAdvice(of error: RelayError, to headers: inout HTTPFields) {
        if let delay = error.retryAfter { headers[.retryAfter] = String(seconds(delay)) }
        let isLong = error.retryAfter.map { $0 > longestClientWait } ?? false
        if error.isFinal || isLong { headers[.shouldRetry] = "false" }
    }

    static func body(of error: RelayError, requestID: String) -> [UInt8] {
        ErrorEnvelope.render(error, requestID: requestID)
    }

    /// An event that ends a stream which has already begun.
    static func event(of error: RelayError, requestID: String) -> [UInt8] {
        Array("event: error\ndata: ".utf8) + body(of: error, requestID: requestID) + Array("\n\n".utf8)
    }

    /// Whole seconds, rounded up, at least 1.
    static func seconds(_ delay: Duration) -> Int64 {
        let (seconds, rest) = delay.components
        return max(1, seconds + (rest > 0 ? 1 : 0))
    }
}
