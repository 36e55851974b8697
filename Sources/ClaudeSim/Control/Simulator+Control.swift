import FoundationEssentials
import NIOCore
import NIOHTTP1
import Synchronization

// The simulator's own routes under `/sim/`: not counted, no credential asked.
extension Simulator {
    func answerControl(_ request: SimulatorRequest) -> Reply {
        do throws(SettingError) {
            switch (request.path, request.method) {
            case ("/sim/stats", .GET): return json(report())
            case ("/sim/executions", .GET): return try answerExecutions(request)
            case ("/sim/faults", .POST):
                let plan = try decodedPlan(request.body)
                state.withLock { $0.plan = plan }
            case ("/sim/limits", .POST):
                let limits = try decode(LimitsBody.self, from: request.body).limits()
                state.withLock { $0.setLimits(limits) }
            case ("/sim/keys", .POST): try setTargetedFault(request.body)
            case ("/sim/sources", .POST): try setRefusedSources(request.body)
            case ("/sim/reset", .POST): state.withLock { $0.resetStatistics(at: now) }
            default: return control(.notFound("No such route: \(request.method.rawValue) \(request.path)"))
            }
            return json(["ok": true])
        } catch {
            return control(.invalid(error.description))
        }
    }

    func report() -> StatisticsReport {
        state.withLock { StatisticsReport($0, at: now) }
    }

    private struct LimitsBody: Decodable {
        let rps: Double?
        let burst: Int?
        let concurrency: Int?
        let inputTokens: Int?
        let outputTokens: Int?
        let ramp: Double?

        private enum CodingKeys: String, CodingKey {
            case rps, burst, concurrency, ramp
            case inputTokens = "input_tokens_per_minute"
            case outputTokens = "output_tokens_per_minute"
        }

        func limits() throws(SettingError) -> Limits {
            try Limits(
                rps: rps, burst: burst, concurrency: concurrency, inputTokensPerMinute: inputTokens,
                outputTokensPerMinute: outputTokens, ramp: ramp)
        }
    }

    private struct Executions: Encodable {
        let fingerprint: String
        let attempts: UInt32
        let executions: UInt32
    }

    private func answerExecutions(_ request: SimulatorRequest) throws(SettingError) -> Reply {
        guard let body = Fingerprint(hex: request.query["fingerprint"] ?? "") else {
            throw SettingError("fingerprint: give the 1 to 16 hexadecimal digits that an answer's echo shows.")
        }
        let counts = state.withLock { $0.statistics.executions.counts(of: body) } ?? .init()
        return json(
            Executions(fingerprint: body.hex, attempts: counts.attempts, executions: counts.executions)
        )
    }

    private func decodedPlan(_ body: ByteBuffer) throws(SettingError) -> FaultPlan {
        var probabilities: [FaultKind: Double] = [:]
        for (name, probability) in try decode([String: Double].self, from: body) {
            probabilities[try FaultKind(named: name)] = probability
        }
        return try FaultPlan(probabilities)
    }

    func decode<Body: Decodable>(_ type: Body.Type, from body: ByteBuffer) throws(SettingError) -> Body {
        do {
            return try JSONDecoder().decode(type, from: Data(body.readableBytesView))
        } catch {
            throw SettingError("The body is not the JSON object this route takes; see claude-sim --help.")
        }
    }

    private func json(_ value: some Encodable) -> Reply {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        guard let data = try? encoder.encode(value) else { return control(.serverError) }
        return Reply(steps: ReplyComposer.whole(status: 200, ByteBuffer(bytes: data), headers: newHeaders().headers))
    }

    private func control(_ error: ErrorEnvelope) -> Reply {
        let (requestID, headers) = newHeaders()
        return Reply(steps: ReplyComposer.steps(for: error, requestID: requestID, headers: headers))
    }
}
