import Domain
import FoundationEssentials
import TestSupport
import Testing

@testable import API

struct OpenAPITests {
    /// The routes that the relay has, and those that its description names; as METHOD and pattern.
    private func names(_ routes: [Route]) -> Set<String> { Set(routes.map { "\($0.method) \($0.path)" }) }

    @Test
    func `every route is described, and nothing else is`() async throws {
        try await World.run { world in
            let routes = names(world.routes) + ["GET /openapi.json"]
            let described = OpenAPIDocument.operations.map { "\($0.method) \($0.pattern)" }
            #expect(Set(described).subtracting(routes) == [], "described, but there is no such route")
            #expect(Set(routes).subtracting(described) == [], "there is such a route: describe it in API/OpenAPI")
            #expect(described.count == Set(described).count)
        }
    }

    @Test
    func `schemas that are referred to exist, and names of schemas are unique`() {
        let names = OpenAPIDocument.schemas.map(\.0)
        #expect(names.count == Set(names).count)
        let text = String(decoding: OpenAPIDocument([]).text, as: UTF8.self)
        let references = text.split(separator: "#/components/schemas/").dropFirst().map { part in
            String(part.prefix { $0 != "\"" })
        }
        #expect(!references.isEmpty)
        #expect(Set(references).subtracting(names) == [])
    }

    @Test
    func `the description is JSON and says which scope a route needs`() async throws {
        try await World.run { world in
            let text = OpenAPIDocument(world.routes).text
            #expect((try? JSONScanner.members(of: text)) != nil)
            let words = String(decoding: text, as: UTF8.self)
            #expect(words.contains("Needs the scope `admin`."))
            #expect(words.contains(#""/v1/jobs/{id}""#))
        }
    }
}
