/// The name that a client gives to one request of a batch: 1 to 64 of `a–z A–Z 0–9 _ -`.
package struct CustomID: Hashable, Sendable {
    package static let rule = "1 to 64 characters of a-z, A-Z, 0-9, _ and -"
    package let text: String

    /// nil unless `text` follows ``rule``.
    package init?(_ text: String) {
        let isValid = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isValid, (1...64).contains(text.utf8.count) else { return nil }
        self.text = text
    }
}
