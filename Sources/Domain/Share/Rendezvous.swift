/// Rendezvous hashing: each pair of a thing and a place has a weight; a thing goes to its heaviest place. A place that goes
/// or comes moves only its own things.
package enum Rendezvous {
    static let start: UInt64 = 0xCBF2_9CE4_8422_2325

    /// FNV-1a.
    static func add(_ bytes: some Sequence<UInt8>, to hash: UInt64) -> UInt64 {
        var hash = hash
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return (hash ^ 0xFF) &* 0x100_0000_01B3
    }

    /// So that one differing letter changes all bits alike.
    static func finish(_ hash: UInt64) -> UInt64 {
        var hash = hash
        hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        hash = (hash ^ (hash >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        return hash ^ (hash >> 33)
    }

    /// How much `thing` belongs to `place`.
    package static func weight(of place: String, for thing: UInt64) -> UInt64 {
        finish(add(place.utf8, to: finish(start ^ thing)))
    }
}
