import Domain
import FoundationEssentials
import Testing

@Suite struct ErrorCodeTests {
    /// The table of `docs/errors.md`: a row's first cells are the code in backticks and the HTTP status.
    private func documentedRows() throws -> [(code: String, status: String)] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = String(decoding: try Data(contentsOf: root.appending(path: "docs/errors.md")), as: UTF8.self)
        return text.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { line in
            let cells = line.split(separator: "|").map { $0.filter { $0 != " " && $0 != "`" } }
            return (cells[0], cells[1])
        }
    }

    @Test func `docs/errors.md lists every code once, and no other`() throws {
        let documented = try documentedRows().map(\.code)
        #expect(documented.count == Set(documented).count)
        #expect(Set(documented) == Set(ErrorCode.allCases.map(\.rawValue)))
    }

    @Test func `docs/errors.md gives the HTTP status of every code that a request can meet`() throws {
        for row in try documentedRows() where row.status.allSatisfy(\.isNumber) {
            #expect(ErrorCode(rawValue: row.code)?.status == Int(row.status), "\(row.code)")
        }
    }
}
