/// The part of a Messages body that calls of one conversation or one application share, as a number: calls with equal
/// numbers belong to the organization whose prompt cache holds it.
package enum PromptPrefix {
    /// Tools and system of at least this many bytes are worth a cache of their own (1,024 tokens are, about); below it the
    /// conversation's first message tells one prefix from another.
    package static let cacheable = 4096

    /// nil if `body` is no JSON object with messages, or asks for no caching: Claude keeps only what `cache_control` marks.
    package static func fingerprint(of body: [UInt8]) -> UInt64? {
        guard mentionsCache(body), let members = try? JSONScanner.members(of: body) else { return nil }
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

    /// Whether `body` may ask for caching. Looks at underscores, which are rarer than quotes.
    package static func mentionsCache(_ body: [UInt8]) -> Bool {
        body.withUnsafeBufferPointer { bytes in
            var rest = bytes[...]
            while let place = rest.firstIndex(of: UInt8(ascii: "_")) {
                if bytes[..<place].suffix(6).elementsEqual("\"cache".utf8),
                    bytes[place...].prefix(9).elementsEqual("_control\"".utf8)
                {
                    return true
                }
                rest = bytes[(place + 1)...]
            }
            return false
        }
    }

    private static func firstElement(of array: Range<Int>, in body: [UInt8]) -> Range<Int> {
        (try? JSONScanner.firstElement(of: body, in: array)) ?? array
    }
}
