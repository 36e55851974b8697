import Domain

#if !LIBFUZZER
    @testable import Upstream
#endif

extension FuzzTarget {
    /// `HeadParser`, which gets an answer's head line by line: one head at most, with a status and clean fields.
    static let answerHead = FuzzTarget(
        name: "answer-head",
        seeds: [
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nrequest-id: req_1\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 No\r\nretry-after: 7\r\nx: a\r\n b\r\n\r\nt: 1\r\n\r\n",
            "HTTP/2 529 \r\nanthropic-ratelimit-requests-remaining: 0\r\n\r\n",
        ],
        words: [
            "HTTP/1.1 ", "HTTP/2 ", "200", "\r\n", "\n", "\r\n\r\n", ":", ": ", " ", "\t", "a: b\r\n", "\u{0}", "é",
        ]
    ) { input in
        var parser = HeadParser()
        var found: (status: Int, headers: [HeaderField])?
        for line in lines(of: input) {
            guard let head = line.withUnsafeBytes({ parser.take($0) }) else { continue }
            guard found == nil else { return "a second head" }
            found = (head.status, head.headers)
        }
        guard parser.isComplete == (found != nil) else { return "complete without a head" }
        guard let found else { return nil }
        guard (200...999).contains(found.status) else { return "the status is \(found.status)" }
        let hasBreak = found.headers.contains { ($0.name + $0.value).utf8.contains { $0 == 0x0A } }
        return hasBreak ? "a line break inside a field" : nil
    }

    /// `RequestHeadRules`: what passes has one reading.
    static let requestHead = FuzzTarget(
        name: "request-head",
        seeds: [
            "/v1/messages?beta=true\nhost: relay:8787\ncontent-length: 12\nx-api-key: k\n",
            "/v1/jobs\nHost: [::1]:80\nTransfer-Encoding: chunked\n", "*\nhost:\n",
        ],
        words: [
            "host:", "content-length:", "Transfer-Encoding:", "chunked", "identity", ",", " ", "\t", "0x5", "+5", "-1",
            "\n",
            "http://a/", "#", "@", "\u{0}", "18446744073709551616", "\u{0B}", "ｃhunked",
        ]
    ) { input in
        let parts = lines(of: input).map { String(decoding: $0.filter { $0 != 0x0A }, as: UTF8.self) }
        let headers = parts.dropFirst().map { line -> (name: String, value: String) in
            let pair = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(pair.first ?? ""), pair.count > 1 ? String(pair[1].drop { $0 == " " }) : "")
        }
        let target = parts.first ?? ""
        let fault = RequestHeadRules(targetLimit: 64).fault(isHTTP10: false, target: target, headers: headers)
        func values(_ name: String) -> [String] { headers.filter { $0.name.lowercased() == name }.map(\.value) }
        let framing = values("content-length") + values("transfer-encoding")
        let isSound =
            values("host").count == 1 && framing.count <= 1 && target.utf8.count <= 64
            && (target == "*" || target.hasPrefix("/"))
            && framing.allSatisfy { $0.lowercased() == "chunked" || (Int($0) ?? -1) >= 0 }
        return fault == nil && !isSound ? "it passes" : nil
    }

    /// Each with its line break.
    private static func lines(of input: [UInt8]) -> [[UInt8]] {
        input.split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) + [0x0A] }
    }
}
