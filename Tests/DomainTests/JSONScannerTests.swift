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

    private static func object(of count: Int) -> [UInt8] {
        let members = Array(repeating: #""a":0"#, count: count).joined(separator: ",")
        return Array("{\(members)}".utf8)
    }

    private static func array(of count: Int) -> [UInt8] {
        let elements = Array(repeating: "0", count: count).joined(separator: ",")
        return Array("[\(elements)]".utf8)
    }

    @Test func `10,000 members or elements are listed, no more; what is passed over may have any number`() throws {
        #expect(try JSONScanner.members(of: Self.object(of: 10_000)).count == 10_000)
        #expect(try JSONScanner.elements(of: Self.array(of: 10_000)).count == 10_000)
        let members = #expect(throws: JSONScanError.self) { try JSONScanner.members(of: Self.object(of: 10_001)) }
        #expect(members?.reason == .tooManyMembers && members?.description.contains("more than 10,000 members") == true)
        let elements = #expect(throws: JSONScanError.self) { try JSONScanner.elements(of: Self.array(of: 10_001)) }
        #expect(elements?.reason == .tooManyElements)
        let (array, object) = (Self.array(of: 20_000), Self.object(of: 20_000))
        var outer = JSONObject()
        outer.setRaw("a", array)
        outer.setRaw("b", object)
        #expect(try JSONScanner.members(of: outer.closed()).count == 2)
    }

    @Test func `an object with too many members is refused where it goes beyond, whatever follows`() {
        let document = Self.object(of: 10_001).dropLast() + Array(", no JSON".utf8)
        let error = #expect(throws: JSONScanError.self) { try JSONScanner.members(of: Array(document)) }
        #expect(error == JSONScanError(.tooManyMembers, at: 10_001 * 6 - 1))
        let refusal = #expect(throws: RelayError.self) { try JSONFields(Self.object(of: 10_001)) }
        #expect(refusal?.code == .bodyNotJSON && refusal?.message.contains("more than 10,000 members") == true)
    }

    @Test func `the first element that is wanted ends the search`() throws {
        let document = Self.array(of: 1_000)
        var seen = 0
        let found = try JSONScanner.firstElement(of: document, in: 0..<document.count) { _ in
            seen += 1
            return seen == 7
        }
        #expect(found == 13..<14 && seen == 7)
        #expect(try JSONScanner.firstElement(of: Array("[1, no JSON".utf8), in: 0..<11) == 1..<2)
        #expect(try JSONScanner.firstElement(of: Array("[ ]".utf8), in: 0..<3) == nil)
        #expect(throws: JSONScanError(.notAnArray, at: 0)) {
            try JSONScanner.firstElement(of: Array("{}".utf8), in: 0..<2)
        }
    }
}
