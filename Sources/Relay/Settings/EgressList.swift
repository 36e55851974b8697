import Domain
import Yams

/// The `egress` section: a list of ways out, each an `id` and one of `proxy`, `source`, `entry` or `direct`, perhaps a
/// `region` and a `weight`.
struct EgressList {
    let file: SettingsFile

    func paths(in node: Node) throws(RelayError) -> [EgressPath] {
        guard let sequence = node.sequence else { throw file.invalid("egress takes a list", at: node) }
        var paths: [EgressPath] = []
        for item in sequence {
            let path = try path(in: item)
            guard !paths.contains(where: { $0.id == path.id }) else {
                throw file.invalid("egress has two paths with the id '\(path.id)'", at: item)
            }
            paths.append(path)
        }
        return paths
    }

    private static let allowed = ["id", "proxy", "source", "entry", "direct", "region", "weight"]

    private func path(in node: Node) throws(RelayError) -> EgressPath {
        var id: String?
        var route: EgressPath.Route?
        var region: String?
        var weight = 1
        for (name, value) in try file.pairs(of: node, within: "egress") {
            guard Self.allowed.contains(name) else {
                throw file.unknown(name, of: "egress", among: Self.allowed, at: value)
            }
            guard let text = value.scalar?.string else { throw file.invalid("egress.\(name) takes a word", at: value) }
            switch name {
            case "id": id = text
            case "proxy": route = .proxy(Secret(text))
            case "source": route = .source(text)
            case "entry": route = .entry(text)
            case "direct":
                guard text == "true" else {
                    throw file.invalid("egress.direct is '\(text)'; allowed is true", at: value)
                }
                route = .direct
            case "region":
                guard Identifier.isValid(text) else {
                    throw file.invalid("egress.region is '\(text)'; allowed are \(Identifier.rule)", at: value)
                }
                region = text
            case "weight":
                guard let number = Int(text), EgressPath.weights.contains(number) else {
                    throw file.invalid("egress.weight is '\(text)'; allowed is a whole number from 1 to 100", at: value)
                }
                weight = number
            default: break
            }
        }
        guard let id, Identifier.isValid(id) else { throw file.invalid("An egress path needs an id", at: node) }
        guard let route else {
            throw file.invalid("The egress path '\(id)' needs one of proxy, source, entry or direct: true", at: node)
        }
        return EgressPath(id: id, route: route, region: region, weight: weight)
    }
}
