import Domain
import Queue

extension OpenAPIDocument {
    static let webhooks: [Operation] = []
}
