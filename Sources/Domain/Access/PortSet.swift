/// TCP ports that may be connected to.
package struct PortSet: Hashable, Sendable {
    /// 1...65535 each.
    package let ranges: [ClosedRange<UInt16>]

    /// Ports beside those that the schemes stand for: 443, and 80 where plain http is allowed.
    package init(allowsHTTP: Bool, and more: [ClosedRange<UInt16>] = []) {
        ranges = [443...443] + (allowsHTTP ? [80...80] : []) + more
    }

    package func contains(_ port: UInt16) -> Bool {
        ranges.contains { $0.contains(port) }
    }

    /// Reads `8443` or `8000-8999`; nil for anything else.
    package static func range(_ text: String) -> ClosedRange<UInt16>? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }) else {
            return nil
        }
        let ports = parts.compactMap { UInt16($0) }
        guard ports.count == parts.count, let first = ports.first, let last = ports.last, first >= 1, first <= last
        else { return nil }
        return first...last
    }

    /// For people: `443, 8000-8999`.
    package var text: String {
        ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ", ")
    }
}
