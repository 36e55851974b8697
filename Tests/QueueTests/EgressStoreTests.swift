import Domain
import Queue
import TestSupport
import Testing

struct EgressStoreTests {
    @Test(arguments: StoreUnderTest.all)
    func `a path that was taken out stays so, for its first reason, until it is brought back`(
        _ kind: StoreUnderTest
    ) async throws {
        try await kind.run { world in
            let store = world.store
            let now = world.clock.timestamp
            let refused = EgressOutage(path: "b", reason: .regionRefused, note: "refused", since: now)
            try await store.takeOut(refused)
            try await store.takeOut(
                EgressOutage(path: "b", reason: .disabled, note: "", since: now.advanced(by: .seconds(9))))
            let disabled = EgressOutage(path: "a", reason: .disabled, note: "", since: now)
            try await store.takeOut(disabled)
            #expect(try await store.egressOutages() == [disabled, refused])
            #expect(try await store.bringBack("b"))
            #expect(try await !store.bringBack("b"))
            #expect(try await store.egressOutages() == [disabled])
        }
    }
}
