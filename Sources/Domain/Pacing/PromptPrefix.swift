/// The part of a Messages body that calls of one conversation or one application share, as a number: calls with equal
/// numbers belong to the organization whose prompt cache holds it.
package enum PromptPrefix {
    /// Tools and system of at least this many bytes are worth a cache of their own (1,024 tokens are, about); below it the
    /// conversation's first message tells one prefix from another.
    package static let cacheable = 4096

    /// nil if `body` is no JSON object with messages.
    package static func fingerprint(of body: [UInt8]) -> UInt64? {
        guard let members = try? JSONScanner.members(of: body) else { return nil }
        func range(_ key: String) -> Range<Int>? { members.last { $0.key == key }?.value }
        guard let messages = range("messages") else { return nil }
        let shared = [range("model"), range("tools"), range("system")].compactMap { $0 }
        var hash = Rendezvous.start
        for part in shared { hash = Rendezvous.add(body[part], to: hash) }
        if shared.reduce(0, { $0 + $1.count }) < cacheable {
            hash = Rendezvous.add(body[firstElement(of: messages, in: body)], to: hash)
        }
        return Rendezvous.finish(hash)
    }

    private static func firstElement(of array: Range<Int>, in body: [UInt8]) -> Range<Int> {
        let elements = try? JSONScanner.elements(of: body, in: array)
        return elements?.first ?? array
    }
}

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
