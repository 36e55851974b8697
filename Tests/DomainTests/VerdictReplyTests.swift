import Domain
import Testing

/// Wire samples after the Claude API's documented errors, one row each.
struct VerdictReplyTests {
    @Test func `an error is foreign that has neither the API's envelope nor its name for the exchange`() {
        let envelope = Array(#"{"type":"error","error":{"type":"api_error","message":"m"}}"#.utf8)
        let name = HeaderField("request-id", "req_1")
        for status in [302, 401, 402, 403, 408, 429, 500, 502, 529] {
            #expect(UpstreamReply(status: status, headers: [], body: Array("<html>".utf8)).isForeign)
            #expect(!UpstreamReply(status: status, headers: [name], body: []).isForeign)
            #expect(status == 302 || !UpstreamReply(status: status, headers: [], body: envelope).isForeign)
        }
        for status in [200, 400, 404, 413] {
            #expect(!UpstreamReply(status: status, headers: [], body: []).isForeign, "what that says is of the call")
        }
        let page = Array(" <html>".utf8)
        for (status, isForeign) in [(200, true), (302, true), (401, true), (404, true), (413, false)] {
            #expect(UpstreamReply(status: status, headers: [], body: page).isForeign == isForeign)
        }
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let status: Int
        let body: String
        var headers: [HeaderField] = []
        let verdict: Verdict
        var testDescription: String { "\(status) \(body.prefix(60)) \(headers.map(\.value))" }
    }

    private static let now = Timestamp(microseconds: 784_111_770_000_000)  // 1994-11-06T08:49:30Z

    private static func error(_ type: String, _ message: String = "m", code: String? = nil) -> String {
        let details = code.map { #","details":{"error_code":"\#($0)"}"# } ?? ""
        return #"{"type":"error","error":{"type":"\#(type)","message":"\#(message)"\#(details)},"request_id":"req_1"}"#
    }

    private static func after(_ value: String, _ name: String = "retry-after") -> [HeaderField] {
        [HeaderField(name, value)]
    }

    private static let rows: [Row] = [
        Row(status: 200, body: #"{"type":"message"}"#, verdict: .success),
        Row(status: 201, body: " {} \n", verdict: .success),
        Row(status: 200, body: "", verdict: .upstreamFault(retryAfter: nil)),
        Row(status: 200, body: #"{"type":"mess"#, verdict: .upstreamFault(retryAfter: nil)),
        Row(status: 200, body: "<html>", verdict: .upstreamFault(retryAfter: nil)),
        Row(status: 200, body: "{} {}", verdict: .upstreamFault(retryAfter: nil)),
        Row(status: 200, body: "\u{1F}gz", headers: after("gzip", "Content-Encoding"), verdict: .success),
        Row(
            status: 200, body: "", headers: after("gzip", "content-encoding"), verdict: .upstreamFault(retryAfter: nil)),
        Row(status: 400, body: error("invalid_request_error"), verdict: .clientFault),
        Row(status: 400, body: error("overloaded_error"), verdict: .overloaded(retryAfter: nil)),
        Row(status: 401, body: error("authentication_error"), verdict: .keyRefused),
        Row(status: 402, body: error("billing_error"), verdict: .keyRefused),
        Row(status: 403, body: error("permission_error", "Request not allowed"), verdict: .egressRefused),
        Row(status: 403, body: error("permission_error", "No access to this model"), verdict: .permissionRefused),
        Row(status: 403, body: "", verdict: .upstreamFault(retryAfter: nil)),
        Row(status: 403, body: "<html>", verdict: .upstreamFault(retryAfter: nil)),
        Row(status: 404, body: error("not_found_error"), verdict: .clientFault),
        Row(status: 404, body: "<html>", verdict: .upstreamFault(retryAfter: nil)),
        Row(status: 408, body: "", verdict: .upstreamFault(retryAfter: nil)),
        Row(status: 409, body: error("conflict_error"), verdict: .clientFault),
        Row(status: 413, body: error("request_too_large"), verdict: .clientFault),
        Row(status: 413, body: "<html>", verdict: .clientFault),
        Row(
            status: 400, body: error("invalid_request_error", "Your usage reached a spend limit you set."),
            verdict: .spendLimited),
        Row(
            status: 400,
            body: error(
                "invalid_request_error",
                "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."),
            verdict: .spendLimited),
        // What a client has written is quoted, and must take no key out.
        Row(
            status: 400,
            body: error(
                "invalid_request_error", "Unexpected value(s) `reached spend limit` for the `anthropic-beta` header."),
            verdict: .clientFault),
        Row(
            status: 400,
            body: error(
                "invalid_request_error", "Your usage reached a spend limit you set.: Extra inputs are not permitted"),
            verdict: .clientFault),
        Row(
            status: 404, body: error("invalid_request_error", "Your usage reached a spend limit you set."),
            verdict: .clientFault),
        Row(status: 429, body: error("rate_limit_error"), verdict: .rateLimited(retryAfter: nil)),
        Row(status: 429, body: "", headers: after("7"), verdict: .rateLimited(retryAfter: .seconds(7))),
        Row(status: 429, body: "", headers: after("0.25"), verdict: .rateLimited(retryAfter: .milliseconds(250))),
        Row(
            status: 429, body: "", headers: after("9") + after("1500", "Retry-After-Ms"),
            verdict: .rateLimited(retryAfter: .milliseconds(1500))),
        Row(
            status: 429, body: "", headers: after("Sun, 06 Nov 1994 08:49:37 GMT"),
            verdict: .rateLimited(retryAfter: .seconds(7))),
        Row(
            status: 429, body: "", headers: after("Sun, 06 Nov 1994 08:49:29 GMT"),
            verdict: .rateLimited(retryAfter: nil)),
        Row(status: 429, body: "", headers: after("-1"), verdict: .rateLimited(retryAfter: nil)),
        Row(status: 429, body: "", headers: after("soon"), verdict: .rateLimited(retryAfter: nil)),
        Row(status: 429, body: "", headers: after("nan"), verdict: .rateLimited(retryAfter: nil)),
        Row(
            status: 429, body: "", headers: after("1e300"), verdict: .rateLimited(retryAfter: .seconds(366 * 86_400))),
        Row(
            status: 429, body: error("rate_limit_error", code: "ramp_limit_exceeded"), headers: after("2"),
            verdict: .rateLimited(retryAfter: .seconds(2))),
        Row(
            status: 429, body: error("rate_limit_error", code: "enforced_spend_limit_reached"), verdict: .spendLimited),
        Row(
            status: 429, body: error("rate_limit_error", code: "contract_spend_limit_reached"), verdict: .spendLimited),
        Row(
            status: 500, body: error("api_error"), headers: after("3"),
            verdict: .upstreamFault(retryAfter: .seconds(3))),
        Row(status: 500, body: error("overloaded_error"), verdict: .overloaded(retryAfter: nil)),
        Row(status: 502, body: "<html>Bad gateway</html>", verdict: .upstreamFault(retryAfter: nil)),
        Row(status: 504, body: error("timeout_error"), verdict: .upstreamFault(retryAfter: nil)),
        Row(status: 529, body: "", headers: after("4"), verdict: .overloaded(retryAfter: .seconds(4))),
        Row(status: 304, body: "", verdict: .upstreamFault(retryAfter: nil)),
        Row(status: 599, body: "", verdict: .upstreamFault(retryAfter: nil)),
    ]

    @Test(arguments: rows)
    func `an answer has its verdict`(_ row: Row) {
        let reply = UpstreamReply(status: row.status, headers: row.headers, body: Array(row.body.utf8))
        #expect(Verdict.of(reply, at: Self.now) == row.verdict)
    }

    @Test(
        arguments: [
            ("overloaded_error", nil, Verdict.overloaded(retryAfter: nil)),
            ("api_error", nil, .upstreamFault(retryAfter: nil)),
            ("something_new", nil, .upstreamFault(retryAfter: nil)),
            ("rate_limit_error", nil, .rateLimited(retryAfter: nil)),
            ("rate_limit_error", "enforced_spend_limit_reached", .spendLimited),
            ("invalid_request_error", nil, .clientFault),
            ("permission_error", nil, .permissionRefused),
        ] as [(String, String?, Verdict)])
    func `an error in a stream has its verdict`(_ type: String, _ code: String?, _ verdict: Verdict) {
        #expect(Verdict.ofStreamError(type: type, code: code) == verdict)
    }
}
