import Glibc

/// What the simulator needs to know of a Messages body.
struct RequestFields: Hashable, Sendable {
    /// Why a body is refused with 400; the text goes into the envelope.
    struct Refusal: Error, Hashable {
        let message: String
    }

    /// The JSON text of the model's name, quotes included: it goes into the answer as it came.
    private(set) var modelLiteral = ""
    private(set) var isStream = false
    private(set) var maxTokens: Int?
    /// Sampling parameters present at the top level; refused by newer versions of the API.
    private(set) var samplingKeys: [String] = []
    /// The JSON text of the name of a tool that is to be used.
    private(set) var toolLiteral: String?
    private(set) var thinks = false
    /// What of the request the prompt cache may keep.
    private(set) var prefix = PromptPrefix.none
    private var hasMessages = false
    private var refusesTools = false
    private var messages: Range<Int>?
    private var tools: Range<Int>?
    private var system: Range<Int>?

    /// - Parameter needsMaxTokens: false for token counting.
    init(body: [UInt8], needsMaxTokens: Bool) throws(Refusal) {
        do throws(JSONReader.Malformed) {
            try read(body)
        } catch {
            throw Refusal(message: "The request body is not valid JSON: unexpected byte or end at \(error.offset).")
        }
        guard !modelLiteral.isEmpty else { throw Refusal(message: "model: Field required, a string.") }
        guard hasMessages else { throw Refusal(message: "messages: Field required, at least one message.") }
        if needsMaxTokens {
            guard let maxTokens else { throw Refusal(message: "max_tokens: Field required, a whole number.") }
            guard maxTokens >= 0 else {
                throw Refusal(message: "max_tokens: \(maxTokens) is too small; at least 0 is allowed.")
            }
        }
    }

    private mutating func read(_ body: [UInt8]) throws(JSONReader.Malformed) {
        guard String(validating: body, as: UTF8.self) != nil else { throw JSONReader.Malformed(offset: 0) }
        var reader = JSONReader(body)
        try reader.object { (reader, key) throws(JSONReader.Malformed) in
            let value = try reader.skipValue()
            self.note(key: body[key], value: body[value])
        }
        try reader.finish()
        readPrefix(body)
        guard toolLiteral != nil, let messages else { return }
        if refusesTools || Self.contains("\"tool_result\"", in: body[messages]) { toolLiteral = nil }
    }

    /// Most bodies are told apart by one fast search: they have nothing to keep.
    private mutating func readPrefix(_ body: [UInt8]) {
        guard Self.mentionsCache(body) else { return }
        prefix = PromptPrefix(
            modelLiteral: modelLiteral, tools: tools, system: system, messages: messages, body: body)
    }

    /// Looks at underscores, which are rare in a body, and found at the speed of memory.
    private static func mentionsCache(_ body: [UInt8]) -> Bool {
        body.withUnsafeBytes { bytes in
            var offset = 0
            while let start = bytes.baseAddress, offset < bytes.count,
                let found = memchr(start + offset, Int32(UInt8(ascii: "_")), bytes.count - offset)
            {
                let place = UnsafeRawPointer(found) - start
                if bytes[..<place].suffix(6).elementsEqual("\"cache".utf8),
                    bytes[place...].prefix(9).elementsEqual("_control\"".utf8)
                {
                    return true
                }
                offset = place + 1
            }
            return false
        }
    }

    private mutating func note(key: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
        switch key.count {
        case 5 where Self.matches(key, "model"):
            let isText = value.first == UInt8(ascii: "\"") && value.count > 2
            modelLiteral = isText ? String(decoding: value, as: UTF8.self) : ""
        case 6 where Self.matches(key, "stream"): isStream = value.first == UInt8(ascii: "t")
        case 10 where Self.matches(key, "max_tokens"): maxTokens = Int(String(decoding: value, as: UTF8.self))
        case 8 where Self.matches(key, "messages"):
            hasMessages = value.first == UInt8(ascii: "[") && value.contains(UInt8(ascii: "{"))
            messages = value.startIndex..<value.endIndex
        case 5 where Self.matches(key, "tools"):
            toolLiteral = Self.toolName(in: value)
            tools = value.startIndex..<value.endIndex
        case 6 where Self.matches(key, "system"): system = value.startIndex..<value.endIndex
        case 11 where Self.matches(key, "tool_choice"): refusesTools = Self.contains("\"none\"", in: value)
        case 8 where Self.matches(key, "thinking"):
            thinks = Self.contains("\"enabled\"", in: value) || Self.contains("\"adaptive\"", in: value)
        case 11 where Self.matches(key, "temperature"): samplingKeys.append("temperature")
        case 5 where Self.matches(key, "top_p"): samplingKeys.append("top_p")
        case 5 where Self.matches(key, "top_k"): samplingKeys.append("top_k")
        default: break
        }
    }

    private static func matches(_ key: ArraySlice<UInt8>, _ name: StaticString) -> Bool {
        key.elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }
}
