import Domain
import Foundation

extension FuzzTarget {
    private static let documents = [
        #"{"model":"claude-sonnet-5","max_tokens":64,"messages":[{"role":"user","content":"Hi"}],"stream":true}"#,
        #"{"a":[1,-0.5e+3,true,false,null,{"b":{}},[[]],""],"é":"\u00e9\ud83d\ude42\n\"\\\/"}"#,
        #" { "system" : [ {"type":"text","text":"x","cache_control":{"type":"ephemeral"}} ] , "tools":[] } "#,
        #"{"requests":[{"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[]}},{}]}"#,
    ]
    private static let pieces = [
        "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u", "\\ud800", "\\udc00", "e", "E+", "-", "0", "1e5", ".5", "true",
        "null", "\"a\":1", "\"model\":", "\"messages\":[]", "\"max_tokens\":", "\"cache_control\"", "\u{FEFF}", "é",
        "🙂", "\u{0}", "\n", "[[[[[[[[", "{\"a\":", "9223372036854775808",
    ]

    /// `JSONScanner`: what it finds lies where it says, and it takes what Foundation takes.
    static let json = FuzzTarget(name: "json", seeds: documents, words: pieces) { input in
        let members = try? JSONScanner.members(of: input)
        if let fault = members.flatMap({ fault(of: $0, in: input) }) { return fault }
        guard isCommonGround(input) else { return nil }
        let decoded = (try? JSONSerialization.jsonObject(with: Data(input))) as? [String: Any]
        guard (members != nil) == (decoded != nil) else {
            return "accepted: \(members != nil); by Foundation: \(decoded != nil)"
        }
        guard let members, let decoded else { return nil }
        return Set(members.map(\.key)) == Set(decoded.keys) ? nil : "other keys than Foundation's"
    }

    /// What is read of a Messages body: the same whatever stands around it, and no reader fails where another passes.
    static let messages = FuzzTarget(name: "messages", seeds: documents, words: pieces) { input in
        let isObject = (try? JSONScanner.members(of: input)) != nil
        let request = try? MessagesRequest(input)
        guard request == nil || isObject else { return "a request was read from what is no object" }
        if let request, request.maxTokens < 1 || request.model.isEmpty { return "a request out of its range" }
        let prefix = PromptPrefix.fingerprint(of: input)
        guard prefix == nil || isObject else { return "a prefix was read from what is no object" }
        let padded = Array(" \n".utf8) + input + Array("\t ".utf8)
        let inner = try? MessagesRequest(Array("[".utf8) + input + Array("]".utf8), in: 1..<(1 + input.count))
        guard (try? MessagesRequest(padded)) == request, inner == request else { return "white space changes it" }
        return PromptPrefix.fingerprint(of: padded) == prefix ? nil : "white space changes the prefix"
    }

    private static func fault(of members: [JSONMember], in input: [UInt8]) -> String? {
        var end = 0
        for member in members {
            guard member.value.lowerBound >= end, member.value.upperBound <= input.count, !member.value.isEmpty else {
                return "a value outside of its place: \(member.value)"
            }
            end = member.value.upperBound
            switch input[member.value.lowerBound] {
            case UInt8(ascii: "{"):
                guard isListed({ _ = try JSONScanner.members(of: input, in: member.value) }) else {
                    return "an object is none"
                }
            case UInt8(ascii: "["):
                var elements: [Range<Int>] = []
                guard isListed({ elements = try JSONScanner.elements(of: input, in: member.value) }),
                    elements.allSatisfy({ member.value.contains($0.lowerBound) && $0.upperBound < end })
                else { return "an array is none" }
            case UInt8(ascii: "\""):
                guard JSONScanner.string(input, at: member.value) != nil else { return "a string is none" }
            default: break
            }
        }
        return nil
    }

    /// Whether `list` finds no fault but that there is too much to list.
    private static func isListed(_ list: () throws -> Void) -> Bool {
        do {
            try list()
            return true
        } catch let error as JSONScanError {
            return error.reason == .tooManyMembers || error.reason == .tooManyElements
        } catch {
            return false
        }
    }

    /// Whether Foundation reads RFC 8259 here: it lets a comma stand before a closing bracket, guesses other encodings from
    /// NULs and byte order marks, refuses lone surrogates and numbers beyond its own, and has other limits of nesting and size.
    private static func isCommonGround(_ input: [UInt8]) -> Bool {
        let dense = input.filter { $0 > 0x20 }
        let hasTrailingComma = zip(dense, dense.dropFirst()).contains { $0 == 0x2C && ($1 == 0x7D || $1 == 0x5D) }
        let text = String(decoding: input, as: UTF8.self).lowercased()
        let hasLongNumber = text.split { !"0123456789.".contains($0) }.contains { $0.count > 15 }
        let depth = input.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") }
        let parts = input.count { $0 == UInt8(ascii: ",") }
        return parts < JSONScanner.listLimit && depth < 400
            && !hasTrailingComma && !hasLongNumber && !input.contains(0) && !text.contains("\u{FEFF}")
            && !text.contains("\\ud") && !text.contains("e+") && !hasLongExponent(Array(text.utf8))
    }

    private static func hasLongExponent(_ text: [UInt8]) -> Bool {
        text.indices.contains { index in
            guard text[index] == UInt8(ascii: "e") else { return false }
            let digits = text[(index + 1)...].drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
            return digits.prefix { (0x30...0x39).contains($0) }.count > 2
        }
    }
}
