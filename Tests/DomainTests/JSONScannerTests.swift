import Domain
import Testing
import TestSupport

struct JSONScannerTests {
    private func members(_ text: String) throws -> [JSONMember] {
        try JSONScanner.members(of: Array(text.utf8))
    }

    private func text(_ document: String, _ member: JSONMember) -> String {
        String(decoding: Array(document.utf8)[member.value], as: UTF8.self)
    }

    @Test
    func `members come in order with the exact bytes of their values`() throws {
        let document =
            " {\"a\" : [1, {\"x\":\"]}\"}] ,\t\"b\":-1.5e+3,\n\"\":null,\"é\":true,\"a\":\"\\u0041\\\"\" }\r\n"
        let found = try members(document)
        #expect(found.map(\.key) == ["a", "b", "", "é", "a"])
        #expect(found.map(\.kind) == [.array, .number, .null, .boolean, .string])
        let values = found.map { text(document, $0) }
        #expect(values == ["[1, {\"x\":\"]}\"}]", "-1.5e+3", "null", "true", "\"\\u0041\\\"\""])
    }

    @Test(arguments: [
        #"{}"#, #"{"a":{}}"#, #"{"a":[]}"#, #"{ "a" : [ ] }"#, #"{"a":[[],{},[{}]]}"#, #"{"a":0}"#, #"{"a":-0.0E-0}"#,
        #"{"a":"\/\b\f\n\r\t\\\"\uD83D"}"#, "{\"a\":\"\u{7F}\u{2028}🜁\"}", #"{"a":1e999}"#,
    ])
    func `valid documents are accepted`(_ document: String) throws {
        _ = try members(document)
    }

    @Test(arguments: [
        (#""#, JSONScanError.Reason.unexpectedEnd, 0), ("  ", .unexpectedEnd, 2), ("[]", .notAnObject, 0),
        ("7", .notAnObject, 0), (#"{"a":1}x"#, .trailingBytes, 7), (#"{"a":1}{}"#, .trailingBytes, 7),
        (#"{"a":1,}"#, .unexpectedByte, 7), (#"{,"a":1}"#, .unexpectedByte, 1), (#"{a:1}"#, .unexpectedByte, 1),
        (#"{"a" 1}"#, .unexpectedByte, 5), (#"{"a":}"#, .unexpectedByte, 5), (#"{"a":01}"#, .invalidNumber, 6),
        (#"{"a":1.}"#, .invalidNumber, 7), (#"{"a":-}"#, .invalidNumber, 6), (#"{"a":1e}"#, .invalidNumber, 7),
        (#"{"a":+1}"#, .unexpectedByte, 5), (#"{"a":.5}"#, .unexpectedByte, 5), (#"{"a":NaN}"#, .unexpectedByte, 5),
        (#"{"a":nul}"#, .unexpectedByte, 8), (#"{"a":[1,]}"#, .unexpectedByte, 8), (#"{"a":[1}"#, .unexpectedByte, 7),
        (#"{"a":[,]}"#, .unexpectedByte, 6), (#"{"a":{"b"}}"#, .unexpectedByte, 9), (#"{"a":"\x"}"#, .invalidEscape, 7),
        (#"{"a":"\u12g4"}"#, .invalidEscape, 10), ("{\"a\":\"\n\"}", .controlCharacter, 6),
        (#"{"a":"b"#, .unexpectedEnd, 7), (#"{"a":[{"b":1"#, .unexpectedEnd, 12), (#"{'a':1}"#, .unexpectedByte, 1),
        ("\u{FEFF}{}", .notAnObject, 0),
    ])
    func `what is not JSON is refused at the byte where it goes wrong`(
        _ document: String, _ reason: JSONScanError.Reason, _ offset: Int
    ) {
        #expect(throws: JSONScanError(reason, at: offset)) { try members(document) }
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0xAF], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xC3], [0xE2, 0x82], [0xFF],
        ] as [[UInt8]])
    func `bytes that are not UTF-8 are refused`(_ bad: [UInt8]) {
        let document = Array(#"{"key":"long enough for a word"#.utf8) + bad + Array(#"","b":1}"#.utf8)
        let error = #expect(throws: JSONScanError.self) { try JSONScanner.members(of: document) }
        #expect(error?.reason == .invalidUTF8)
    }

    @Test
    func `512 levels are read and 513 are not`() throws {
        func nested(_ levels: Int) -> [UInt8] {
            let inner = levels - 1
            return Array(
                (#"{"a":"# + String(repeating: "[", count: inner) + String(repeating: "]", count: inner) + "}").utf8)
        }
        _ = try JSONScanner.members(of: nested(512))
        let error = #expect(throws: JSONScanError.self) { try JSONScanner.members(of: nested(513)) }
        #expect(error?.reason == .tooDeep)
        #expect(throws: JSONScanError.self) { try JSONScanner.members(of: nested(2_000_000)) }
    }

    @Test
    func `a range limits what is read`() throws {
        let document = Array(#"{"requests":[{"a":1}, {"b":[2]}]}"#.utf8)
        let outer = try JSONScanner.members(of: document)
        let elements = try JSONScanner.elements(of: document, in: outer[0].value)
        #expect(elements.count == 2)
        let inner = try JSONScanner.members(of: document, in: elements[1])
        #expect(inner.map(\.key) == ["b"])
        #expect(String(decoding: document[inner[0].value], as: UTF8.self) == "[2]")
        #expect(throws: JSONScanError(.notAnArray, at: 13)) { try JSONScanner.elements(of: document, in: elements[0]) }
    }

    @Test
    func `strings and integers are read from their literals`() throws {
        func string(_ text: String) -> String? { JSONScanner.string(Array(text.utf8), at: 0..<text.utf8.count) }
        func integer(_ text: String) -> Int? { JSONScanner.integer(Array(text.utf8), at: 0..<text.utf8.count) }
        #expect(string(#""a\n\t\u00e9\ud83d\ude00\/\"""#) == "a\n\té😀/\"")
        #expect(string(#""\ud83d!""#) == "\u{FFFD}!")
        #expect(string("12") == nil && string(#""a" "#) == nil && string("") == nil && string(#""a"#) == nil)
        #expect(integer("9223372036854775807") == .max && integer("-3") == -3 && integer("0") == 0)
        #expect(integer("9223372036854775808") == nil && integer("1.0") == nil && integer("1e2") == nil)
        #expect(integer("") == nil && integer("01") == nil && integer("\"1\"") == nil && integer("+1") == nil)
        #expect(JSONScanner.integer([0x31], at: 0..<9) == 1)
    }
}
