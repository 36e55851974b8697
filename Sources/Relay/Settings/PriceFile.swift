import Domain
import FoundationEssentials
import Yams

/// Reads a price list: `models`, a list of entries with `model`, `input`, `output` and perhaps `cache_write_5m`,
/// `cache_write_1h`, `cache_read`, in dollars for a million tokens.
struct PriceFile {
    private static let fields = ["model", "input", "output", "cache_write_5m", "cache_write_1h", "cache_read"]
    /// For messages.
    private let path: String
    private let file: SettingsFile

    init(path: String) {
        self.path = path
        file = SettingsFile(path: path)
    }

    /// - Throws: `configuration_invalid`, with what was met and where.
    func list(in text: String) throws(RelayError) -> PriceList {
        let root: Node?
        do { root = try Yams.compose(yaml: text) } catch { throw refusal("is not YAML: \(YamlFault.words(error))") }
        guard let root else { throw refusal("is empty") }
        var rules: [PriceRule] = []
        for (name, node) in try file.pairs(of: root, within: "") {
            guard name == "models", let entries = node.sequence else {
                throw file.invalid("\(name) is unknown or no list; allowed is models with a list", at: node)
            }
            for entry in entries { rules.append(try rule(in: entry)) }
        }
        guard let list = PriceList(rules) else { throw refusal("names no model; required is a list called models") }
        return list
    }

    private func rule(in node: Node) throws(RelayError) -> PriceRule {
        var words: [String: String] = [:]
        for (name, value) in try file.pairs(of: node, within: "models") {
            guard Self.fields.contains(name), let text = value.scalar?.string else {
                throw file.invalid(
                    "models.\(name) is unknown; allowed are \(Self.fields.joined(separator: ", "))", at: value)
            }
            words[name] = text
        }
        guard let pattern = words["model"].flatMap({ ModelPattern($0) }) else {
            throw file.invalid("An entry needs a model; allowed are \(ModelPattern.rule)", at: node)
        }
        guard let input = try price("input", words, at: node), let output = try price("output", words, at: node) else {
            throw file.invalid("The entry '\(pattern.text)' needs input and output", at: node)
        }
        return PriceRule(
            pattern,
            ModelPrice(
                input: input, output: output,
                cacheWrite: try price("cache_write_5m", words, at: node) ?? Self.share(of: input, 125),
                cacheWriteHour: try price("cache_write_1h", words, at: node) ?? Self.share(of: input, 200),
                cacheRead: try price("cache_read", words, at: node) ?? Self.share(of: input, 10)))
    }

    private static func share(of price: Money, _ percent: Int) -> Money {
        Money(microdollars: (price.microdollars * percent + 99) / 100)
    }

    private func price(_ name: String, _ words: [String: String], at node: Node) throws(RelayError) -> Money? {
        guard let text = words[name] else { return nil }
        guard let price = Money(dollars: text), price <= ModelPrice.limit else {
            throw file.invalid(
                "models.\(name) is '\(text)'; allowed are dollars for a million tokens, from 0 to "
                    + "\(ModelPrice.limit.dollars), with at most 6 decimals", at: node)
        }
        return price
    }

    private func refusal(_ what: String) -> RelayError {
        RelayError(
            .configurationInvalid, "The price list \(path) \(what).",
            remedy: "Correct it; relay config prices prints one to begin with.")
    }
}

extension Settings {
    /// - Throws: `configuration_invalid` if the file cannot be read or says what no price list says.
    func prices() throws(RelayError) -> PriceList {
        guard !priceFile.isEmpty else { return try PriceFile(path: "of the relay").list(in: ShippedPrices.yaml) }
        guard let bytes = FileManager.default.contents(atPath: priceFile) else {
            throw RelayError(
                .configurationInvalid, "prices.file is '\(priceFile)', which cannot be read.",
                remedy: "Correct it and start again.")
        }
        return try PriceFile(path: priceFile).list(in: String(decoding: bytes, as: UTF8.self))
    }
}
