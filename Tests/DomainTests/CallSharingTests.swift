import Domain
import Testing
import TestSupport

/// The value behind a reference, so that an expectation may change it.
private final class Sharing {
    private var value: CallSharing

    init(lingers: Bool, lingerLimit: Int = 1000, lingerBytes: Int = 1000) {
        value = CallSharing(lingers: lingers, lingerLimit: lingerLimit, lingerBytes: lingerBytes)
    }

    func arrive(_ request: SharedRequest, retryCount: Int) -> CallSharing.Arrival {
        value.arrive(request, retryCount: retryCount)
    }

    func leave(_ id: CallSharing.CallID) -> CallSharing.Departure { value.leave(id) }
    func end(_ id: CallSharing.CallID, isWorthKeeping: Bool) -> Bool { value.end(id, isWorthKeeping: isWorthKeeping) }
    func taken(_ id: CallSharing.CallID) { value.taken(id) }
    func graceIsOver(_ id: CallSharing.CallID, absence: Int) -> Bool { value.graceIsOver(id, absence: absence) }
}

struct CallSharingTests {
    private static func request(
        _ body: String = "{}", tenant: String = "acme", target: String = "/v1/messages",
        headers: [HeaderField] = [HeaderField("anthropic-version", "2023-06-01")]
    ) throws -> SharedRequest {
        let bytes = Array(body.utf8)
        return SharedRequest(
            tenant: try #require(TenantID(tenant)), target: target, headers: headers,
            body: DigestedBody(bytes: bytes, digest: BodyDigest(bytes)))
    }

    @Test
    func `a retry is attached to the equal call that runs, a first try never`() throws {
        let sharing = Sharing(lingers: true)
        let request = try Self.request()
        #expect(sharing.arrive(request, retryCount: 0) == .begin(1))
        #expect(sharing.arrive(request, retryCount: 0) == .begin(2))
        #expect(sharing.arrive(request, retryCount: 1) == .attach(1))
        #expect(sharing.end(1, isWorthKeeping: true) == false)
        #expect(sharing.arrive(request, retryCount: 1) == .attach(2))
        #expect(sharing.end(2, isWorthKeeping: true) == false)
        #expect(sharing.arrive(request, retryCount: 1) == .begin(3))
    }

    @Test
    func `tenant, path, body and headers must be the same, the SDK's bookkeeping need not`() throws {
        let sharing = Sharing(lingers: true)
        let version = HeaderField("Anthropic-Version", "2023-06-01")
        #expect(sharing.arrive(try Self.request(), retryCount: 0) == .begin(1))
        let others = [
            try Self.request("{ }"), try Self.request(tenant: "other"),
            try Self.request(target: "/v1/messages?beta=true"),
            try Self.request(headers: []), try Self.request(headers: [version, HeaderField("anthropic-beta", "b")]),
            try Self.request(headers: [version, HeaderField("x-new", "1")]),
        ]
        for other in others {
            guard case .begin = sharing.arrive(other, retryCount: 1) else {
                Issue.record("\(other) was attached")
                continue
            }
        }
        let noise = [version, HeaderField("X-Stainless-Retry-Count", "1"), HeaderField("traceparent", "00-1")]
        #expect(sharing.arrive(try Self.request(headers: noise), retryCount: 1) == .attach(1))
    }

    @Test
    func `a retry goes to a call without clients first, and never to one with as many retries`() throws {
        let sharing = Sharing(lingers: true)
        let request = try Self.request()
        for _ in 1...3 { _ = sharing.arrive(request, retryCount: 0) }
        #expect(sharing.leave(2) == .linger(absence: 1))
        #expect(sharing.arrive(request, retryCount: 1) == .attach(2))
        for id in [1, 3] as [CallSharing.CallID] { _ = sharing.end(id, isWorthKeeping: true) }
        #expect(sharing.arrive(request, retryCount: 1) == .begin(4))
        #expect(sharing.arrive(request, retryCount: 2) == .attach(2))
    }

