import Testing

@testable import ClaudeSim

struct RequestFieldsTests {
    private static let messages = #""messages":[{"role":"user","content":"hi"}]"#

    private func fields(_ text: String) throws(RequestFields.Refusal) -> RequestFields {
        try RequestFields(body: Array(text.utf8), needsMaxTokens: true)
    }

    @Test func `model, stream and max_tokens are read wherever they stand at the top level`() throws {
        let text =
            #" {"metadata":{"model":"inner","stream":false,"max_tokens":1},"max_tokens" : 7, "#
            + #""stream":true,"model":"cl\u0061ude ✓",\#(Self.messages)} "#
        let fields = try fields(text)
        #expect(fields.modelLiteral == #""cl\u0061ude ✓""#)
        #expect(fields.isStream)
        #expect(fields.maxTokens == 7)
    }

    @Test(arguments: [
        #"{"max_tokens":1,\#(messages)}"#, #"{"model":5,"max_tokens":1,\#(messages)}"#,
        #"{"model":"","max_tokens":1,\#(messages)}"#, #"{"model":"m",\#(messages)}"#,
        #"{"model":"m","max_tokens":1.5,\#(messages)}"#, #"{"model":"m","max_tokens":-1,\#(messages)}"#,
        #"{"model":"m","max_tokens":1}"#, #"{"model":"m","max_tokens":1,"messages":[]}"#,
        #"{"model":"m","max_tokens":99999999999999999999,\#(messages)}"#,
    ])
    func `missing or impossible fields are refused`(text: String) {
        #expect(throws: RequestFields.Refusal.self) { try self.fields(text) }
    }

    @Test(arguments: [
        "", " ", "[]", "{", "{}x", "{,}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{"a":[1,]}"#, #"{"a":01}"#,
        #"{"a":1.}"#, #"{"a":-}"#, #"{"a":1e}"#, #"{"a":tru}"#, #"{"a":"\x"}"#, #"{"a":"\u12g4"}"#, "{\"a\":\"\n\"}",
        #"{"a":"b}"#, #"{"a":"\"#, #"{'a':1}"#,
    ])
    func `what is not a JSON object is malformed`(text: String) {
        var reader = JSONReader(Array(text.utf8))
        #expect(throws: JSONReader.Malformed.self) {
            try reader.object { (reader, _) throws(JSONReader.Malformed) in try reader.skipValue() }
            try reader.finish()
        }
    }

    @Test(arguments: [
        "0", "-0.5e+10", "1E3", "true", "false", "null", #""""#, #""\"\\\/\b\f\n\r\t\uD83D""#, "[]", "{}",
        #"[1,[{"a":[]}]]"#,
    ])
    func `every kind of value is passed over whole`(text: String) throws {
        var reader = JSONReader(Array(" \(text) ".utf8))
        #expect(try reader.skipValue() == 1..<(text.utf8.count + 1))
        try reader.finish()
    }

    @Test func `nesting ends at the limit instead of the stack`() throws {
        let limit = JSONReader.nestingLimit
        var allowed = JSONReader(
            Array(repeating: UInt8(ascii: "["), count: limit) + Array(repeating: UInt8(ascii: "]"), count: limit))
        #expect(try allowed.skipValue().count == 2 * limit)
        var deep = JSONReader(Array(repeating: UInt8(ascii: "["), count: 1_000_000))
        #expect(throws: JSONReader.Malformed(offset: limit)) { try deep.skipValue() }
    }

    @Test func `a body that is not UTF-8 is refused`() {
        let body = Array(#"{"model":"m","max_tokens":1,"x":""#.utf8) + [0xFF] + Array(#"",\#(Self.messages)}"#.utf8)
        #expect(throws: RequestFields.Refusal.self) { try RequestFields(body: body, needsMaxTokens: true) }
    }

    @Test func `the fingerprint is FNV-1a and reads back`() {
        #expect(Fingerprint(of: []).hex == "cbf29ce484222325")
        #expect(Fingerprint(of: Array("a".utf8)).hex == "af63dc4c8601ec8c")
        #expect(Fingerprint(of: Array("foobar".utf8)).hex == "85944171f73967e8")
        #expect(Fingerprint(hex: "af63dc4c8601ec8c") == Fingerprint(of: [97]))
        #expect(Fingerprint(hex: "12345678901234567") == nil)
        #expect(Fingerprint(hex: "+1") == nil)
    }
}
