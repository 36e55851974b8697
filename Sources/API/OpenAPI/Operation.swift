import Domain

/// What one route takes and answers, for people and programs that read `/openapi.json`.
struct Operation: Sendable {
    struct Parameter: Sendable {
        enum Place: String, Sendable { case query, header }

        let place: Place
        let name: String
        let schema: JSONSchema
        let about: String
    }

    /// A body and the media type it has.
    struct Content: Sendable {
        let type: String
        let schema: JSONSchema

        static func json(_ schema: JSONSchema) -> Content { Content(type: "application/json", schema: schema) }
        static func text(_ type: String) -> Content { Content(type: type, schema: .text) }
    }

    struct Answer: Sendable {
        let status: Int
        let about: String
        let content: [Content]
    }

    let method: String
    /// With names for its open parts: `/v1/jobs/{id}`.
    let path: String
    let summary: String
    private(set) var parameters: [Parameter] = []
    private(set) var body: [Content] = []
    private(set) var isBodyRequired = false
    private(set) var answers: [Answer] = []

    init(_ method: String, _ path: String, _ summary: String) {
        self.method = method
        self.path = path
        self.summary = summary
    }

    func query(_ name: String, _ schema: JSONSchema, _ about: String) -> Operation {
        with { $0.parameters.append(Parameter(place: .query, name: name, schema: schema, about: about)) }
    }

    func header(_ name: String, _ schema: JSONSchema, _ about: String) -> Operation {
        with { $0.parameters.append(Parameter(place: .header, name: name, schema: schema, about: about)) }
    }

    func takes(_ contents: Content..., optional: Bool = false) -> Operation {
        with {
            $0.body = contents
            $0.isBodyRequired = !optional
        }
    }

    func answers(_ status: Int, _ about: String, _ contents: Content...) -> Operation {
        with { $0.answers.append(Answer(status: status, about: about, content: contents)) }
    }

    /// As the route table writes the path.
    var pattern: String {
        path.split(separator: "/", omittingEmptySubsequences: false)
            .map { $0.hasPrefix("{") ? "{}" : String($0) }.joined(separator: "/")
    }

    /// The names of the path's open parts.
    var openParts: [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }

    private func with(_ change: (inout Operation) -> Void) -> Operation {
        var copy = self
        change(&copy)
        return copy
    }
}
