import Domain

/// A JSON Schema, as far as the relay's own bodies need it.
indirect enum JSONSchema: Sendable {
    /// A string of any form.
    case text
    case formatted(String)
    case oneOf([String])
    case integer(ClosedRange<Int>)
    case number
    case flag
    case object([Field])
    /// An object with members that nothing is said of.
    case open
    case list(JSONSchema)
    case nullable(JSONSchema)
    /// By its name among the document's components.
    case named(String)
    /// Any JSON value.
    case any

    struct Field: Sendable {
        let name: String
        let schema: JSONSchema
        let isRequired: Bool

        init(_ name: String, _ schema: JSONSchema, optional: Bool = false) {
            self.name = name
            self.schema = schema
            isRequired = !optional
        }
    }

    static let time = JSONSchema.formatted("date-time")
    static let count = JSONSchema.integer(0...Int(Int32.max))

    /// The schema as JSON.
    var text: [UInt8] {
        switch self {
        case .text: Self.typed("string")
        case .formatted(let format): Self.typed("string") { $0.set("format", format) }
        case .oneOf(let words): Self.typed("string") { $0.set("enum", words) }
        case .integer(let range):
            Self.typed("integer") {
                $0.set("minimum", range.lowerBound)
                if range.upperBound < Int.max { $0.set("maximum", range.upperBound) }
            }
        case .number: Self.typed("number")
        case .flag: Self.typed("boolean")
        case .object(let fields): Self.text(of: fields)
        case .open: Self.typed("object")
        case .list(let element): Self.typed("array") { $0.setRaw("items", element.text) }
        case .nullable(let schema): Self.anyOf([schema.text, Self.typed("null")])
        case .named(let name): Self.reference(name)
        case .any: Array("{}".utf8)
        }
    }

    private static func text(of fields: [Field]) -> [UInt8] {
        typed("object") { json in
            var properties = JSONObject()
            for field in fields { properties.setRaw(field.name, field.schema.text) }
            json.setRaw("properties", properties.closed())
            json.set("required", fields.filter(\.isRequired).map(\.name))
            json.set("additionalProperties", false)
        }
    }

    private static func typed(_ type: String, _ more: (inout JSONObject) -> Void = { _ in }) -> [UInt8] {
        var json = JSONObject()
        json.set("type", type)
        more(&json)
        return json.closed()
    }

    private static func anyOf(_ schemas: [[UInt8]]) -> [UInt8] {
        var json = JSONObject()
        json.setRaw("anyOf", JSONObject.array(schemas))
        return json.closed()
    }

    private static func reference(_ name: String) -> [UInt8] {
        var json = JSONObject()
        json.set("$ref", "#/components/schemas/\(name)")
        return json.closed()
    }
}
