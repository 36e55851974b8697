/// What a key is called in statistics: keys made for tests by themselves, anything as long as a real one shortened.
enum KeyLabel {
    static let others = "(others)"

    static func text(for key: String) -> String {
        guard key.utf8.count > 32 else { return key }
        return "\(key.prefix(8))…\(Fingerprint(of: Array(key.utf8)).hex)"
    }
}
