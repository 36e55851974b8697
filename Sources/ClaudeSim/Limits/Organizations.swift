/// Which organization each key belongs to: the one that names it, or one of its own.
struct Organizations: Hashable, Sendable {
    static let none = Organizations()

    private var nameByKey: [String: String] = [:]

    private init() {}

    /// Reads `NAME=KEY,KEY…` texts. A name given twice gathers the keys of both.
    init(arguments: [String]) throws(SettingError) {
        for argument in arguments {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let keys = parts.count == 2 ? parts[1].split(separator: ",") : []
            guard let name = parts.first, !name.isEmpty, !keys.isEmpty else {
                throw SettingError("'\(argument)' is not an organization: use NAME=KEY,KEY, for example acme=k1,k2.")
            }
            for key in keys.map({ KeyLabel.text(for: String($0)) }) {
                if let before = nameByKey[key], before != name {
                    throw SettingError("The key '\(key)' is given to '\(before)' and '\(name)'; it can have one.")
                }
                nameByKey[key] = String(name)
            }
        }
    }

    /// - Parameter account: the key as statistics call it.
    func name(ofAccount account: String) -> String { nameByKey[account] ?? account }

    /// The value of `anthropic-organization-id`: the same for the same name in every run.
    static func id(ofName name: String) -> String {
        let hash = Fingerprint(of: Array(name.utf8)).value
        let digits = Fingerprint.hex(hash) + Fingerprint.hex(SeededGenerator.mix(hash))
        func part(_ from: Int, _ count: Int) -> Substring { digits.dropFirst(from).prefix(count) }
        return "\(part(0, 8))-\(part(8, 4))-4\(part(13, 3))-8\(part(17, 3))-\(part(20, 12))"
    }
}
