import Domain
import Queue
import Testing

@testable import API

/// Lists whose rows are large.
@Suite(.timeLimit(.minutes(1)))
struct ListPageTests {
    @Test func `a page of jobs ends at about a mebibyte, and the pages after it hold the others`() async throws {
        try await World.run { world in
            let metadata = String(repeating: "x", count: 16_000)
            let job = World.jobBody.dropLast() + #","metadata":{"a":"\#(metadata)"}}"#
            let bodies = Array(repeating: String(job), count: 150).joined(separator: "\n")
            let sent = try await world.send(
                "POST", "/v1/jobs", bodies, headers: [("content-type", "application/x-ndjson")])
            #expect(sent.status == 202)
            var (found, pages, after) = (Set<String>(), 0, "")
            while true {
                let page = try await world.send("GET", "/v1/jobs?limit=1000\(after)")
                let ids = page.text.split(separator: #"{"id":""#).dropFirst().map { String($0.prefix { $0 != "\"" }) }
                #expect(page.body.count < RowsText.pageSize + 20_000 && found.isDisjoint(with: ids))
                found.formUnion(ids)
                pages += 1
                guard page.field("has_more") == "true" else { break }
                after = "&after=\(page.field("last_id"))"
            }
            #expect(found.count == 150 && pages == 3)
        }
    }

    @Test func `a page of deliveries that is cut short ends with its last row`() throws {
        let address = "https://a.example/" + String(repeating: "x", count: 2000)
        let tenant = try #require(TenantID("acme"))
        let records = (0..<1000).map { number in
            DeliveryRecord(
                id: "evt_\(number)", tenant: tenant, event: .jobSucceeded, url: address, endpoint: nil, job: nil,
                state: .pending, attempts: 0, createdAt: Timestamp(microseconds: 0), dueAt: nil, endedAt: nil,
                status: nil, error: nil)
        }
        let fields = try JSONFields(WebhookText.page(DeliveryPage(records: records, next: "evt_2000")))
        let rows = try JSONScanner.elements(of: fields.document, in: try #require(fields.member("data")).value)
        #expect(rows.count < 600 && fields.document.count < RowsText.pageSize + 4000)
        #expect(fields.member("last_id").flatMap(fields.string) == "evt_\(rows.count - 1)")
        #expect(fields.member("has_more").flatMap(fields.boolean) == true)
        let whole = try JSONFields(WebhookText.page(DeliveryPage(records: Array(records.prefix(9)), next: "evt_2000")))
        #expect(whole.member("last_id").flatMap(whole.string) == "evt_2000")
    }

    @Test func `a row that is larger than a page is a page`() {
        let rows = RowsText([2 << 20, 1]) { Array(repeating: 0x30, count: $0) }
        #expect(rows.count == 1 && rows.array.count == 2 << 20 + 2)
        #expect(RowsText([Int]()) { _ in [] }.array == Array("[]".utf8))
    }
}
