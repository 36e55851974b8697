import Domain
import TestSupport
import Testing

struct PriceListTests {
    private func list() throws -> PriceList {
        func price(_ input: Int, _ output: Int) -> ModelPrice {
            ModelPrice(
                input: Money(microdollars: input), output: Money(microdollars: output),
                cacheWrite: Money(microdollars: input * 5 / 4), cacheWriteHour: Money(microdollars: input * 2),
                cacheRead: Money(microdollars: input / 10))
        }
        func rule(_ pattern: String, _ price: ModelPrice) throws -> PriceRule {
            PriceRule(try #require(ModelPattern(pattern)), price)
        }
        let rules = [
            try rule("claude-a-1", price(9_000_000, 9_000_000)), try rule("claude-a*", price(3_000_000, 15_000_000)),
            try rule("claude-b*", price(5_000_000, 10_000_000)),
        ]
        return try #require(PriceList(rules))
    }

    private static let caching = InputHints(Array(#"{"cache_control":{}}"#.utf8))

    @Test func `the first entry that matches counts, and costs are rounded up`() throws {
        let list = try list()
        let usage = TokenUsage(input: 1000, output: 100)
        #expect(list.bill(usage, of: "claude-a-2").cost.dollars == "0.0045")
        #expect(list.bill(usage, of: "claude-a-1").cost.dollars == "0.0099")
        #expect(list.bill(TokenUsage(input: 1, output: 0, cacheRead: 1), of: "claude-a").cost.microdollars == 4)
        let cached = TokenUsage(input: 0, output: 0, cacheCreation: 100, hourCacheCreation: 100, cacheRead: 100)
        #expect(list.bill(cached, of: "claude-b").cost.microdollars == 625 + 1000 + 50)
        #expect(list.bill(nil, of: "claude-b").cost == .zero && list.bill(nil, of: "claude-b").amount == nil)
    }

    @Test func `a model that is not on the list costs the dearest price of each kind and is unpriced`() throws {
        let bill = try list().bill(TokenUsage(input: 1_000_000, output: 1_000_000), of: "gpt")
        #expect(!bill.isPriced && bill.cost.dollars == "24.00")
        #expect(UsageCounts(bill, isError: false, isMaybeBilled: false).unpriced == 1)
    }

    @Test(arguments: UInt64(0)..<100)
    func `a demand is never below the bill of a call that keeps to it`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let list = try list()
        let model = ["claude-a-1", "claude-a-9", "claude-b", "other"].randomElement(using: &random) ?? ""
        let bytes = Int.random(in: 0...1_000_000, using: &random)
        let most = Int.random(in: 1...200_000, using: &random)
        let demand = list.demand(of: model, bytes: bytes, maxTokens: most, Self.caching)
        let input = Int.random(in: 0...PriceList.inputTokens(of: bytes), using: &random)
        let hour = Int.random(in: 0...input, using: &random)
        let read = Int.random(in: 0...(input - hour), using: &random)
        let usage = TokenUsage(
            input: input - hour - read, output: Int.random(in: 0...most, using: &random), hourCacheCreation: hour,
            cacheRead: read)
        let amount = try #require(list.bill(usage, of: model).amount)
        #expect(amount.least(demand) == amount)
    }

    @Test func `numbers of any size are priced without overflow`() throws {
        #expect(try list().demand(of: "x", bytes: .max, maxTokens: .max, Self.caching).money > .zero)
        let usage = TokenUsage(input: .max, output: .max, cacheCreation: .max, hourCacheCreation: .max, cacheRead: .max)
        #expect(PriceList.sample.bill(TokenUsage(input: 1, output: 1), of: "claude-test").isPriced)
        #expect(PriceList.sample.price(of: "claude-test").map { $0.cost(usage) > .zero } == true)
    }

    @Test(arguments: [
        ("25", 25_000_000), ("0.5", 500_000), ("0.000125", 125), ("1000000000", 1_000_000_000_000_000),
        ("007", 7_000_000),
    ])
    func `dollars are read and written exactly`(text: String, micros: Int) throws {
        let money = try #require(Money(dollars: text))
        #expect(money.microdollars == micros)
        #expect(Money(dollars: money.dollars) == money)
    }

    @Test(arguments: ["", ".", "1.", ".5", "-1", "1e3", "1,5", "0.0000001", "1000000000.000001", "1.2.3", " 1", "$1"])
    func `what is no amount of dollars is refused`(text: String) {
        #expect(Money(dollars: text) == nil)
    }

    @Test func `patterns match one name, or all that begin so`() throws {
        let models = try #require(ModelAllowance(text: "claude-haiku-4-5, claude-sonnet-*"))
        #expect(models.allows("claude-haiku-4-5") && models.allows("claude-sonnet-4-5-20250929"))
        #expect(!models.allows("claude-haiku-4-5-20251001") && !models.allows("claude-opus-4"))
        #expect(ModelAllowance(text: models.text) == models)
        #expect(ModelPattern("*")?.matches("anything") == true)
        for text in ["", "a*b", "a b", "a,b", "**", String(repeating: "a", count: 129)] {
            #expect(ModelPattern(text) == nil, "\(text)")
        }
    }

    @Test(arguments: TenantLimitField.allCases)
    func `each limit reads what it writes, refuses what it must, and can be removed`(field: TenantLimitField) {
        var limits = TenantLimits()
        let text = field == .models ? "a*,b" : field == .requestsPerSecond ? "0.5" : "12"
        #expect(field.set(text, in: &limits))
        let written = field.text(in: limits)
        #expect(!limits.isNone && (written == text || written == "12.00"))
        let bad = field == .models ? ["a b", "a**", "", "a,"] : ["0x", "-1", "a b", ""]
        for text in bad { #expect(!field.set(text, in: &limits), "\(text)") }
        #expect(field.text(in: limits) == written)
        #expect(field.set(nil, in: &limits) && limits.isNone)
    }

    @Test func `the usage of an answer tells what is cached for an hour`() {
        let body = Array(
            """
            {"usage":{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":30,"cache_read_input_tokens":4,
            "cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}}}
            """.utf8)
        let usage = UpstreamReply(status: 200, headers: [], body: body).usage
        #expect(
            usage == TokenUsage(input: 1, output: 2, cacheCreation: 10, hourCacheCreation: 20, cacheRead: 4))
        #expect(usage?.total == 37)
    }
}
