/// Names for what the relay makes.
package enum RandomName {
    /// 128 random bits in hexadecimal.
    package static func make(using random: inout some RandomNumberGenerator) -> String {
        [random.next(), random.next()].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
