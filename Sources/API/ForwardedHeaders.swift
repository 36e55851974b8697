import Domain
import HTTPTypes

/// Which headers pass through the relay. Everything that is not on a deny-list does, so that what is new works at once.
enum ForwardedHeaders {
    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]
    private static let ofClient: Set<String> = [
        "host", "content-length", "x-api-key", "authorization", "cookie", "expect",
    ]
    /// Cookies are for one client alone; the others speak about the upstream's host, which is not the relay's.
    private static let ofUpstream: Set<String> = [
        "content-length", "set-cookie", "alt-svc", "strict-transport-security", "nel", "report-to",
    ]

    /// What the upstream gets of the client's headers.
    /// - Parameter isRead: the answer's events or usage must be readable, so no compressed one is asked for.
    static func toUpstream(_ headers: HTTPFields, isRead: Bool) -> [HeaderField] {
        let named = connectionNames(headers[values: .connection])
        return headers.compactMap { field in
            let name = field.name.canonicalName
            guard !hopByHop.contains(name), !ofClient.contains(name), !named.contains(name),
                !name.hasPrefix("x-relay-"), !(isRead && name == "accept-encoding")
            else { return nil }
            return HeaderField(field.name.rawName, field.value)
        }
    }

    /// What the client gets of the upstream's headers.
    static func toClient(_ headers: [HeaderField]) -> HTTPFields {
        let named = connectionNames(headers.filter { $0.name.lowercased() == "connection" }.map(\.value))
        return fields(headers) { !hopByHop.contains($0) && !ofUpstream.contains($0) && !named.contains($0) }
    }

    /// What is kept of the upstream's headers with a job's result.
    static func ofResult(_ headers: [HeaderField]) -> HTTPFields {
        fields(headers) { name in
            ["content-type", "content-encoding", "request-id", "retry-after"].contains(name)
                || name.hasPrefix("anthropic-")
        }
    }

    /// The headers that a job's request travels with.
    static func ofJob(_ headers: HTTPFields) -> [HeaderField] {
        let kept = headers.filter { $0.name.canonicalName.hasPrefix("anthropic-") }
            .map { HeaderField($0.name.canonicalName, $0.value) }
        guard kept.first("anthropic-version") == nil else { return kept }
        return [HeaderField("anthropic-version", "2023-06-01")] + kept
    }

    private static func fields(_ headers: [HeaderField], _ passes: (String) -> Bool) -> HTTPFields {
        var fields = HTTPFields()
        for header in headers {
            guard let name = HTTPField.Name(header.name), passes(name.canonicalName) else { continue }
            fields.append(HTTPField(name: name, value: header.value))
        }
        return fields
    }

    private static func connectionNames(_ values: [String]) -> Set<String> {
        Set(values.flatMap { $0.lowercased().split(separator: ",") }.map { String($0.filter { $0 != " " }) })
    }
}
