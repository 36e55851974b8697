import Domain
import TestSupport
import Testing

@Suite struct AuditActorTests {
    @Test(
        arguments: [
            (nil, "acme"), (.key("key_1"), "acme key:key_1"), (.token("key_1"), "acme jti:key_1"),
            (.token("key:key_1"), "acme jti:key:key_1"), (.token("urn:x y"), "acme jti:urn:x y"),
            (.token("a\n\u{1B}[2Jb"), "acme jti:a\u{FFFD}\u{FFFD}[2Jb"),
            (.token("a\u{202E}b\u{2069}"), "acme jti:a\u{FFFD}b\u{FFFD}"),
        ] as [(Caller.Credential?, String)])
    func `a credential is named behind its tenant with its kind, without what would move a terminal`(
        id: Caller.Credential?, name: String
    ) {
        let actor = AuditActor(Caller(tenant: .sample("acme"), scopes: [], credential: id))
        #expect(actor.kind == .token && actor.name == name)
        #expect(actor.parts.name == "acme" && actor.parts.credential == (id == nil ? nil : String(name.dropFirst(5))))
    }

    @Test func `no more of a token's id is kept than can be revoked`() {
        let id = String(repeating: "x", count: 300)
        let actor = AuditActor(Caller(tenant: .sample("acme"), scopes: [], credential: .token(id)))
        #expect(actor.parts.credential?.utf8.count == "jti:".utf8.count + TokenRevocation.tokenIDLimit)
    }

    @Test(arguments: [0x00, 0x1F, 0x7F, 0x85, 0x9F, 0x061C, 0x200E, 0x200F, 0x2028, 0x202A, 0x202E, 0x2066, 0x2069])
    func `what moves a cursor or turns the direction of writing is not shown`(value: UInt32) throws {
        let scalar = try #require(Unicode.Scalar(value))
        #expect(ShownText.plain("a\(scalar)b\(scalar)") == "a\u{FFFD}b\u{FFFD}")
    }

    @Test(arguments: ["", "plain", "日本語", "עברית", "é e\u{301}", "👩‍👩‍👧", "a\u{200D}b"])
    func `all other text is shown as it is`(text: String) {
        #expect(Array(ShownText.plain(text).unicodeScalars) == Array(text.unicodeScalars))
    }

    @Test func `only a token's actor has two parts`() {
        #expect(AuditActor(.command, "Jane Doe").parts.name == "Jane Doe")
    }
}
