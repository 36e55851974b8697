package import Domain
package import Queue

/// How usage looks to people and programs.
package enum UsageText {
    /// The columns that a query has.
    package static func titles(_ query: UsageQuery) -> [String] {
        columns(query).map(\.rawValue) + [
            "requests", "errors", "maybe_billed", "unpriced", "input_tokens", "output_tokens",
            "cache_creation_input_tokens", "cache_read_input_tokens", "cost_usd",
        ]
    }

    /// The cells of a row, in the order of the titles.
    package static func cells(_ row: UsageRow, _ query: UsageQuery) -> [String] {
        columns(query).map { place(row, $0) } + numbers(row.counts).map(String.init) + [row.counts.cost.dollars]
    }

    /// RFC 4180, the titles first.
    package static func csv(_ rows: [UsageRow], _ query: UsageQuery) -> String {
        let lines = [titles(query)] + rows.map { cells($0, query) }
        return lines.map { $0.map(quoted).joined(separator: ",") + "\r\n" }.joined()
    }

    static func json(_ rows: [UsageRow], _ query: UsageQuery) -> [UInt8] {
        var json = JSONObject()
        json.setRaw("data", JSONObject.array(rows.map { object($0, query) }))
        return json.closed()
    }

    private static func object(_ row: UsageRow, _ query: UsageQuery) -> [UInt8] {
        var json = JSONObject()
        for column in columns(query) { json.set(column.rawValue, place(row, column)) }
        let titles = titles(query).dropFirst(query.dimensions.count)
        for (title, number) in zip(titles, numbers(row.counts)) { json.set(title, number) }
        json.setRaw("cost_usd", Array(row.counts.cost.dollars.utf8))
        return json.closed()
    }

    private static func columns(_ query: UsageQuery) -> [UsageQuery.Dimension] {
        UsageQuery.Dimension.allCases.filter(query.dimensions.contains)
    }

    private static func place(_ row: UsageRow, _ column: UsageQuery.Dimension) -> String {
        switch column {
        case .tenant: row.tenant?.text ?? ""
        case .day: row.day?.dateText ?? ""
        case .key: row.key ?? ""
        case .model: row.model ?? ""
        }
    }

    private static func numbers(_ counts: UsageCounts) -> [Int] {
        [
            counts.requests, counts.errors, counts.maybeBilled, counts.unpriced, counts.input, counts.output,
            counts.cacheCreation, counts.cacheRead,
        ]
    }

    /// Names of models are the clients': one that a spreadsheet would take for a formula gets an apostrophe before it.
    private static func quoted(_ cell: String) -> String {
        let isFormula = cell.utf8.first.map { "=+-@\t\r".utf8.contains($0) } ?? false
        let text = isFormula ? "'" + cell : cell
        guard text.utf8.contains(where: { "\",\r\n".utf8.contains($0) }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}

extension UsageQuery {
    /// Reads dimensions separated by commas; nil if one is none.
    package static func dimensions(_ text: String) -> Set<Dimension>? {
        let words = text.split(separator: ",").map(String.init)
        let known = words.compactMap(Dimension.init(rawValue:))
        return known.count == words.count ? Set(known) : nil
    }

    /// Reads a date, or a time.
    package static func time(_ text: String) -> Timestamp? {
        Timestamp(date: text) ?? Timestamp(rfc3339: text)
    }

    /// What ``dimensions(_:)`` and ``time(_:)`` read, for messages to people.
    package static let dimensionRule = "a list of \(Dimension.allCases.map(\.rawValue).joined(separator: ", "))"
    package static let timeRule = "a date such as 2026-11-23, UTC"
}
