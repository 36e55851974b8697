import Domain
import Logging
import Telemetry
import Upstream

/// Alerts in the log to what an operator should hear of.
struct GatewayNotices {
    let logger: Logger

    func take(_ notice: GatewayNotice) {
        switch notice {
        case .regionRefused(let path): regionRefused(path)
        case .keyOut(let key, let outage): keyOut(key, outage)
        case .limitsDoubled(let doubled): limitsDoubled(doubled)
        case .keySetAside(let key, let models, let until):
            logger.warning(
                "the upstream fails or refuses a key's calls to a class of models; other keys are used for it",
                metadata: [LogKey.key: "\(key)", LogKey.model: "\(models.name)", LogKey.until: "\(until.rfc3339)"])
        }
    }

    private func limitsDoubled(_ doubled: KeyOwners.Doubled) {
        let found = "limits stand under several names of one organization, as the upstream's answers tell"
        let effect =
            doubled.isCountedApart
            ? "each name given with --org counts its own calls, under the stricter limits, and together they may take "
                + "more than the organization has; give its keys one --org"
            : "its keys share the stricter ones"
        logger.warning(
            "\(found); \(effect)", metadata: [LogKey.organizations: "\(doubled.names.joined(separator: ", "))"])
    }

    private func regionRefused(_ path: String) {
        logger.error(
            "the upstream refuses the region of an egress path; it is out until relay egress enable",
            metadata: [LogKey.egress: "\(path)"])
    }

    private func keyOut(_ key: String, _ outage: KeyOutage) {
        let words =
            switch outage.reason {
            case .refused: "the upstream refuses a key; it is tried again later, or at once under a new secret"
            case .spendLimited:
                "a key has reached its spend limit; raise the limit, or wait for the reset; one call an hour tries it"
            }
        logger.error("\(words)", metadata: [LogKey.key: "\(key)", LogKey.until: "\(outage.until.rfc3339)"])
    }
}
