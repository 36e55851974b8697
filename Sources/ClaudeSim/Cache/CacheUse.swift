/// What the prompt cache did for one request, in tokens.
struct CacheUse: Hashable, Sendable {
    static let none = CacheUse(read: 0, created: 0, isLookup: false)

    /// Found: cheap, and free of the input limit.
    let read: Int
    /// Kept for later requests.
    let created: Int
    /// False for a request without a prefix to keep.
    let isLookup: Bool
}
