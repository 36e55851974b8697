/// How urgent a job is beside its tenant's other jobs: 0 (last) to 9 (first); 5 unless said otherwise.
package struct Priority: Hashable, Comparable, Sendable {
    package static let range = 0...9
    package static let normal = Priority(unchecked: 5)
    /// Of a batch's requests: they have a day, and the same tenant's jobs need not wait for 100,000 of them.
    package static let batch = Priority(unchecked: 3)
    package let value: Int

    /// nil outside ``range``.
    package init?(_ value: Int) {
        guard Self.range.contains(value) else { return nil }
        self.value = value
    }

    private init(unchecked value: Int) {
        self.value = value
    }

    package static func < (left: Priority, right: Priority) -> Bool {
        left.value < right.value
    }
}
