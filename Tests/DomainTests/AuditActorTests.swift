import Domain
import TestSupport
import Testing

@Suite struct AuditActorTests {
    @Test(arguments: [
        (nil, "acme"), ("key_1", "acme key_1"), ("urn:x y", "acme urn:x y"),
        ("a\n\u{1B}[2Jb", "acme a\u{FFFD}\u{FFFD}[2Jb"),
    ])
    func `a credential is named behind its tenant, without what would move a terminal`(id: String?, name: String) {
        let actor = AuditActor(Caller(tenant: .sample("acme"), scopes: [], credential: id))
        #expect(actor.kind == .token && actor.name == name)
        #expect(actor.parts.name == "acme" && actor.parts.credential == (id == nil ? nil : String(name.dropFirst(5))))
    }

    @Test func `no more of a token's id is kept than can be revoked`() {
        let id = String(repeating: "x", count: 300)
        let actor = AuditActor(Caller(tenant: .sample("acme"), scopes: [], credential: id))
        #expect(actor.parts.credential?.utf8.count == TokenRevocation.tokenIDLimit)
    }

    @Test func `only a token's actor has two parts`() {
        #expect(AuditActor(.command, "Jane Doe").parts.name == "Jane Doe")
    }
}
