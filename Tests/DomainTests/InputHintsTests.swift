import Domain
import TestSupport
import Testing

struct InputHintsTests {
    private func hints(_ body: String) -> InputHints { InputHints(Array(body.utf8)) }

    @Test(arguments: [
        #"{"messages":[{"content":[{"type":"document","source":{"type":"url","url":"https://a/b.pdf"}}]}]}"#,
        #"{"messages":[{"content":[{"type":"image","source":{ "type" : "url" ,"url":"https://a"}}]}]}"#,
        #"{"messages":[{"content":[{"source":{"type":"\u0075rl"}}]}]}"#,
        #"{"messages":[{"content":[{"source":{"type":"file","file_id":"f"}}]}]}"#,
        #"{"messages":[{"content":[{"type":"container_upload","file\u005fid":"f"}]}]}"#,
        #"{"messages":[{"content":[{"source":{"type":"base64","media_type":"application\/pdf","data":"QQ"}}]}]}"#,
        #"{"mcp_servers":[{"type":"url","url":"https://a","name":"a"}]}"#,
        #"{"tools":[{"type":"custom","name":"a"},{"type":"web_search_20250305","name":"web_search"}]}"#,
        #"{"tools":[{"\u0074ype":"code_execution_20250825","name":"x"}]}"#,
        #"{"tools":[],"t\u006fols":[{"type":"web_fetch_20250910","name":"x"}]}"#,
    ])
    func `input that is fetched counts as all that a model can take`(body: String) {
        #expect(hints(body).isOpenEnded)
        let list = PriceList.sample
        let amount = list.demand(of: "claude-test", Array(body.utf8), maxTokens: 10)
        #expect(amount.tokens == InputHints.contextWindow + 10)
    }

    @Test(arguments: [
        #"{"system":"caf\u00e9 \ud83d\ude00 \"url\": file","messages":[{"role":"user","content":"the url, a file"}]}"#,
        #"{"tools":[{"name":"get","input_schema":{"properties":{"url":{"type":"string"},"file":{}},"#
            + #""required":["url","file"]}}]}"#,
        #"{"tools":[{"type":"custom","name":"a"}],"tool_choice":{"type":"auto"}}"#,
        #"{"messages":[{"content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"x"}}]}]}"#,
        "", "{", #"{"a":""#, #"{"a":"\"#, "\"\\",
    ])
    func `what is in the body counts by its bytes`(body: String) {
        #expect(hints(body) == .none)
    }

    @Test(arguments: [
        #""cache_control""#, #""cache\u005fcontrol""#, #""\u0063ache_control""#, #""cache_c\u006Fntrol""#,
    ])
    func `caching is found however its name is written`(name: String) {
        #expect(hints("{\(name):{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}").mayCache)
        let list = PriceList.sample
        let plain = list.demand(of: "claude-test", bytes: 100, maxTokens: 1)
        #expect(list.demand(of: "claude-test", bytes: 100, maxTokens: 1, hints("{\(name):1}")).money > plain.money)
    }

    @Test func `images count as the largest, however few bytes they have`() {
        let image = #"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"QQ=="}}"#
        #expect(hints("[\(image),\(image)]").images == 2)
        #expect(PriceList.inputTokens(of: 0, hints("[\(image),\(image)]")) == 500 + 2 * InputHints.imageTokens)
    }

    @Test func `max_tokens is read from the body that is asked for`() {
        let list = PriceList.sample
        let body = Array(#"{"max_tokens":7,"model":"x"}"#.utf8)
        #expect(list.demand(of: "x", body) == list.demand(of: "x", body, maxTokens: 7))
        #expect(list.demand(of: "x", []) == list.demand(of: "x", [], maxTokens: nil))
    }

    @Test func `more tools or members than are listed count as what is fetched`() {
        func list(_ count: Int, _ part: String) -> String {
            Array(repeating: part, count: count).joined(separator: ",")
        }
        #expect(!hints(#"{"tools":[\#(list(10_000, "0"))]}"#).isOpenEnded)
        #expect(hints(#"{"tools":[\#(list(10_001, "0"))]}"#).isOpenEnded)
        #expect(hints(#"{"tools":[\#(list(10_001, #"{"type":"custom"}"#))]}"#).isOpenEnded)
        #expect(hints(#"{"tools":[{\#(list(10_001, #""a":0"#))}]}"#).isOpenEnded)
        #expect(hints(#"{\#(list(10_001, #""a":0"#))}"#).isOpenEnded)
        #expect(!hints(#"{"messages":[\#(list(10_001, "0"))]}"#).isOpenEnded)
    }
}
