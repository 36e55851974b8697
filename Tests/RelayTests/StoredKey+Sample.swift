import Domain
import Queue

extension StoredKey {
    static func sample(_ id: String, sealed: [UInt8]) -> StoredKey {
        StoredKey(id: id, organization: id, sealedSecret: sealed, rate: nil, createdAt: Timestamp(microseconds: 0))
    }
}
