import NIOHTTP1
import Testing

@testable import ClaudeSim

struct OrganizationTests {
    @Test(arguments: [
        ("claude-sonnet-4-5", "sonnet-4"), ("claude-sonnet-4-5-20250929", "sonnet-4"), ("claude-3-5-haiku", "haiku-3"),
        ("claude-3-5-haiku-20241022", "haiku-3"), ("claude-opus-4@20250514", "opus-4"), ("claude-sonnet-5", "sonnet-5"),
        ("claude-2.1", "other"), ("gpt-4", "other"), ("", "other"), ("claude-opus-latest", "other"),
    ])
    func `a model's class is its family and major version`(model: String, name: String) {
        #expect(ModelClass.name(ofModel: model) == name)
        #expect(ModelClass.name(ofModel: "\"\(model)\"") == name)
    }

    @Test func `keys of one organization share its limits and its id, others have their own`() throws {
        let client = try SimulatorClient {
            $0.organizations = try Organizations(arguments: ["acme=k1,k2"])
            $0.limits = try Limits(rps: 0.01, burst: 2, concurrency: nil)
        }
        let answers = ["k1", "k2", "k1", "k2", "k3"].map { client.call(key: $0) }
        #expect(answers.map(\.status) == [200, 200, 429, 429, 200])
        let ids = answers.map { $0.headers.first(name: "anthropic-organization-id") ?? "" }
        #expect(Set(ids.prefix(4)).count == 1 && ids[4] != ids[0] && ids[4].count == 36)
        #expect(client.send(.GET, "/v1/models").headers.first(name: "anthropic-organization-id") == ids[0])
        let bad = client.call(headers: [("content-type", "text/plain")])
        #expect(bad.status == 400 && bad.headers.first(name: "anthropic-organization-id") == ids[0])
        let acme = try #require(client.simulator.report().organizations["acme"])
        #expect(acme.id == ids[0])
        #expect(acme.scopes["sonnet-4"]?.overLimit == ["requests": 2] && acme.scopes["sonnet-4"]?.requests == 4)
    }

    @Test func `each class of models has limits of its own`() throws {
        let client = try SimulatorClient { $0.limits = try Limits(rps: 0.01, burst: 1, concurrency: nil) }
        let models = ["claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-4-1", "claude-sonnet-5"]
        #expect(models.map { client.call(model: $0).status } == [200, 429, 200, 200])
    }

    @Test(arguments: [["acme"], ["=k1"], ["acme="], ["acme=,"], ["a=k1", "b=k1"]])
    func `an organization without a name or keys is refused, and a key has only one`(arguments: [String]) {
        #expect(throws: SettingError.self) { try Organizations(arguments: arguments) }
    }
}
