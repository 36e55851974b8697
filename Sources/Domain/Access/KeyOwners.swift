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
    /// was given, otherwise a key's; of several the first in the alphabet.
    package func united(_ keys: [UpstreamKey], limited: (String) -> Bool) -> [UpstreamKey] {
        guard entries.count > 1 else { return keys }
        var members: [String: [UpstreamKey]] = [:]
        for key in keys { if let owner = owner(of: key) { members[owner, default: []].append(key) } }
        let names = members.filter { $0.value.count > 1 }.compactMapValues { keys in
            keys.min { rank($0, limited) < rank($1, limited) }?.organization
        }
        guard !names.isEmpty else { return keys }
        return keys.map { key in
            guard key.hasOwnOrganization, let name = owner(of: key).flatMap({ names[$0] }) else { return key }
            return key.moved(to: name)
        }
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

    fileprivate func moved(to organization: String) -> UpstreamKey {
        UpstreamKey(id: id, organization: organization, workspace: workspace, secret: secret, rate: rate)
    }
}
