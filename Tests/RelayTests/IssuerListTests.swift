import Domain
import FoundationEssentials
import TestSupport
import Testing
import Vault

@testable import Relay

struct IssuerListTests {
    private func read(_ text: String) throws -> [IssuerSettings] {
        var settings = Settings()
        try SettingsFile(path: "relay.yaml").apply(text: text, to: &settings)
        return settings.tokenIssuers
    }

    @Test func `an entry says whose tokens are accepted, and by which keys`() throws {
        let issuers = try read(
            """
            tokens:
              failed_attempts: 5
              issuers:
                - issuer: https://idp.example.com
                  audience: relay
                  algorithm: ES256
                  jwks_url: https://idp.example.com/keys
                  tenant_claim: org
                  scopes_claim: roles
                  leeway: 5s
                  default_scopes: [messages, "admin:read"]
                  allowed_scopes: [messages, "admin:read"]
                  tenants: [acme, beta]
                - {issuer: ci, algorithm: HS256, secret_file: /run/ci.secret, kid: k1, tenant_prefix: ci-, default_scopes: "jobs,webhooks"}
            """)
        #expect(issuers.map(\.name) == ["https://idp.example.com", "ci"])
        #expect(issuers[0].source == .jwksURL("https://idp.example.com/keys") && issuers[0].algorithm == .es256)
        #expect(issuers[0].audience == "relay" && issuers[0].leeway == .seconds(5))
        #expect(issuers[0].tenantClaim == "org" && issuers[0].scopesClaim == "roles")
        #expect(issuers[0].defaultScopes == [.messages, .adminRead])
        #expect(issuers[0].allowedScopes == [.messages, .adminRead])
        #expect(issuers[0].tenants == .listed([.sample("acme"), .sample("beta")]))
        #expect(issuers[1].tenants == .beginning("ci-"))
        #expect(issuers[1].allowedScopes == [.messages, .jobs, .webhooks], "operators' scopes must be allowed by name")
        #expect(issuers[1].source == .secretFile("/run/ci.secret") && issuers[1].keyID == "k1")
        #expect(issuers[1].defaultScopes == [.jobs, .webhooks] && issuers[1].leeway == .seconds(60))
    }

    @Test(arguments: [
        ("algorithm: HS256, secret_file: f", "needs an issuer"),
        ("issuer: a, secret_file: f", "needs an algorithm"),
        ("issuer: a, algorithm: none, secret_file: f", "needs an algorithm"),
        ("issuer: a, algorithm: HS256", "exactly one of"),
        ("issuer: a, algorithm: ES256, jwks_file: f, public_key_file: g", "exactly one of"),
        ("issuer: a, algorithm: HS256, public_key_file: f", "do not go together"),
        ("issuer: a, algorithm: RS256, secret_file: f", "do not go together"),
        ("issuer: a, algorithm: RS256, jwks_url: 'http://idp.example.com/k'", "https"),
        ("issuer: a, algorithm: RS256, jwks_url: 'file:///etc/passwd'", "https"),
        ("issuer: claude-relay, algorithm: HS256, secret_file: f", "is the relay itself"),
        ("issuer: a, algorithm: HS256, secret_file: f, leeway: 1h", "from 0s to 10m"),
        ("issuer: a, algorithm: HS256, secret_file: f, default_scopes: root", "allowed are messages"),
        ("issuer: a, algorithm: HS256, secret_file: f, allowed_scopes: root", "allowed are messages"),
        ("issuer: a, algorithm: HS256, secret_file: f, default_scopes: admin", "which allowed_scopes lacks"),
        ("issuer: a, algorithm: HS256, secret_file: f, tenants: [a, 'b c']", "allowed are"),
        ("issuer: a, algorithm: HS256, secret_file: f, tenants: [a], tenant_prefix: b", "allowed is one of them"),
        ("issuer: a, algorithm: HS256, secret_file: f, colour: red", "is unknown"),
    ])
    func `an entry that cannot be right is refused with what is allowed`(_ entry: String, _ words: String) {
        let error = #expect(throws: RelayError.self) { try read("tokens: {issuers: [{\(entry)}]}") }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func `two entries for one issuer are refused`() {
        let entry = "{issuer: a, algorithm: HS256, secret_file: f}"
        #expect(throws: RelayError.self) { try read("tokens: {issuers: [\(entry), \(entry)]}") }
    }

    @Test func `a file that does not hold what it must is refused by name, its content unsaid`() throws {
        var issuer = IssuerSettings(name: "a", algorithm: .hs256, source: .secretFile("/run/secret"))
        #expect(try issuer.keys(in: Array("0123456789abcdef0123456789abcdef\n".utf8)).isEmpty == false)
        for content in ["", "short-canary", "-----BEGIN PUBLIC KEY-----\ncanary-canary-canary-canary"] {
            let error = #expect(throws: RelayError.self) { try issuer.keys(in: Array(content.utf8)) }
            #expect(error?.message.contains("/run/secret") == true && error?.message.contains("canary") == false)
        }
        issuer = IssuerSettings(name: "a", algorithm: .es256, source: .jwksFile("keys.json"))
        #expect(throws: RelayError.self) { try issuer.keys(in: Array("[]".utf8)) }
    }

    @Test(arguments: [(0o644, false), (0o604, false), (0o660, false), (0o640, true), (0o400, true)])
    func `a secret that others may read or change is refused, with what to do`(mode: Int, isTaken: Bool) throws {
        try withTemporaryFolder { folder in
            let path = folder + "/secret"
            try Array("one".utf8).write(to: path)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            let file = WatchedFile(path, limit: 10, isSecret: true)
            guard !isTaken else { return #expect(try file.read { $0 } == Array("one".utf8)) }
            let error = try #require(#expect(throws: RelayError.self) { try file.read { $0 } })
            #expect(error.message.contains(String(mode, radix: 8)) && error.remedy.contains("chmod 640"))
        }
    }

    @Test func `a watched file is taken once, and again when it has changed`() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/keys"
            let file = WatchedFile(path, limit: 10)
            #expect(throws: RelayError.self) { try file.read { $0 } }
            try Array("one".utf8).write(to: path)
            #expect(try file.read { $0 } == Array("one".utf8))
            #expect(try file.read { $0 } == nil)
            try Array("three".utf8).write(to: path)
            #expect(throws: RelayError.self) {
                _ = try file.read { (_) throws(RelayError) -> Int in
                    throw RelayError(.configurationInvalid, "no", remedy: "none")
                }
            }
            #expect(try file.read { $0 } == Array("three".utf8))  // it was not taken
            try Array("much too long".utf8).write(to: path)
            #expect(throws: RelayError.self) { try file.read { $0 } }
        }
    }
}

extension [UInt8] {
    fileprivate func write(to path: String) throws {
        try Data(self).write(to: URL(filePath: path))
    }
}
