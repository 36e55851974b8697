import NIOCore
import NIOHTTP1
import Synchronization

// The routes of the Claude API.
extension Simulator {
    /// The first version that refuses sampling parameters.
    private static let strictVersion = "2026-10-21"

    func answerMessages(_ request: SimulatorRequest) -> Reply {
        var organization: String?
        do throws(Refusal) {
            let key = try credential(of: request)
            organization = self.organization(of: key)
            let body = Array(request.body.readableBytesView)
            let fields = try checkedFields(request, body: body, needsMaxTokens: true)
            let script = try faultScript(request)
            return execute(fields, body: body, key: key, script: script)
        } catch {
            return refuse(error.envelope, organization: organization)
        }
    }

    func answerTokenCount(_ request: SimulatorRequest) -> Reply {
        answer(request) { (request) throws(Refusal) in
            let body = Array(request.body.readableBytesView)
            _ = try checkedFields(request, body: body, needsMaxTokens: false)
            return "{\"input_tokens\":\(MessageFacts.tokens(bodyBytes: body.count))}"
        }
    }

    func answerModels(_ request: SimulatorRequest) -> Reply {
        answer(request) { (request) throws(Refusal) in
            do throws(SettingError) {
                return try ModelCatalog.standard.page(query: request.query).json
            } catch {
                throw Refusal(.invalid(error.description))
            }
        }
    }

    func answerModel(_ request: SimulatorRequest) -> Reply {
        answer(request) { (request) throws(Refusal) in
            let id = request.path.dropFirst("/v1/models/".count)
            guard let model = ModelCatalog.standard.model(id) else { throw Refusal(.notFound("model: \(id)")) }
            return model.json
        }
    }

    private struct Refusal: Error {
        let envelope: ErrorEnvelope

        init(_ envelope: ErrorEnvelope) {
            self.envelope = envelope
        }
    }

    /// A JSON answer for whoever has a credential and names a version.
    private func answer(
        _ request: SimulatorRequest, _ body: (SimulatorRequest) throws(Refusal) -> String
    ) -> Reply {
        var organization: String?
        do throws(Refusal) {
            let key = try credential(of: request)
            organization = self.organization(of: key)
            if let refusal = keyRefusal(key) { return refuse(refusal, organization: organization) }
            try checkVersion(request)
            let text = try body(request)
            let headers = newHeaders(organization: organization).headers
            return other(ReplyComposer.whole(status: 200, ByteBuffer(string: text), headers: headers))
        } catch {
            return refuse(error.envelope, organization: organization)
        }
    }

    private func credential(of request: SimulatorRequest) throws(Refusal) -> String {
        let accepted = request.credentials.first { settings.keys?.contains($0) ?? true }
        guard let accepted else { throw Refusal(.unauthenticated) }
        return accepted
    }

    /// A key that fails on every call fails on these routes, too, where its fault is an envelope.
    private func keyRefusal(_ key: String) -> ErrorEnvelope? {
        state.withLock { $0.targeted.kind(account: KeyLabel.text(for: key), model: nil)?.envelope }
    }

    private func checkVersion(_ request: SimulatorRequest) throws(Refusal) {
        guard let version = request.headers.first(name: "anthropic-version"), !version.isEmpty else {
            throw Refusal(.invalid("anthropic-version: header is required"))
        }
    }

    private func checkedFields(
        _ request: SimulatorRequest, body: [UInt8], needsMaxTokens: Bool
    ) throws(Refusal) -> RequestFields {
        try checkVersion(request)
        guard let type = request.headers.first(name: "content-type"),
            type.lowercased().hasPrefix("application/json")
        else { throw Refusal(.invalid("content-type: must be application/json")) }
        if let encoding = request.headers.first(name: "content-encoding"), encoding != "identity" {
            throw Refusal(.invalid("content-encoding: the simulator takes no '\(encoding)' bodies"))
        }
        let fields: RequestFields
        do throws(RequestFields.Refusal) {
            fields = try RequestFields(body: body, needsMaxTokens: needsMaxTokens)
        } catch {
            throw Refusal(.invalid(error.message))
        }
        let version = request.headers.first(name: "anthropic-version") ?? ""
        if let name = fields.samplingKeys.first, version >= Self.strictVersion {
            throw Refusal(.invalid("\(name): not accepted by version \(version)"))
        }
        return fields
    }

    private func faultScript(_ request: SimulatorRequest) throws(Refusal) -> FaultScript? {
        do throws(SettingError) {
            return try FaultScript.parse(
                fault: request.headers.first(name: FaultScript.faultHeader),
                script: request.headers.first(name: FaultScript.scriptHeader)
            )
        } catch {
            throw Refusal(.invalid(error.description))
        }
    }

    private func execute(_ fields: RequestFields, body: [UInt8], key: String, script: FaultScript?) -> Reply {
        var facts = MessageFacts(
            fields: fields, fingerprint: Fingerprint(of: body), bodyBytes: body.count,
            fullLength: settings.outputTokens
        )
        let (scope, admission) = state.withLock { state in
            state.admit(call(fields, facts, account: state.account(of: key), script: script), at: now)
        }
        var (requestID, headers) = newHeaders(organization: organization(of: key))
        switch admission {
        case .refused(let over, let rate):
            rate?.write(into: &headers, wallSeconds: WallTime.seconds)
            let seconds = max(1, Int((over.retryAfter / .seconds(1)).rounded(.up)))
            headers.add(name: "retry-after", value: String(seconds))
            return Reply(steps: ReplyComposer.steps(for: over.envelope, requestID: requestID, headers: headers))
        case .accepted(let fault, var generator, let cache, let rate):
            rate?.write(into: &headers, wallSeconds: WallTime.seconds)
            facts.cache = cache
            let steps = composer.steps(
                for: facts, isStream: fields.isStream, fault: fault, requestID: requestID, headers: headers,
                using: &generator
            )
            return Reply(steps: steps, scope: scope)
        }
    }

    private func call(
        _ fields: RequestFields, _ facts: MessageFacts, account: String, script: FaultScript?
    ) -> MessagesCall {
        MessagesCall(
            account: account, organization: settings.organizations.name(ofAccount: account),
            model: String(fields.modelLiteral.dropFirst().dropLast()), body: facts.fingerprint, script: script,
            isStream: fields.isStream, inputTokens: facts.inputTokens, outputTokens: facts.outputTokens,
            prefix: fields.prefix
        )
    }

    private func organization(of key: String) -> String {
        settings.organizations.name(ofAccount: KeyLabel.text(for: key))
    }
}
