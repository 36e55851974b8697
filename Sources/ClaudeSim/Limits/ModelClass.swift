/// Models that share a limit: family and major version of a name, as the real API groups them.
///
/// `claude-sonnet-4-5-20250929` is `sonnet-4`, `claude-3-5-haiku` is `haiku-3`.
enum ModelClass {
    /// What any other name belongs to.
    static let other = "other"

    /// - Parameter literal: the JSON text of the name, or the bare name.
    static func name(ofModel literal: some StringProtocol) -> String {
        let parts = literal.split { $0 == "\"" || $0 == "-" || $0 == "@" }
        guard parts.first == "claude" else { return other }
        let family = parts.dropFirst().first { part in part.utf8.allSatisfy { (97...122).contains($0) } }
        guard let family, let major = parts.lazy.compactMap({ number(beginning: String($0)) }).first else {
            return other
        }
        return "\(family)-\(major)"
    }

    /// One or two digits; more are a date.
    private static func number(beginning part: String) -> Int? {
        let digits = part.utf8.prefix { (48...57).contains($0) }
        return digits.count <= 2 ? Int(String(decoding: digits, as: UTF8.self)) : nil
    }
}
