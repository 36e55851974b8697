import Domain
import Yams

/// The list `pacing.limits`: each entry names a `key`, or an `organization` and perhaps a `workspace` and a
/// `model_class`, and its limits.
struct LimitList {
    let file: SettingsFile

    func limits(in node: Node) throws(RelayError) -> [PacingRules.Subject: PacingLimits] {
        guard let sequence = node.sequence else { throw file.invalid("pacing.limits takes a list", at: node) }
        var limits: [PacingRules.Subject: PacingLimits] = [:]
        for item in sequence {
            let (subject, entry) = try entry(in: item)
            guard limits.updateValue(entry, forKey: subject) == nil else {
                throw file.invalid("pacing.limits has two entries for the same scope", at: item)
            }
        }
        return limits
    }

    private static let allowed = [
        "key", "organization", "workspace", "model_class", "requests_per_second", "requests_per_minute",
        "input_tokens_per_minute", "output_tokens_per_minute", "concurrency",
    ]

    private func entry(in node: Node) throws(RelayError) -> (PacingRules.Subject, PacingLimits) {
        var words: [String: String] = [:]
        for (name, value) in try file.pairs(of: node, within: "pacing.limits") {
            guard let text = value.scalar?.string else {
                throw file.invalid("pacing.limits.\(name) takes a word or a number", at: value)
            }
            guard Self.allowed.contains(name) else {
                throw file.unknown(name, of: "pacing.limits", among: Self.allowed, at: value)
            }
            words[name] = text
        }
        let limits = try limits(words, at: node)
        guard !limits.isNone else { throw file.invalid("An entry of pacing.limits sets no limit", at: node) }
        return (try subject(words, at: node), limits)
    }

    private func subject(_ words: [String: String], at node: Node) throws(RelayError) -> PacingRules.Subject {
        switch (words["key"], words["organization"]) {
        case (let key?, nil) where words["workspace"] == nil && words["model_class"] == nil: return .key(key)
        case (nil, let organization?):
            let models = try models(words["model_class"], at: node)
            guard let workspace = words["workspace"] else { return .organization(organization, models) }
            return .workspace(workspace, of: organization, models)
        default:
            throw file.invalid(
                """
                An entry of pacing.limits needs a key, or an organization and perhaps a workspace and a model_class
                """, at: node)
        }
    }

    private func models(_ name: String?, at node: Node) throws(RelayError) -> ModelClass? {
        guard let name else { return nil }
        guard let models = ModelClass(named: name) else {
            throw file.invalid("pacing.limits.model_class is '\(name)'; allowed are words such as sonnet-4", at: node)
        }
        return models
    }

    private func limits(_ words: [String: String], at node: Node) throws(RelayError) -> PacingLimits {
        var limits = PacingLimits()
        if words["requests_per_second"] != nil, words["requests_per_minute"] != nil {
            throw file.invalid("requests_per_second and requests_per_minute say the same; give one", at: node)
        }
        let perSecond = try read("requests_per_second", words, "more than 0 and at most 100000", at: node) {
            PacingRate(requestsPerSecond: $0)
        }
        let perMinute = try read("requests_per_minute", words, "more than 0 and at most 6000000", at: node) {
            PacingRate(requestsPerSecond: $0 / 60)
        }
        limits.rate = perSecond ?? perMinute
        let tokens = "from 1 to 1000000000000"
        limits.input = try read("input_tokens_per_minute", words, tokens, at: node) { TokenRate(tokensPerMinute: $0) }
        limits.output = try read("output_tokens_per_minute", words, tokens, at: node) { TokenRate(tokensPerMinute: $0) }
        limits.concurrency = try read("concurrency", words, "a whole number from 1 to 100000", at: node) { number in
            Int(exactly: number).flatMap { (1...100_000).contains($0) ? $0 : nil }
        }
        return limits
    }

    private func read<Value>(
        _ name: String, _ words: [String: String], _ allowed: String, at node: Node, _ make: (Double) -> Value?
    ) throws(RelayError) -> Value? {
        guard let text = words[name] else { return nil }
        guard let number = Double(text), number.isFinite, let value = make(number) else {
            throw file.invalid("pacing.limits.\(name) is '\(text)'; allowed is \(allowed)", at: node)
        }
        return value
    }
}

extension PacingRules {
    /// The limits for people, one scope a line, in the order of their names.
    var lines: [String] {
        limits.map { "\($0.words): \($1.words)" }.sorted()
    }
}

extension PacingRules.Subject {
    fileprivate var words: String {
        switch self {
        case .key(let id): "key \(id)"
        case .organization(let name, let models): "organization \(name)\(Self.words(models))"
        case .workspace(let id, let name, let models): "organization \(name), workspace \(id)\(Self.words(models))"
        }
    }

    private static func words(_ models: ModelClass?) -> String {
        models.map { ", \($0.name)" } ?? ", each class of models"
    }
}

extension PacingLimits {
    fileprivate var words: String {
        [
            rate.map { "\($0.requestsPerSecond.plainText) requests/s" },
            input.map { "\($0.tokensPerMinute.plainText) input tokens/min" },
            output.map { "\($0.tokensPerMinute.plainText) output tokens/min" },
            concurrency.map { "\($0) in flight" },
        ].compactMap { $0 }.joined(separator: ", ")
    }
}
