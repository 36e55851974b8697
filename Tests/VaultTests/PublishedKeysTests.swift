import Domain
import Synchronization
import TestSupport
import Testing

@testable import Vault

struct PublishedKeysTests {
    /// What an issuer publishes, changed by the test.
    private final class Publisher: Sendable {
        struct State {
            var keys: [(id: String, secret: UInt8)] = []
            var isAway = false
            var readings = 0
        }

        struct Away: Error {}

        let state = Mutex(State())

        func read() throws -> PublishedKeys.Finding {
            try state.withLock { state in
                state.readings += 1
                if state.isAway { throw Away() }
                return .keys(
                    VerificationKeys(
                        state.keys.compactMap {
                            VerificationKey(secret: [UInt8](repeating: $0.secret, count: 32), id: $0.id)
                        }))
            }
        }

        var readings: Int { state.withLock { $0.readings } }
        func publish(_ keys: (String, UInt8)...) {
            state.withLock { $0.keys = keys }
        }
    }

    private let clock = ManualClock()
    private let publisher = Publisher()

    private func authority() throws -> (TokenAuthority, PublishedKeys) {
        let publisher = publisher
        let keys = PublishedKeys(lifetime: .seconds(600), clock: clock.wall) { try publisher.read() }
        let issuer = TokenIssuer(name: "idp", audience: nil, algorithm: .hs256, keys: keys)
        let authority = try withTemporaryFolder { folder in
            TokenAuthority(master: try .load(orCreateAt: folder + "/k"), clock: clock.wall, issuers: [issuer])
        }
        return (authority, keys)
    }

    private func token(_ kid: String, _ secret: UInt8) -> String {
        TokenForge.sign(
            #"{"iss":"idp","sub":"acme","exp":1767312000}"#, header: #"{"alg":"HS256","kid":"\#(kid)"}"#,
            with: [UInt8](repeating: secret, count: 32))
    }

    private func holds(_ token: String, _ authority: TokenAuthority) async -> Bool {
        (try? await authority.verify(token)) != nil
    }

    @Test func `keys are read when first needed, and then kept`() async throws {
        let (authority, _) = try authority()
        publisher.publish(("a", 1))
        for _ in 0..<3 { #expect(await holds(token("a", 1), authority)) }
        #expect(publisher.readings == 1)
    }

    @Test func `a new kid is looked for at once, but at most every 30 s`() async throws {
        let (authority, _) = try authority()
        publisher.publish(("a", 1))
        #expect(await holds(token("a", 1), authority))
        clock.advance(by: .seconds(31))
        publisher.publish(("a", 1), ("b", 2))
        #expect(await holds(token("b", 2), authority))
        publisher.publish(("a", 1), ("b", 2), ("c", 3))
        for _ in 0..<5 { #expect(await !holds(token("c", 3), authority)) }
        #expect(publisher.readings == 2)
        clock.advance(by: .seconds(30))
        #expect(await holds(token("c", 3), authority))
        #expect(publisher.readings == 3)
    }

    @Test func `a key that is published no more verifies nothing, not even what it verified before`() async throws {
        let (authority, keys) = try authority()
        publisher.publish(("a", 1), ("b", 2))
        #expect(await holds(token("a", 1), authority))
        publisher.publish(("b", 2))
        await keys.refresh()
        #expect(await holds(token("a", 1), authority))  // they are fresh still
        clock.advance(by: .seconds(600))
        await keys.refresh()
        #expect(await !holds(token("a", 1), authority))
        #expect(await holds(token("b", 2), authority))
    }

    @Test func `a key that was replaced under its name verifies by the new one alone`() async throws {
        let (authority, keys) = try authority()
        publisher.publish(("a", 1))
        #expect(await holds(token("a", 1), authority))
        publisher.publish(("a", 9))
        clock.advance(by: .seconds(600))
        await keys.refresh()
        #expect(await !holds(token("a", 1), authority))
        #expect(await holds(token("a", 9), authority))
    }

    @Test func `while the publisher is away, what is known stays in use`() async throws {
        let (authority, keys) = try authority()
        publisher.publish(("a", 1))
        #expect(await holds(token("a", 1), authority))
        publisher.state.withLock { $0.isAway = true }
        clock.advance(by: .seconds(3600))
        await keys.refresh()
        #expect(await holds(token("a", 1), authority))
        #expect(await !holds(token("b", 2), authority))
    }

    @Test func `a clock that is set back does not keep old keys alive`() async throws {
        let (authority, keys) = try authority()
        publisher.publish(("a", 1))
        #expect(await holds(token("a", 1), authority))
        publisher.publish(("b", 2))
        clock.stepWall(by: .seconds(-3600))
        await keys.refresh()
        #expect(await !holds(token("a", 1), authority))
    }

    @Test func `an attacker's token that cannot hold makes nobody fetch keys`() async throws {
        let (authority, _) = try authority()
        let forged = TokenForge.sign(
            #"{"iss":"idp","sub":"acme","exp":1767312000}"#, header: #"{"alg":"none","kid":"z"}"#)
        #expect(await !holds(forged, authority))
        #expect(publisher.readings == 0)
    }
}
