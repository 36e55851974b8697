import Domain
import TestSupport
import Testing

@testable import API

struct BatchSplitterTests {
    private func split(_ text: String, into sizes: () -> Int = { 1 }, limit: Int = 1000) throws -> [String] {
        var splitter = BatchSplitter(limit: limit)
        var rest = Array(text.utf8)[...]
        var found: [[UInt8]] = []
        while !rest.isEmpty {
            let chunk = Array(rest.prefix(max(1, sizes())))
            rest = rest.dropFirst(chunk.count)
            found += try chunk.withUnsafeBufferPointer { try splitter.feed($0) }
        }
        try splitter.finish()
        return found.map { String(decoding: $0, as: UTF8.self) }
    }

    private func document(_ random: inout SeededGenerator, depth: Int = 0) -> String {
        let scalars = ["a", "\\\"", "\\\\", "}", "]", "{", "[", ",", ":", " ", "é", "\\u0041", "\\n"]
        func text() -> String {
            "\""
                + (0..<Int.random(in: 0...6, using: &random)).map { _ in scalars.randomElement(using: &random) ?? "" }
                .joined() + "\""
        }
        let space = ["", " ", "\n", "\r\n\t"].randomElement(using: &random) ?? ""
        switch depth > 3 ? 0 : Int.random(in: depth == 0 ? 3...3 : 0...3, using: &random) {
        case 0: return text()
        case 1: return "-1.5e3"
        case 2:
            let parts = (0..<Int.random(in: 0...3, using: &random)).map { _ in document(&random, depth: depth + 1) }
            return "[\(space)\(parts.joined(separator: "\(space),"))\(space)]"
        default:
            let parts = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                "\(text())\(space):\(space)\(document(&random, depth: depth + 1))"
            }
            return "{\(space)\(parts.joined(separator: ",\(space)"))}"
        }
    }

    @Test(arguments: UInt64(0)..<200)
    func `wherever the body is cut, the requests come out as they went in`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let requests = (0..<Int.random(in: 0...5, using: &random)).map { _ in document(&random) }
        let body = " {\"requests\" : [ \(requests.joined(separator: " ,\n")) ] } "
        var sizes = SeededGenerator(seed: seed)
        let largest = [1, 2, 7, 1000].randomElement(using: &random) ?? 1
        #expect(try split(body, into: { Int.random(in: 1...largest, using: &sizes) }) == requests)
    }

    @Test(arguments: [
        ("", ErrorCode.bodyNotJSON), ("{\"requests\":[", .bodyNotJSON), ("[]", .bodyNotJSON), ("{}", .fieldMissing),
        ("{\"requests\":[{}]", .bodyNotJSON), ("{\"requests\":[{} {}]}", .bodyNotJSON),
        ("{\"requests\":[{},]}", .fieldInvalid), ("{\"requests\":[1]}", .fieldInvalid),
        ("{\"requests\":{}}", .fieldInvalid), ("{\"other\":[]}", .fieldInvalid),
        ("{\"requests\":[],\"requests\":[]}", .fieldInvalid), ("{\"requests\":[]} x", .bodyNotJSON),
    ])
    func `what is not a list of requests is refused`(body: String, code: ErrorCode) throws {
        let error = #expect(throws: RelayError.self) { try split(body) }
        #expect(error?.code == code)
    }

    @Test func `a request beyond the limit is refused, however it is cut`() throws {
        let fitting = "{\"a\":\"\(String(repeating: "x", count: 91))\"}"  // 99 bytes
        #expect(try split("{\"requests\":[\(fitting)]}", limit: 100) == [fitting])
        for size in [1, 10, 1000] {
            let long = "{\"requests\":[{\"a\":\"\(String(repeating: "x", count: 2000))\"}]}"
            let error = #expect(throws: RelayError.self) { try split(long, into: { size }, limit: 100) }
            #expect(error?.code == .bodyTooLarge)
        }
    }
}
