/// What a request's head must be so that everybody on its way reads the same request from the same bytes (RFC 9112 §3, §6,
/// §11.2). The parser before has refused what is no HTTP at all.
package struct RequestHeadRules: Sendable {
    /// Bytes of path and query.
    private let targetLimit: Int

    package init(targetLimit: Int) {
        self.targetLimit = targetLimit
    }

    /// - Parameters:
    ///   - isHTTP10: whether the version is 1.0; otherwise it is 1.1 or a later 1.x.
    ///   - target: as the client wrote it.
    /// - Returns: `target_too_long` or `framing_invalid`; nil if nothing is wrong.
    package func fault(
        isHTTP10: Bool, target: String, headers: some Sequence<(name: String, value: String)>
    ) -> RelayError? {
        if let fault = fault(of: target) { return fault }
        var (hosts, lengths, codings) = (0, 0, 0)
        for (name, value) in headers {
            switch Framing(name) {
            case .host:
                hosts += 1
                guard Self.isHost(value) else { return Self.invalid("The Host header is not a host.") }
            case .contentLength:
                lengths += 1
                guard Self.isLength(value) else { return Self.invalid("The Content-Length is not a number of bytes.") }
            case .transferEncoding:
                codings += 1
                guard value.lowercased() == "chunked" else {
                    return Self.invalid("The Transfer-Encoding is not 'chunked', the only one that is taken.")
                }
            case nil: break
            }
        }
        return fault(isHTTP10, hosts: hosts, lengths: lengths, codings: codings)
    }

    private func fault(_ isHTTP10: Bool, hosts: Int, lengths: Int, codings: Int) -> RelayError? {
        guard hosts == 1 || (isHTTP10 && hosts == 0) else {
            return Self.invalid("The request has \(hosts) Host headers; it must have one.")
        }
        guard lengths + codings <= 1 else {
            return Self.invalid("The body's length is told more than once: Content-Length and Transfer-Encoding.")
        }
        guard codings == 0 || !isHTTP10 else {
            return Self.invalid("The request is HTTP/1.0, which has no Transfer-Encoding.")
        }
        return nil
    }

    /// Paths are ours to answer, and `*`; other forms are for proxies.
    private func fault(of target: String) -> RelayError? {
        let bytes = target.utf8
        guard bytes.count <= targetLimit else {
            return RelayError(
                .targetTooLong, "The path with its query has \(bytes.count) bytes; the limit is \(targetLimit).",
                remedy: "Send less, or raise limits.uri.")
        }
        let isPath = bytes.first == UInt8(ascii: "/") || target == "*"
        guard isPath, !bytes.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "#") }) else {
            return Self.invalid("The request's target is not a path.")
        }
        return nil
    }

    /// `framing_invalid`: what was met.
    package static func invalid(_ what: String) -> RelayError {
        RelayError(.framingInvalid, what, remedy: "Check the client, and what is between it and the relay.")
    }

    private static func isLength(_ value: String) -> Bool {
        (1...18).contains(value.utf8.count) && value.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// Nothing that could be read as a second host, a user or a path.
    private static func isHost(_ value: String) -> Bool {
        value.utf8.allSatisfy { byte in
            switch byte {
            case 0...0x20, 0x7F...0xFF, UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: "@"), UInt8(ascii: ","),
                UInt8(ascii: "?"), UInt8(ascii: "#"):
                false
            default: true
            }
        }
    }
}

/// The headers that say where a request goes and where it ends.
private enum Framing {
    case host, contentLength, transferEncoding

    init?(_ name: String) {
        switch name.utf8.count {
        case 4 where name.lowercased() == "host": self = .host
        case 14 where name.lowercased() == "content-length": self = .contentLength
        case 17 where name.lowercased() == "transfer-encoding": self = .transferEncoding
        default: return nil
        }
    }
}
