import NIOCore
import NIOHTTP1

/// One request, read completely.
struct SimulatorRequest: Sendable {
    let method: HTTPMethod
    /// Without the query.
    let path: Substring
    let headers: HTTPHeaders
    let body: ByteBuffer
    /// The client's address; nil where there is no socket.
    let source: String?
    private let queryText: Substring

    init(method: HTTPMethod, uri: String, headers: HTTPHeaders, body: ByteBuffer, source: String? = nil) {
        self.source = source
        self.method = method
        self.headers = headers
        self.body = body
        let mark = uri.utf8.firstIndex(of: UInt8(ascii: "?")) ?? uri.endIndex
        path = uri[..<mark]
        queryText = uri[mark...].dropFirst()
    }

    /// Names and values as they stand in the URL; a name given twice keeps the last value.
    var query: [String: String] {
        queryText.split(separator: "&").reduce(into: [:]) { query, pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
        }
    }

    /// The credentials given, `x-api-key` first.
    var credentials: [String] {
        var found: [String] = []
        if let key = headers.first(name: "x-api-key"), !key.isEmpty { found.append(key) }
        if let value = headers.first(name: "authorization"), value.count > 7,
            value.prefix(7).lowercased() == "bearer "
        {
            found.append(String(value.dropFirst(7)))
        }
        return found
    }
}
