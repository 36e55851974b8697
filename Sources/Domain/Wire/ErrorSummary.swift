/// What an error body says, as far as verdicts and journals depend on it.
struct ErrorSummary {
    var type: String?
    var code: String?
    var message: String?
    /// From the edge in front of the API: says nothing about the request.
    var isHTML = false

    init(type: String?, code: String?, message: String?) {
        self.type = type
        self.code = code
        self.message = message
    }

    init(_ body: [UInt8]) {
        let start = body.first { $0 > 0x20 }
        isHTML = start == UInt8(ascii: "<")
        guard let envelope = try? JSONScanner.members(of: body),
            let error = envelope.last(where: { $0.key == "error" && $0.kind == .object }),
            let members = try? JSONScanner.members(of: body, in: error.value)
        else { return }
        type = Self.text("type", of: members, in: body)
        message = Self.text("message", of: members, in: body)
        guard let details = members.last(where: { $0.key == "details" && $0.kind == .object }),
            let inner = try? JSONScanner.members(of: body, in: details.value)
        else { return }
        code = Self.text("error_code", of: inner, in: body)
    }

    /// Told by a code, which no client has a hand in.
    var isSpendLimit: Bool {
        code == "enforced_spend_limit_reached" || code == "contract_spend_limit_reached"
    }

    /// A limit that the customer has set is told in a 400, in words alone. A 400 also quotes what a client has written: a
    /// name in its middle, or a field at its start, which a colon follows. Neither must be taken for it.
    var tellsSpendLimit: Bool {
        guard type == "invalid_request_error", let words = message?.lowercased(), !words.contains(": ") else {
            return false
        }
        return Self.spendLimitWords.contains { words.hasPrefix($0) }
    }

    private static let spendLimitWords = [
        "your usage reached a spend limit you set", "usage reached a spend limit you set",
        "you have reached your specified api usage limits",
        "you have reached your specified workspace api usage limits",
    ]

    /// The API tells a request from an unsupported region so, and in no other way.
    var isRegionRefusal: Bool {
        message?.lowercased().hasPrefix("request not allowed") ?? false
    }

    private static func text(_ key: String, of members: [JSONMember], in body: [UInt8]) -> String? {
        members.last { $0.key == key && $0.kind == .string }.flatMap { JSONScanner.string(body, at: $0.value) }
    }
}
