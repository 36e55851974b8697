import Domain
import Queue
import TestSupport
import Testing

@testable import Webhook

struct DeliveryPayloadTests {
    private let payload = DeliveryPayload(publicURL: "https://relay.test")

    private func text(_ delivery: Delivery) -> String {
        String(decoding: payload.bytes(of: delivery), as: UTF8.self)
    }

    private func frame(_ result: String, metadata: String = "null") -> String {
        #"{"type":"job.succeeded","timestamp":"2026-01-01T00:00:02.000000Z","data":"#
            + #"{"id":"job_01jgfjjz00000000000000000a","status":"succeeded","model":"claude-test","attempts":2,"#
            + #""created_at":"2026-01-01T00:00:00.000000Z","ended_at":"2026-01-01T00:00:01.500000Z","#
            + #""metadata":\#(metadata)\#(result)}}"#
    }

    private func result(_ body: String, status: Int = 200) -> String {
        #","result":{"status":\#(status),"request_id":"req_sample","body":\#(body)},"#
            + #""result_url":"https://relay.test/v1/jobs/job_01jgfjjz00000000000000000a/result""#
    }

    @Test func `A JSON body is embedded as it came, metadata too`() throws {
        let delivery = try Delivery.sample(metadata: Array(#"{"näme":"\u00fc🎈"}"#.utf8))
        #expect(text(delivery) == frame(result(#"{"text":"Grüße"}"#), metadata: #"{"näme":"\u00fc🎈"}"#))
    }

    @Test func `A body that is not JSON is a string`() throws {
        let delivery = try Delivery.sample(result: .sample(status: 502, body: "<p>\"no\"\n</p>"))
        #expect(text(delivery) == frame(result(#""<p>\"no\"\n</p>""#, status: 502)))
    }

    @Test func `A body that was not read is null`() throws {
        #expect(text(try .sample(hasBody: false)) == frame(result("null")))
    }

    @Test func `Without a result there is no result to fetch`() throws {
        #expect(text(try .sample(result: nil)) == frame(""))
    }

    @Test func `Bytes that are not UTF-8 do not spoil the payload`() throws {
        let broken = JobResult(status: 200, headers: [], body: Array(#"{"a":""#.utf8) + [0xFF] + Array(#""}"#.utf8))
        let bytes = payload.bytes(of: try .sample(result: broken))
        #expect(String(validating: bytes, as: UTF8.self) != nil)
        #expect((try? JSONScanner.members(of: bytes)) != nil)
    }

    @Test func `Every attempt has the same bytes`() throws {
        #expect(payload.bytes(of: try .sample(attempt: 1)) == payload.bytes(of: try .sample(attempt: 9)))
    }

    @Test func `What an event brings along is its data as it was written`() throws {
        let data = Array(#"{"id":"msgbatch_1","request_counts":{"succeeded":2}}"#.utf8)
        let expected =
            #"{"type":"batch.ended","timestamp":"2026-01-01T00:00:02.000000Z","data":"#
            + #"{"id":"msgbatch_1","request_counts":{"succeeded":2}}}"#
        #expect(text(try .sample(event: .batchEnded, subject: .data(data))) == expected)
    }
}
