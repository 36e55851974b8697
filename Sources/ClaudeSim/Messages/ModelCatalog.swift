/// The models the simulator lists, most recent first, with their pages.
struct ModelCatalog: Sendable {
    struct Model: Hashable, Sendable {
        let id: String
        let displayName: String
        let createdAt: String
    }

    struct Page: Hashable, Sendable {
        let models: ArraySlice<Model>
        let hasMore: Bool
    }

    static let standard = ModelCatalog(models: [
        Model(id: "claude-sim-4", displayName: "Claude Sim 4", createdAt: "2026-09-01T00:00:00Z"),
        Model(id: "claude-sim-3", displayName: "Claude Sim 3", createdAt: "2026-03-01T00:00:00Z"),
        Model(id: "claude-sim-2", displayName: "Claude Sim 2", createdAt: "2025-09-01T00:00:00Z"),
        Model(id: "claude-sim-1", displayName: "Claude Sim 1", createdAt: "2025-03-01T00:00:00Z"),
    ])

    let models: [Model]

    func model(_ id: some StringProtocol) -> Model? {
        models.first { $0.id == id }
    }

    /// - Parameter query: `limit` (1...1000, default 20), `after_id`, `before_id`; other names are ignored.
    func page(query: [String: String]) throws(SettingError) -> Page {
        guard let limit = Int(query["limit"] ?? "20"), (1...1000).contains(limit) else {
            throw SettingError("limit: '\(query["limit"] ?? "")' is not a whole number from 1 to 1000.")
        }
        if query["after_id"] != nil && query["before_id"] != nil {
            throw SettingError("after_id and before_id: only one of them may be given.")
        }
        if let id = query["before_id"] {
            let newer = models[..<(try index(of: id, named: "before_id"))]
            return Page(models: newer.suffix(limit), hasMore: newer.count > limit)
        }
        let rest = try query["after_id"].map { id throws(SettingError) in
            models[(try index(of: id, named: "after_id") + 1)...]
        }
        let older = rest ?? models[...]
        return Page(models: older.prefix(limit), hasMore: older.count > limit)
    }

    private func index(of id: String, named name: String) throws(SettingError) -> Int {
        guard let index = models.firstIndex(where: { $0.id == id }) else {
            throw SettingError("\(name): no model '\(id)'.")
        }
        return index
    }
}

extension ModelCatalog.Model {
    var json: String {
        "{\"type\":\"model\",\"id\":\"\(id)\",\"display_name\":\"\(displayName)\",\"created_at\":\"\(createdAt)\"}"
    }
}

extension ModelCatalog.Page {
    var json: String {
        let ends = (models.first.map { "\"\($0.id)\"" } ?? "null", models.last.map { "\"\($0.id)\"" } ?? "null")
        let data = models.map(\.json).joined(separator: ",")
        return "{\"data\":[\(data)],\"has_more\":\(hasMore),\"first_id\":\(ends.0),\"last_id\":\(ends.1)}"
    }
}
