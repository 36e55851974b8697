import Domain

/// The description of the relay's routes that `/openapi.json` answers with: OpenAPI 3.1. A test holds it against the table
/// of routes.
struct OpenAPIDocument: Sendable {
    private static let version = "0.1.0"
    let operations: [Operation]
    /// Of the routes, by method and pattern.
    let scopes: [String: Caller.Scope]

    static let operations =
        OpenAPIDocument.messages + OpenAPIDocument.jobs + OpenAPIDocument.batches + OpenAPIDocument.webhooks
        + OpenAPIDocument.admin + OpenAPIDocument.access + OpenAPIDocument.health

    init(_ routes: [Route]) {
        operations = Self.operations
        scopes = Dictionary(routes.map { ("\($0.method) \($0.path)", $0.scope) }) { first, _ in first }
            .compactMapValues(\.self)
    }

    var text: [UInt8] {
        var json = JSONObject()
        json.set("openapi", "3.1.0")
        json.setRaw("info", Self.info)
        json.setRaw("security", Self.security)
        json.setRaw("paths", paths)
        json.setRaw("components", Self.components)
        return json.closed()
    }

    private static var info: [UInt8] {
        var json = JSONObject()
        json.set("title", "Claude Relay")
        json.set("version", version)
        json.set("description", "A durable, paced, observable relay between programs and the Claude API.")
        return json.closed()
    }

    /// Either header will do.
    private static let security = Array(#"[{"key":[]},{"bearer":[]}]"#.utf8)

    private static var components: [UInt8] {
        var schemas = JSONObject()
        for (name, schema) in OpenAPIDocument.schemas { schemas.setRaw(name, schema.text) }
        var json = JSONObject()
        json.setRaw("schemas", schemas.closed())
        json.setRaw(
            "securitySchemes",
            Array(
                #"{"key":{"type":"apiKey","in":"header","name":"x-api-key"},"bearer":{"type":"http","scheme":"bearer"}}"#
                    .utf8))
        return json.closed()
    }

    private var paths: [UInt8] {
        var json = JSONObject()
        var seen: [String] = []
        for operation in operations where !seen.contains(operation.path) {
            seen.append(operation.path)
            var item = JSONObject()
            for member in operations where member.path == operation.path {
                item.setRaw(member.method.lowercased(), text(of: member))
            }
            json.setRaw(operation.path, item.closed())
        }
        return json.closed()
    }

    private func text(of operation: Operation) -> [UInt8] {
        let scope = scopes["\(operation.method) \(operation.pattern)"]
        var json = JSONObject()
        json.set("summary", operation.summary)
        if let scope { json.set("description", "Needs the scope `\(scope.rawValue)`.") }
        if scope == nil { json.setRaw("security", Array("[]".utf8)) }
        let open = operation.openParts.map { Self.parameter($0, in: "path", .text, "", isRequired: true) }
        let others = operation.parameters.map { parameter in
            Self.parameter(
                parameter.name, in: parameter.place.rawValue, parameter.schema, parameter.about, isRequired: false)
        }
        json.setRaw("parameters", JSONObject.array(open + others))
        if !operation.body.isEmpty {
            var body = JSONObject()
            body.set("required", operation.isBodyRequired)
            body.setRaw("content", Self.content(operation.body))
            json.setRaw("requestBody", body.closed())
        }
        json.setRaw("responses", Self.responses(operation))
        return json.closed()
    }

    private static func parameter(
        _ name: String, in place: String, _ schema: JSONSchema, _ about: String, isRequired: Bool
    ) -> [UInt8] {
        var json = JSONObject()
        json.set("name", name)
        json.set("in", place)
        json.set("required", isRequired)
        if !about.isEmpty { json.set("description", about) }
        json.setRaw("schema", schema.text)
        return json.closed()
    }

    private static func responses(_ operation: Operation) -> [UInt8] {
        var json = JSONObject()
        for answer in operation.answers {
            json.setRaw(String(answer.status), response(answer.about, answer.content))
        }
        let envelope = [Operation.Content.json(.named("Error"))]
        json.setRaw("default", response("An error: Anthropic's envelope. docs/errors.md lists the codes.", envelope))
        return json.closed()
    }

    private static func response(_ about: String, _ content: [Operation.Content]) -> [UInt8] {
        var json = JSONObject()
        json.set("description", about)
        if !content.isEmpty { json.setRaw("content", self.content(content)) }
        return json.closed()
    }

    private static func content(_ contents: [Operation.Content]) -> [UInt8] {
        var json = JSONObject()
        for content in contents {
            var media = JSONObject()
            media.setRaw("schema", content.schema.text)
            json.setRaw(content.type, media.closed())
        }
        return json.closed()
    }
}
