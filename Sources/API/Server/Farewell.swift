import Domain
import HTTPTypes
import NIOHTTP1

/// The answer to what did not become a request, after which the connection ends.
enum Farewell {
    static func parts(of error: RelayError) -> (head: HTTPResponseHead, body: [UInt8]) {
        var random = PooledRandom()
        let id = "req_relay_" + RandomName.make(using: &random)
        let body = ErrorResponse.body(of: error, requestID: id)
        var headers = ErrorResponse.headers(of: error, requestID: id)
        headers[.connection] = "close"
        headers[.contentLength] = String(body.count)
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: error.code.status),
            headers: HTTPHeaders(headers.map { ($0.name.rawName, $0.value) }))
        return (head, body)
    }
}
