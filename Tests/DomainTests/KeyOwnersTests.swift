import Domain
import Testing

struct KeyOwnersTests {
    private func key(_ id: String, _ organization: String? = nil, secret: String = "s") -> UpstreamKey {
        UpstreamKey(id: id, organization: organization ?? id, workspace: "w", secret: Secret(secret + id), rate: nil)
    }

    private func names(
        _ owners: KeyOwners, _ keys: [UpstreamKey], limited: Set<String> = []
    ) -> [String] {
        owners.united(keys, limited: limited.contains).map(\.organization)
    }

    @Test func `keys that the provider counts together go by one name, the first of theirs`() {
        var owners = KeyOwners()
        let keys = [key("c"), key("b"), key("a")]
        let isNew = keys.dropLast().map { owners.learn("org-1", of: $0) } + [owners.learn("org-1", of: keys[0])]
        #expect(isNew == [true, true, false])
        #expect(names(owners, keys) == ["b", "b", "a"])
        _ = owners.learn("org-2", of: keys[2])
        #expect(names(owners, keys) == ["b", "b", "a"])
        #expect(owners.united(keys, limited: { _ in false })[0].workspace == "w")
    }

    @Test func `a name that an operator gave or set limits for goes before others, and given ones stay`() {
        var owners = KeyOwners()
        let keys = [key("a"), key("m", "given"), key("x"), key("z", "also-given")]
        for key in keys { _ = owners.learn("org", of: key) }
        #expect(names(owners, keys) == ["also-given", "given", "also-given", "also-given"])
        #expect(names(owners, keys, limited: ["given"]) == ["given", "given", "given", "also-given"])
        #expect(names(owners, [keys[0], keys[2]], limited: ["x"]) == ["x", "x"])
    }

    @Test func `each key knows the other names of its organization, and those with limits are told`() {
        var owners = KeyOwners()
        let keys = [key("a"), key("b"), key("m", "given"), key("x")]
        for key in keys.dropLast() { _ = owners.learn("org", of: key) }
        _ = owners.learn("another", of: keys[3])
        let united = owners.united(keys, limited: { _ in false })
        #expect(united.map(\.organization) == ["given", "given", "given", "x"])
        #expect(united.map(\.alsoKnownAs) == [["a", "b"], ["a", "b"], ["a", "b"], []])
        #expect(owners.doubled(keys, limited: ["a", "x"].contains) == [])
        let expected = KeyOwners.Doubled(["a", "given"], isCountedApart: false)
        #expect(owners.doubled(keys, limited: ["a", "given", "x"].contains) == [expected])
        #expect(owners.doubled([keys[0], keys[3]], limited: { _ in true }) == [])
    }

    @Test func `limits of one organization under two given names count apart`() {
        var owners = KeyOwners()
        let keys = [key("a"), key("m", "given"), key("z", "also-given")]
        for key in keys { _ = owners.learn("org", of: key) }
        let expected = KeyOwners.Doubled(["also-given", "given"], isCountedApart: true)
        #expect(owners.doubled(keys, limited: ["given", "also-given"].contains) == [expected])
        #expect(
            owners.doubled(keys, limited: ["a", "given"].contains)
                == [KeyOwners.Doubled(["a", "given"], isCountedApart: true)], "the third has none, and is one even so")
    }

    @Test func `another secret may belong to anybody`() {
        var owners = KeyOwners()
        for id in ["a", "b"] { _ = owners.learn("org", of: key(id)) }
        #expect(names(owners, [key("a"), key("b")]) == ["a", "a"])
        let changed = [key("a"), key("b", secret: "new")]
        #expect(names(owners, changed) == ["a", "b"])
        let isNew = owners.learn("org", of: changed[1])
        #expect(isNew)
        #expect(names(owners, changed) == ["a", "a"])
    }
}
