import Domain

#if !LIBFUZZER
    @testable import API
#endif

extension FuzzTarget {
    /// `BatchSplitter`: cuts the same requests out of a body however it arrives, and those that the JSON scanner sees.
    static let batch = FuzzTarget(
        name: "batch",
        seeds: [
            #" {"requests":[{"custom_id":"a","params":{"x":"]}\"\\"}},{"custom_id":"b","params":{}}]}"#,
            #" { "requests" : [ {} , {"a":[{}]} ] } "#, #" {"r\u0065quests":[{}]}"#,
        ],
        words: [
            "{", "}", "[", "]", "\"", "\\", "\\\"", ",", ":", "{}", "\"requests\":", "[{", "}]", " ", "\n", "a", "é",
        ]
    ) { input in
        let (step, rest) = (Int(input.first ?? 1) % 13 + 1, Array(input.dropFirst()))
        let whole = split(rest, every: max(1, rest.count))
        let cut = split(rest, every: step)
        guard whole == cut else { return "cut every \(step) bytes it reads \(cut), whole \(whole)" }
        guard case .success(let requests) = whole, requests.count <= JSONScanner.listLimit else { return nil }
        // Brackets that do not match are for whoever reads the request.
        guard requests.allSatisfy({ $0.first == UInt8(ascii: "{") }) else { return "a request is no object" }
        guard let members = try? JSONScanner.members(of: rest) else { return nil }
        guard members.count == 1, let elements = try? JSONScanner.elements(of: rest, in: members[0].value) else {
            return "it accepts what has other members"
        }
        return elements.map { Array(rest[$0]) } == requests ? nil : "other requests than the scanner's"
    }

    private static func split(_ body: [UInt8], every step: Int) -> Result<[[UInt8]], RelayError> {
        var splitter = BatchSplitter(limit: 1 << 20)
        var requests: [[UInt8]] = []
        do throws(RelayError) {
            for start in stride(from: 0, to: body.count, by: step) {
                let piece = Array(body[start..<min(body.count, start + step)])
                requests += try piece.withUnsafeBufferPointer { (bytes) throws(RelayError) in try splitter.feed(bytes) }
            }
            try splitter.finish()
            return .success(requests)
        } catch {
            return .failure(error)
        }
    }
}
