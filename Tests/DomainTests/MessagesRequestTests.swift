import Domain
import Testing

struct MessagesRequestTests {
    private func read(_ text: String) throws(RelayError) -> MessagesRequest {
        try MessagesRequest(Array(text.utf8))
    }

    @Test
    func `of a key that occurs twice the last one counts`() throws {
        let request = try read(#"{"model":"a","messages":[],"max_tokens":1,"stream":false,"model":"b","stream":true}"#)
        #expect(request.model == "b" && request.isStream && request.maxTokens == 1)
        #expect(throws: RelayError.self) { try read(#"{"model":"a","messages":[],"max_tokens":1,"model":7}"#) }
    }

    @Test
    func `an escaped key is the key`() throws {
        #expect(try read(#"{"m\u006fdel":"a","messages":[],"max_tokens":1}"#).model == "a")
    }

    @Test(arguments: [
        (#"{"messages":[],"max_tokens":1}"#, ErrorCode.fieldMissing, "model"),
        (#"{"model":"m","max_tokens":1}"#, .fieldMissing, "messages"),
        (#"{"model":"m","messages":[]}"#, .fieldMissing, "max_tokens"),
        (#"{"model":null,"messages":[],"max_tokens":1}"#, .fieldInvalid, "model is null"),
        (#"{"model":"m","messages":"x","max_tokens":1}"#, .fieldInvalid, #"messages is "x""#),
        (#"{"model":"m","messages":[],"max_tokens":1.5}"#, .fieldInvalid, "max_tokens is 1.5"),
        (#"{"model":"m","messages":[],"max_tokens":-1}"#, .fieldInvalid, "max_tokens is -1"),
        (#"{"model":"m","messages":[],"max_tokens":1,"stream":"yes"}"#, .fieldInvalid, #"stream is "yes""#),
        (#"{"model":"m","messages":[}"#, .bodyNotJSON, "byte 25"),
    ])
    func `what is wrong is named`(_ text: String, _ code: ErrorCode, _ words: String) {
        let error = #expect(throws: RelayError.self) { try read(text) }
        #expect(error?.code == code && error?.message.contains(words) == true, "\(String(describing: error))")
    }
}
