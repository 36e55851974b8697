/// Which keys belong to one organization, as the provider's answers tell (`anthropic-organization-id`).
///
/// Keys of one organization that an operator has not put together add no capacity, and their limits would be taken for
/// twice what they are. A key whose organization is given (it is not the key's own name) stays with it.
package struct KeyOwners: Sendable {
    private struct Entry: Sendable {
        let organizationID: String
        /// Another secret under the same id may belong to anybody.
        let secret: Secret
    }

    /// The names under which one organization has limits, where they are several.
    package struct Doubled: Hashable, Sendable {
        /// In order.
        package let names: [String]
        /// Whether its keys go by several names even so, as an operator has said: each name counts its own calls, and
        /// together they may take more than the organization has.
        package let isCountedApart: Bool

        package init(_ names: [String], isCountedApart: Bool) {
            self.names = names
            self.isCountedApart = isCountedApart
        }
    }

    private var entries: [String: Entry] = [:]

    package init() {}

    /// An answer to a call with `key` named its organization.
    /// - Returns: whether that was new.
    package mutating func learn(_ organizationID: String, of key: UpstreamKey) -> Bool {
        guard entries[key.id]?.organizationID != organizationID || entries[key.id]?.secret != key.secret else {
            return false
        }
        entries[key.id] = Entry(organizationID: organizationID, secret: key.secret)
        return true
    }

    /// `keys` with those of one organization under one name: one that an operator has set limits for, otherwise one that
    /// was given, otherwise a key's; of several the first in the alphabet. Each knows the others' names, too.
    package func united(_ keys: [UpstreamKey], limited: (String) -> Bool) -> [UpstreamKey] {
        let names = namesByOwner(of: keys)
        guard !names.isEmpty else { return keys }
        let members = Dictionary(grouping: keys) { owner(of: $0) }
        let chosen = names.keys.reduce(into: [:]) { chosen, owner in
            chosen[owner] = members[owner]?.min { rank($0, limited) < rank($1, limited) }?.organization
        }
        return keys.map { key in
            guard let owner = owner(of: key), let names = names[owner], let name = chosen[owner] else { return key }
            let organization = key.hasOwnOrganization ? name : key.organization
            return key.moved(to: organization, alsoKnownAs: names.filter { $0 != organization })
        }
    }

    /// Organizations with limits under several names, by these in order.
    package func doubled(_ keys: [UpstreamKey], limited: (String) -> Bool) -> [Doubled] {
        let names = namesByOwner(of: keys).mapValues { $0.filter(limited) }.filter { $0.value.count > 1 }
        guard !names.isEmpty else { return [] }
        let scopes = Dictionary(grouping: united(keys, limited: limited)) { owner(of: $0) }
        return names.map { owner, names in
            Doubled(names, isCountedApart: Set((scopes[owner] ?? []).map(\.organization)).count > 1)
        }.sorted { $0.names.lexicographicallyPrecedes($1.names) }
    }

    /// The names of organizations whose keys go by more than one, in order.
    private func namesByOwner(of keys: [UpstreamKey]) -> [String: [String]] {
        guard entries.count > 1 else { return [:] }
        var names: [String: Set<String>] = [:]
        for key in keys { if let owner = owner(of: key) { names[owner, default: []].insert(key.organization) } }
        return names.filter { $0.value.count > 1 }.mapValues { $0.sorted() }
    }

    private func owner(of key: UpstreamKey) -> String? {
        entries[key.id].flatMap { $0.secret == key.secret ? $0.organizationID : nil }
    }

    private func rank(_ key: UpstreamKey, _ limited: (String) -> Bool) -> (Int, Int, String) {
        (limited(key.organization) ? 0 : 1, key.hasOwnOrganization ? 1 : 0, key.organization)
    }
}

extension UpstreamKey {
    /// Whether nobody has said which organization it belongs to.
    fileprivate var hasOwnOrganization: Bool { organization == id }

    fileprivate func moved(to organization: String, alsoKnownAs names: [String]) -> UpstreamKey {
        UpstreamKey(
            id: id, organization: organization, alsoKnownAs: names, workspace: workspace, secret: secret, rate: rate)
    }
}
