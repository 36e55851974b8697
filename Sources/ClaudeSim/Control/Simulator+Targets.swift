import FoundationEssentials
import NIOCore
import Synchronization

// Faults of single keys, models and client addresses, told while the simulator runs.
extension Simulator {
    private struct TargetBody: Decodable {
        let key: String?
        let model: String?
        let fault: String
    }

    private struct SourcesBody: Decodable {
        let refuse: [String]
    }

    func setTargetedFault(_ body: ByteBuffer) throws(SettingError) {
        let order = try decode(TargetBody.self, from: body)
        let kind = order.fault == "ok" ? nil : try FaultKind(named: order.fault)
        let target = TargetedFaults.Target(account: order.key.map { KeyLabel.text(for: $0) }, model: order.model)
        let refusal = state.withLock { state -> SettingError? in
            do throws(SettingError) {
                try state.targeted.set(kind, for: target)
                return nil
            } catch {
                return error
            }
        }
        if let refusal { throw refusal }
    }

    func setRefusedSources(_ body: ByteBuffer) throws(SettingError) {
        let sources = try decode(SourcesBody.self, from: body).refuse
        state.withLock { $0.refusedSources = Set(sources) }
    }
}
