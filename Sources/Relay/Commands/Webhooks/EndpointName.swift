/// Names for new endpoints.
enum EndpointName {
    /// 128 random bits in hexadecimal.
    static func make() -> String {
        (0..<2).map { _ in
            let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
