import Domain
import Testing

struct RequestHeadRulesTests {
    private typealias Headers = [(name: String, value: String)]
    private static let rules = RequestHeadRules(targetLimit: 100)
    private static let host: Headers = [("Host", "relay.example:8787")]

    private static func code(
        _ headers: Headers, target: String = "/v1/messages?beta=true", isHTTP10: Bool = false
    ) -> ErrorCode? {
        rules.fault(isHTTP10: isHTTP10, target: target, headers: headers)?.code
    }

    @Test
    func `sound heads pass`() {
        #expect(Self.code(Self.host) == nil)
        #expect(Self.code(Self.host + [("content-length", "0")]) == nil)
        #expect(Self.code(Self.host + [("Transfer-Encoding", "Chunked")]) == nil)
        #expect(Self.code([("HOST", "[::1]:80"), ("x-host", "a,b"), ("cookie", "a=b")]) == nil)
        #expect(Self.code([], isHTTP10: true) == nil)
        #expect(Self.code([("host", "")]) == nil)
        #expect(Self.code(Self.host, target: "*") == nil)
        #expect(Self.code(Self.host, target: "/" + String(repeating: "a", count: 99)) == nil)
    }

    @Test(arguments: [
        [("content-length", "1"), ("content-length", "1")], [("content-length", "1"), ("content-length", "2")],
        [("content-length", "1"), ("transfer-encoding", "chunked")], [("content-length", "+5")],
        [("content-length", "-1")], [("content-length", "0x5")], [("content-length", "5 5")], [("content-length", "")],
        [("content-length", "5,5")], [("content-length", "9999999999999999999")], [("content-length", "٥")],
        [("transfer-encoding", "chunked, identity")], [("transfer-encoding", "identity, chunked")],
        [("transfer-encoding", "xchunked")], [("transfer-encoding", "chunked "), ("te", "x")],
        [("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], [("transfer-encoding", "")],
        [("transfer-encoding", "\u{0B}chunked")],
    ])
    func `a body whose end can be read in two ways is refused`(headers: [(String, String)]) {
        #expect(Self.code(Self.host + headers.map { (name: $0.0, value: $0.1) }) == .framingInvalid)
    }

    @Test
    func `a request without exactly one sound host is refused`() {
        #expect(Self.code([]) == .framingInvalid)
        #expect(Self.code(Self.host + Self.host) == .framingInvalid)
        #expect(Self.code(Self.host + Self.host, isHTTP10: true) == .framingInvalid)
        for host in ["a/b", "a@b", "a b", "a,b", "a\\b", "a?b", "a#b", "a\u{0}", "ä"] {
            #expect(Self.code([("host", host)]) == .framingInvalid)
        }
    }

    @Test
    func `an HTTP 1 0 request has no transfer encoding`() {
        #expect(Self.code(Self.host + [("transfer-encoding", "chunked")], isHTTP10: true) == .framingInvalid)
        #expect(Self.code(Self.host + [("content-length", "5")], isHTTP10: true) == nil)
    }

    @Test
    func `a target is a path`() {
        for target in [
            "http://other/v1/messages", "other:80", "", "v1", "/a b", "/a#b", "/a\u{7F}", "/a\tb", "/a\u{0}",
        ] {
            #expect(Self.code(Self.host, target: target) == .framingInvalid)
        }
        #expect(Self.code(Self.host, target: "/" + String(repeating: "a", count: 100)) == .targetTooLong)
    }
}
