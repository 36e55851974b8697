import Domain
import TestSupport
import Testing

struct ModelNameTests {
    private static let longest = String(repeating: "m", count: 256)

    @Test(arguments: ["m", "claude-sonnet-4-5", "model é", longest, String(repeating: "é", count: 128)])
    func `a name within the limit is a model's`(_ name: String) throws {
        #expect(ModelName.isAllowed(name))
        let body = Array(#"{"model":"\#(name)","max_tokens":1,"messages":[]}"#.utf8)
        #expect(try MessagesRequest(body).model == name && SynchronousRequest(body).model == name)
    }

    @Test(arguments: [
        "", longest + "m", longest.dropLast() + "é", "e" + String(repeating: "\u{301}", count: 128),
    ])
    func `any other is refused, and what was met is said`(_ name: String) throws {
        let body = Array(#"{"model":"\#(name)","max_tokens":1,"messages":[]}"#.utf8)
        for read in [{ _ = try SynchronousRequest(body) }, { _ = try MessagesRequest(body) }] {
            let error = try #require(throws: RelayError.self) { try read() }
            #expect(error.code == .fieldInvalid)
            let met = Array(#"The field model is ""#.utf8) + name.utf8.prefix(3)
            #expect(error.message.utf8.starts(with: met), "\(error.message)")
            #expect(error.message.contains("1 to 256 bytes") && error.message.utf8.count < 250)
        }
    }

    /// One mark after another makes one character of them all.
    @Test(arguments: [
        ("e" + String(repeating: "\u{301}", count: 100_000), 255), (String(repeating: "€", count: 100), 255),
        (String(repeating: "🙂", count: 65), 256), (longest + "mm", 256), (longest.dropLast() + "é", 255),
    ])
    func `usage counts under a name that is cut in bytes, between characters of the encoding`(
        _ name: String, _ bytes: Int
    ) throws {
        let key = UsageKey(tenant: .sample(), at: Timestamp(microseconds: 0), key: nil, model: name)
        #expect(key.model.utf8.count == bytes && name.utf8.starts(with: key.model.utf8))
        #expect(!key.model.unicodeScalars.contains("\u{FFFD}"))
        #expect(UsageKey(tenant: .sample(), at: key.day, key: nil, model: key.model) == key)
    }
}
