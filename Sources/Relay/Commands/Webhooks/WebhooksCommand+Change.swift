import API
import ArgumentParser
import Domain
import Queue
import Vault

/// What can be said of an endpoint when it is added, and changed later.
struct EndpointOptions: ParsableArguments {
    @Option(help: "What it listens to, separated by commas, or all. See GET /v1/webhooks for the names.")
    var events: String?
    @Option(help: "full: results up to webhooks.inline_limit are sent along; thin: only where they are.")
    var payload: String?
    @Option(help: "The configured way out by which it is called, or direct.")
    var egress: String?
    @Option(help: "For people, at most 200 characters.")
    var description: String?

    func change(_ settings: Settings) throws -> EndpointChange {
        var change = EndpointChange()
        change.events = try events.map(Self.events)
        change.payload = try payload.map { try JobFilter.parsed($0, as: PayloadStyle.init, what: "payload style") }
        change.description = try description.map {
            try JobFilter.parsed($0, as: { $0.count <= 200 ? $0 : nil }, what: "text of at most 200 characters")
        }
        if let egress {
            guard try egress == "direct" || WebhookRules(settings).egress.contains(where: { $0.id == egress }) else {
                throw ValidationError(
                    "'\(egress)' is no configured way out that callbacks can take; see relay egress list.")
            }
            change.egress = .some(egress == "direct" ? nil : egress)
        }
        return change
    }

    static let allEvents = Set(WebhookEvent.subscribable)

    static func events(_ text: String) throws -> Set<WebhookEvent> {
        guard text != "all" else { return allEvents }
        return try Set(
            text.split(separator: ",").map { word in
                guard let event = WebhookEvent(rawValue: String(word)), WebhookEvent.subscribable.contains(event) else {
                    let known = WebhookEvent.subscribable.map(\.rawValue).joined(separator: ", ")
                    throw ValidationError("'\(word)' is no event; allowed are \(known).")
                }
                return event
            })
    }
}

extension WebhooksCommand {
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Registers an endpoint and prints its secret, this once.",
            discussion: "The secret (whsec_…) verifies webhook-signature as Standard Webhooks has it.")
        @OptionGroup var common: CommonOptions
        @OptionGroup var options: EndpointOptions
        @Argument(help: "An https URL.")
        var url: String
        @Option(help: "Whose jobs it hears of.")
        var tenant: String

        func run() async throws {
            let settings = try common.settings()
            let change = try options.change(settings)
            let (tenant, now) = (try WebhooksCommand.tenant(tenant), SystemClock().now())
            try WebhookRules(settings).urls.check(url)
            let (store, keyring) = try await common.openStoreToChange()
            var random = SystemRandomNumberGenerator()
            let id = WebhookEndpoint.makeID(using: &random)
            let issued = try await keyring.sealing {
                let issued = try WebhookSecretVault(keyring: keyring.shared).issue(endpoint: id)
                let endpoint = WebhookEndpoint(
                    id: id, tenant: tenant, url: url, events: change.events ?? EndpointOptions.allEvents,
                    description: change.description ?? "", payload: change.payload ?? .full,
                    egress: change.egress ?? nil, secret: EndpointSecret(sealed: issued.sealed, createdAt: now),
                    createdAt: now)
                try await WebhooksCommand.add(
                    endpoint, sealedUnder: issued.keyringRevision, to: store, limit: settings.webhookEndpoints)
                return issued
            }
            print("Endpoint  \(id)\nSecret    \(issued.secret.reveal())\nKey v1a   \(issued.publicKey)")
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Changes an endpoint; what is not given stays.")
        @OptionGroup var common: CommonOptions
        @OptionGroup var options: EndpointOptions
        @Argument(help: "The endpoint's id (whe_…).")
        var id: String
        @Option(help: "Its new URL; what is still to be sent goes there too.")
        var url: String?

        func run() async throws {
            let settings = try common.settings()
            var change = try options.change(settings)
            if let url { try WebhookRules(settings).urls.check(url) }
            change.url = url
            let endpoint = try await WebhooksCommand.apply(change, to: id, for: common)
            print(EndpointDescription(endpoint: endpoint, publicKey: nil).text)
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sends an endpoint nothing until it is resumed; its events are kept.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "The endpoint's id (whe_…).")
        var id: String

        func run() async throws {
            var change = EndpointChange()
            change.status = .paused
            _ = try await WebhooksCommand.apply(change, to: id, for: common)
            print("'\(id)' is paused. Go on with: relay webhooks resume \(id)")
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Brings an endpoint back that is paused, or that was disabled because it failed.",
            discussion: "What it missed while it was disabled: relay webhooks redeliver --endpoint ID --since TIME")
        @OptionGroup var common: CommonOptions
        @Argument(help: "The endpoint's id (whe_…).")
        var id: String

        func run() async throws {
            var change = EndpointChange()
            change.status = .active
            _ = try await WebhooksCommand.apply(change, to: id, for: common)
            print("'\(id)' is active.")
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives an endpoint a new secret and prints it, this once.",
            discussion: "Until the overlap is over, callbacks carry signatures of both secrets.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "The endpoint's id (whe_…).")
        var id: String
        @Option(help: "How long the old secret signs too, such as 24h; webhooks.rotation_overlap if not given.")
        var overlap: String?

        func run() async throws {
            let settings = try common.settings()
            let overlap = try overlap.map { try JobFilter.parsed($0, as: DurationText.parse, what: "duration") }
            let (store, keyring) = try await common.openStoreToChange(existing: true)
            let now = SystemClock().now()
            let end = now.advanced(by: overlap ?? settings.webhookRotationOverlap)
            let issued = try await keyring.sealing {
                let issued = try WebhookSecretVault(keyring: keyring.shared).issue(endpoint: id)
                let rotation = SecretRotation(
                    sealed: issued.sealed, sealedUnder: issued.keyringRevision, previousExpiresAt: end)
                let change = EndpointChange(rotation: rotation)
                guard try await store.changeEndpoint(id, of: nil, change, at: now) != nil else {
                    throw WebhooksCommand.unknown(id)
                }
                return issued
            }
            print("Secret    \(issued.secret.reveal())\nKey v1a   \(issued.publicKey)")
            StandardError.line("The old secret signs too until \(end.rfc3339).")
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Removes an endpoint and what it has not received.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "The endpoint's id (whe_…).")
        var id: String

        func run() async throws {
            let store = try await common.openStoreToChange(existing: true).store
            guard try await store.removeEndpoint(id, of: nil) else { throw WebhooksCommand.unknown(id) }
            print("'\(id)' is removed.")
        }
    }

    fileprivate static func apply(
        _ change: EndpointChange, to id: String, for common: CommonOptions
    ) async throws -> WebhookEndpoint {
        let (store, now) = (try await common.openStoreToChange(existing: true).store, SystemClock().now())
        guard let endpoint = try await store.changeEndpoint(id, of: nil, change, at: now) else { throw unknown(id) }
        return endpoint
    }
}