    @Test
    func `a call lives on for the grace, anew for each absence`() throws {
        let sharing = Sharing(lingers: true)
        let request = try Self.request()
        _ = sharing.arrive(request, retryCount: 0)
        #expect(sharing.leave(1) == .linger(absence: 1))
        #expect(sharing.arrive(request, retryCount: 1) == .attach(1))
        #expect(sharing.graceIsOver(1, absence: 1) == false)
        #expect(sharing.leave(1) == .linger(absence: 2))
        #expect(sharing.graceIsOver(1, absence: 1) == false)
        #expect(sharing.graceIsOver(1, absence: 2))
        #expect(sharing.arrive(request, retryCount: 2) == .begin(2))
    }

    @Test
    func `while one of two clients waits the call goes on`() throws {
        let sharing = Sharing(lingers: true)
        let request = try Self.request()
        _ = sharing.arrive(request, retryCount: 0)
        _ = sharing.arrive(request, retryCount: 1)
        #expect(sharing.leave(1) == .none)
        #expect(sharing.leave(1) == .linger(absence: 1))
    }

    @Test
    func `a success is kept for whoever comes back within the grace, a failure is not`() throws {
        let sharing = Sharing(lingers: true)
        let request = try Self.request()
        _ = sharing.arrive(request, retryCount: 0)
        _ = sharing.leave(1)
        #expect(sharing.end(1, isWorthKeeping: true))
        #expect(sharing.arrive(request, retryCount: 1) == .attach(1))
        sharing.taken(1)
        #expect(sharing.arrive(request, retryCount: 2) == .begin(2))
        _ = sharing.leave(2)
        #expect(sharing.end(2, isWorthKeeping: false) == false)
        #expect(sharing.arrive(request, retryCount: 3) == .begin(3))
    }

    @Test
    func `without a grace, and over the limit, a call that nobody waits for is abandoned`() throws {
        let strict = Sharing(lingers: false)
        let request = try Self.request()
        _ = strict.arrive(request, retryCount: 0)
        #expect(strict.leave(1) == .abandon)
        #expect(strict.arrive(request, retryCount: 1) == .begin(2))
        let limited = Sharing(lingers: true, lingerLimit: 1)
        for _ in 1...3 { _ = limited.arrive(request, retryCount: 0) }
        #expect(limited.leave(1) == .linger(absence: 1))
        #expect(limited.leave(2) == .abandon)
        #expect(limited.graceIsOver(1, absence: 1))
        #expect(limited.leave(3) == .linger(absence: 1))
    }

    @Test
    func `what lives on without clients is bounded in bytes, too`() throws {
        let sharing = Sharing(lingers: true, lingerBytes: 10)
        let (large, small) = (try Self.request("12345678"), try Self.request("12"))
        for request in [large, large, small] { _ = sharing.arrive(request, retryCount: 0) }
        #expect(sharing.leave(1) == .linger(absence: 1))
        #expect(sharing.leave(2) == .abandon)
        #expect(sharing.leave(3) == .linger(absence: 1))
        #expect(sharing.arrive(large, retryCount: 1) == .attach(1))  // its bytes are free again
        _ = sharing.arrive(large, retryCount: 0)
        #expect(sharing.leave(4) == .linger(absence: 1))
        #expect(sharing.leave(1) == .abandon)
    }

    @Test(arguments: UInt64(0)..<100)
    func `whatever happens, a client waits for a call of its own request`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let sharing = Sharing(lingers: true, lingerLimit: 3)
        let requests = try (0..<3).map { try Self.request("\($0)") }
        var owner: [CallSharing.CallID: Int] = [:]
        var clients: [CallSharing.CallID: Int] = [:]
        for _ in 0..<200 {
            let id = clients.keys.sorted().randomElement(using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let which = Int.random(in: 0..<3, using: &random)
                switch sharing.arrive(requests[which], retryCount: Int.random(in: 0...2, using: &random)) {
                case .begin(let id):
                    #expect(owner.updateValue(which, forKey: id) == nil)
                    clients[id] = 1
                case .attach(let id):
                    #expect(owner[id] == which && clients[id] != nil)
                    clients[id, default: 0] += 1
                }
            case 2:
                guard let id, let count = clients[id], count > 0 else { continue }
                let departure = sharing.leave(id)
                #expect((departure == .none) == (count > 1))
                clients[id] = departure == .abandon ? nil : count - 1
            default:
                guard let id, let count = clients[id] else { continue }
                let isKept = sharing.end(id, isWorthKeeping: false)
                #expect(!isKept && count >= 0)
                clients[id] = nil
            }
        }
    }
}
