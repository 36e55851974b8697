/// What in a Messages body makes its input larger or dearer than its bytes tell.
///
/// Told from the names and short values that stand in it, whatever their place and however they are escaped: rather too
/// much is found than too little. One pass over the body.
package struct InputHints: Hashable, Sendable {
    package static let none = InputHints()
    /// Tokens that an image has at most, as a rule.
    package static let imageTokens = 5000
    /// Tokens of input that a model takes at most: what a call counts for whose input is fetched elsewhere.
    package static let contextWindow = 1_000_000

    /// Whether it asks for caching.
    package private(set) var mayCache = false
    /// Whether the upstream adds input that is not in the body, or is not in proportion to it: what a URL or an uploaded
    /// file holds, PDF pages, what server tools and MCP servers find.
    package private(set) var isOpenEnded = false
    package private(set) var images = 0

    private init() {}

    package init(_ body: [UInt8]) {
        body.withUnsafeBufferPointer { bytes in
            var (index, last) = (0, UInt8(0))
            while index < bytes.count {
                let byte = bytes[index]
                if byte == UInt8(ascii: "\"") {
                    let end = Self.end(ofStringAt: index, in: bytes)
                    if end - index <= Self.longestLiteral {
                        note(body, index..<end, isValue: last == UInt8(ascii: ":"))
                    }
                    index = end
                } else {
                    index += 1
                }
                if byte > 0x20 { last = byte }
            }
        }
        if !isOpenEnded { isOpenEnded = Self.hasServerTool(body) }
    }

    /// Of the words below, written with six bytes a character, and the quotes.
    private static let longestLiteral = 6 * 15 + 2

    private mutating func note(_ body: [UInt8], _ literal: Range<Int>, isValue: Bool) {
        switch (JSONScanner.string(body, at: literal), isValue) {
        case ("cache_control", _): mayCache = true
        case ("file_id", _), ("mcp_servers", _), ("url", true), ("file", true), ("application/pdf", _):
            isOpenEnded = true
        case ("image", true): images += 1
        default: break
        }
    }

    /// Behind the closing quote, or the end of `bytes`.
    private static func end(ofStringAt start: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var index = start + 1
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return min(index + 1, bytes.count)
    }

    /// Whether a tool is the upstream's, or of a kind that it knows: their names change, so all but `custom` count. More
    /// tools, or members, than are listed count as one, too; they are not looked at.
    private static func hasServerTool(_ body: [UInt8]) -> Bool {
        contains(body, 0..<body.count) { $0.key == "tools" && $0.kind == .array && hasServerTool(body, in: $0.value) }
    }

    private static func hasServerTool(_ body: [UInt8], in tools: Range<Int>) -> Bool {
        var count = 0
        let found = try? JSONScanner.firstElement(of: body, in: tools) { tool in
            count += 1
            guard count <= JSONScanner.listLimit else { return true }
            return contains(body, tool) {
                $0.key == "type" && $0.kind == .string && JSONScanner.string(body, at: $0.value) != "custom"
            }
        }
        return found != nil
    }

    /// Whether the object that `range` holds has such a member, or more than are listed; false if it is none.
    private static func contains(_ body: [UInt8], _ range: Range<Int>, _ isSuch: (JSONMember) -> Bool) -> Bool {
        do {
            return try JSONScanner.members(of: body, in: range).contains(where: isSuch)
        } catch {
            return error.reason == .tooManyMembers
        }
    }
}
