import Domain

/// `/openapi.json`: what the other routes take and answer.
struct DescriptionRoutes: Sendable {
    private let text: [UInt8]

    /// - Parameter others: all other routes.
    init(_ others: [Route]) {
        text = OpenAPIDocument(others).text
    }

    var all: [Route] { [Route("GET", "/openapi.json", scope: nil) { [text] _ in .json(text) }] }
}
