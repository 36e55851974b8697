import Domain
import Yams

/// Reads the YAML configuration file. Refuses what it does not know, with a suggestion.
struct SettingsFile {
    private let path: String

    init(path: String) {
        self.path = path
    }

    /// Puts what the file says into `settings`; keys that it does not name keep their values.
    func apply(text: String, to settings: inout Settings) throws(RelayError) {
        guard let root = try parse(text) else { return }
        for (name, node) in try pairs(of: root, within: "") {
            if name == "egress" {
                settings.egress = try EgressList(file: self).paths(in: node)
            } else if let setting = Self.settings[name] {
                try apply(node, as: setting, to: &settings)
            } else if Self.groups.contains(name) {
                for (member, value) in try pairs(of: node, within: name) {
                    if name == "pacing", member == "limits" {
                        settings.pacingLimits = try LimitList(file: self).limits(in: value)
                        continue
                    }
                    if name == "tokens", member == "issuers" {
                        settings.tokenIssuers = try IssuerList(file: self).issuers(in: value)
                        continue
                    }
                    guard let setting = Self.settings["\(name).\(member)"] else {
                        throw unknown("\(name).\(member)", among: Self.known, at: value)
                    }
                    try apply(value, as: setting, to: &settings)
                }
            } else {
                throw unknown(name, among: Self.known + Self.groups.sorted(), at: node)
            }
        }
    }

    private func parse(_ text: String) throws(RelayError) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch {
            throw RelayError(
                .configurationInvalid, "\(path) is not YAML: \(YamlFault.words(error)).",
                remedy: "Correct it and start again.")
        }
    }

    private func apply(_ node: Node, as setting: Setting, to settings: inout Settings) throws(RelayError) {
        if case .list(let keyPath) = setting.kind, let sequence = node.sequence {
            settings[keyPath: keyPath] = try words(of: sequence, in: setting.key)
            return
        }
        guard let text = node.scalar?.string else { throw invalid("\(setting.key) takes a single value", at: node) }
        guard !text.hasPrefix("$ANSIBLE_VAULT") else {
            throw invalid(
                "\(setting.key) is encrypted by itself; allowed is a file that is encrypted as a whole", at: node)
        }
        do {
            try setting.apply(text, to: &settings)
        } catch {
            throw invalid(error.message, at: node)
        }
    }

    /// The entries of a list, none of which may be a list or have keys of its own.
    func words(of sequence: Node.Sequence, in name: String) throws(RelayError) -> [String] {
        var words: [String] = []
        for entry in sequence {
            guard let word = entry.scalar?.string else {
                throw invalid("\(name) has an entry that is not a single value", at: entry)
            }
            words.append(word)
        }
        return words
    }

    /// The members of a mapping by name; a repeated name is refused.
    func pairs(of node: Node, within group: String) throws(RelayError) -> [(String, Node)] {
        guard let mapping = node.mapping else {
            if node.scalar?.string.isEmpty == true { return [] }
            throw invalid("\(group.isEmpty ? "The file" : group) takes keys and values", at: node)
        }
        var pairs: [(String, Node)] = []
        for (key, value) in mapping {
            guard let name = key.scalar?.string else { throw invalid("A key is not a word", at: key) }
            guard !pairs.contains(where: { $0.0 == name }) else { throw invalid("\(name) is given twice", at: key) }
            pairs.append((name, value))
        }
        return pairs
    }

    /// What is wrong, with the file and line.
    func invalid(_ what: String, at node: Node) -> RelayError {
        let line = node.mark.map { ":\($0.line)" } ?? ""
        let sentence = what.hasSuffix(".") || what.hasSuffix("?") ? what : what + "."
        return RelayError(
            .configurationInvalid, "\(path)\(line): \(sentence)", remedy: "Correct it and start again.")
    }

    /// A key that is none of `known`, with the one that was probably meant.
    /// - Parameter group: what the keys are members of, for people.
    func unknown(_ key: String, of group: String? = nil, among known: [String], at node: Node) -> RelayError {
        let name = group.map { "\($0).\(key)" } ?? key
        let guess = Suggestion.nearest(to: key, in: known).map { "; did you mean \($0)?" }
        let list = group.map { _ in "Allowed are \(known.joined(separator: ", "))." }
        let words = ["\(name) is unknown\(guess ?? ".")", list].compactMap { $0 }
        return invalid(words.joined(separator: " "), at: node)
    }

    private static let known = settings.keys.sorted() + ["egress", "pacing.limits", "tokens.issuers"]
    private static let settings = Dictionary(uniqueKeysWithValues: Setting.all.map { ($0.key, $0) })
    private static let groups = Set(
        Setting.all.compactMap { setting -> String? in
            let parts = setting.key.split(separator: ".")
            return parts.count > 1 ? String(parts[0]) : nil
        })
}
