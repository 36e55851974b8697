import Domain
import Vault
import Yams

/// The list `tokens.issuers`: each entry names an `issuer`, an `algorithm` and one place of its keys.
struct IssuerList {
    let file: SettingsFile

    func issuers(in node: Node) throws(RelayError) -> [IssuerSettings] {
        guard let sequence = node.sequence else { throw file.invalid("tokens.issuers takes a list", at: node) }
        var issuers: [IssuerSettings] = []
        for item in sequence {
            let issuer = try issuer(in: item)
            guard !issuers.contains(where: { $0.name == issuer.name }) else {
                throw file.invalid("tokens.issuers has two entries for '\(issuer.name)'", at: item)
            }
            issuers.append(issuer)
        }
        return issuers
    }

    private static let places = ["secret_file", "public_key_file", "jwks_file", "jwks_url"]
    private static let allowed =
        ["issuer", "audience", "algorithm"] + places
        + [
            "kid", "tenant_claim", "scopes_claim", "leeway", "default_scopes", "allowed_scopes", "tenants",
            "tenant_prefix",
        ]
    private static let lists: Set<String> = ["default_scopes", "allowed_scopes", "tenants"]

    private func issuer(in node: Node) throws(RelayError) -> IssuerSettings {
        var words: [String: String] = [:]
        for (name, value) in try file.pairs(of: node, within: "tokens.issuers") {
            guard Self.allowed.contains(name) else {
                let list = Self.allowed.joined(separator: ", ")
                throw file.invalid("tokens.issuers.\(name) is unknown; allowed are \(list)", at: value)
            }
            var text = value.scalar?.string
            if let sequence = value.sequence, Self.lists.contains(name) {
                text = try file.words(of: sequence, in: "tokens.issuers.\(name)").joined(separator: ",")
            }
            guard let text, !text.isEmpty else {
                throw file.invalid("tokens.issuers.\(name) takes a word", at: value)
            }
            words[name] = text
        }
        return try issuer(words, at: node)
    }

    private func issuer(_ words: [String: String], at node: Node) throws(RelayError) -> IssuerSettings {
        guard let name = words["issuer"] else {
            throw file.invalid("An entry of tokens.issuers needs an issuer", at: node)
        }
        guard name != TokenAuthority.ownIssuer else {
            throw file.invalid("The issuer '\(name)' is the relay itself; its tokens are accepted anyway", at: node)
        }
        guard let algorithm = words["algorithm"].flatMap(TokenAlgorithm.init(rawValue:)) else {
            let known = TokenAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
            throw file.invalid("The issuer '\(name)' needs an algorithm; allowed are \(known)", at: node)
        }
        var issuer = IssuerSettings(
            name: name, algorithm: algorithm, source: try source(words, algorithm, of: name, at: node))
        issuer.audience = words["audience"]
        issuer.keyID = words["kid"]
        issuer.tenantClaim = words["tenant_claim"]
        issuer.scopesClaim = words["scopes_claim"]
        if let text = words["leeway"] {
            guard let leeway = DurationText.parse(text), (.zero ... .seconds(600)).contains(leeway) else {
                throw file.invalid("tokens.issuers.leeway is '\(text)'; allowed is a duration from 0s to 10m", at: node)
            }
            issuer.leeway = leeway
        }
        issuer.allowedScopes = try scopes("allowed_scopes", words, at: node) ?? issuer.allowedScopes
        issuer.defaultScopes = try scopes("default_scopes", words, at: node) ?? []
        let excess = issuer.defaultScopes.subtracting(issuer.allowedScopes)
        guard excess.isEmpty else {
            throw file.invalid(
                "tokens.issuers.default_scopes has \(excess.text), which allowed_scopes lacks; without it, all but admin and "
                    + "admin:read are allowed", at: node)
        }
        issuer.tenants = try tenants(words, of: name, at: node)
        return issuer
    }

    private func scopes(
        _ name: String, _ words: [String: String], at node: Node
    ) throws(RelayError) -> Set<Caller.Scope>? {
        guard let text = words[name] else { return nil }
        guard let scopes = Caller.Scope.list(text) else {
            throw file.invalid("tokens.issuers.\(name) is '\(text)'; allowed are \(Caller.Scope.rule)", at: node)
        }
        return scopes
    }

    private func tenants(
        _ words: [String: String], of name: String, at node: Node
    ) throws(RelayError) -> TenantClaimRule {
        switch (words["tenants"], words["tenant_prefix"]) {
        case (nil, nil): return .all
        case (let list?, nil):
            let names = list.split(separator: ",").map { $0.drop { $0 == " " } }
            let tenants = names.compactMap { TenantID(String($0)) }
            guard tenants.count == names.count, !tenants.isEmpty else {
                throw file.invalid("tokens.issuers.tenants is '\(list)'; allowed are \(Identifier.rule)", at: node)
            }
            return .listed(Set(tenants))
        case (nil, let prefix?):
            guard Identifier.isValid(prefix) else {
                throw file.invalid(
                    "tokens.issuers.tenant_prefix is '\(prefix)'; allowed is the beginning of a name", at: node)
            }
            return .beginning(prefix)
        default:
            throw file.invalid("The issuer '\(name)' has tenants and tenant_prefix; allowed is one of them", at: node)
        }
    }

    /// A shared secret is for HS256 alone, and HS256 for it alone.
    private func source(
        _ words: [String: String], _ algorithm: TokenAlgorithm, of name: String, at node: Node
    ) throws(RelayError) -> IssuerSettings.Source {
        let given = Self.places.filter { words[$0] != nil }
        guard given.count == 1, let place = given.first, let value = words[place] else {
            throw file.invalid(
                "The issuer '\(name)' needs exactly one of \(Self.places.joined(separator: ", "))", at: node)
        }
        guard (place == "secret_file") == (algorithm == .hs256) else {
            throw file.invalid(
                "The issuer '\(name)' has \(algorithm.rawValue) and \(place), which do not go together", at: node)
        }
        switch place {
        case "secret_file": return .secretFile(value)
        case "public_key_file": return .publicKeyFile(value)
        case "jwks_file": return .jwksFile(value)
        default:
            guard value.hasPrefix("https://") || value.hasPrefix("http://"), !UpstreamAddress.isCleartext(value) else {
                throw file.invalid(
                    "tokens.issuers.jwks_url is '\(value)'; allowed is https, and http to this machine alone", at: node)
            }
            return .jwksURL(value)
        }
    }
}
