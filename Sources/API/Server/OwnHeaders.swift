import HTTPTypes

/// What the relay's own answers carry besides their content, so that no browser, proxy or cache makes more of them.
enum OwnHeaders {
    /// Private as everything here is, and nothing to be run, framed or told to others. A page of the relay's own would
    /// have to allow itself what it needs.
    static let all: HTTPFields = [
        .cacheControl: "no-store", .contentTypeOptions: "nosniff",
        .contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'", .referrerPolicy: "no-referrer",
    ]

    /// ``all`` and the type of the content.
    static func with(contentType: String) -> HTTPFields {
        var headers = all
        headers[.contentType] = contentType
        return headers
    }
}

extension HTTPFields {
    /// Says that the answer is for its client alone, unless whoever made it has said something else.
    mutating func forbidStoring() {
        if self[.cacheControl] == nil { self[.cacheControl] = "no-store" }
    }
}
