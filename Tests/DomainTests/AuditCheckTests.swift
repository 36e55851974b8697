import Domain
import TestSupport
import Testing

struct AuditCheckTests {
    private let sealer = PlainSealer()

    /// A chain of `count` lines.
    private func chain(_ count: Int64, detail: String = "") throws -> [AuditEntry] {
        var entries: [AuditEntry] = []
        for sequence in 1...count {
            let (at, actor) = (Timestamp(microseconds: sequence), AuditActor(.command, "root"))
            let content = AuditEntry.content(
                sequence: sequence, at: at, actor: actor, action: "key.stored", subject: "k", detail: detail)
            entries.append(
                AuditEntry(
                    sequence: sequence, at: at, actor: actor, action: "key.stored", subject: "k", detail: detail,
                    seal: try sealer.seal(content, after: entries.last?.seal ?? [])))
        }
        return entries
    }

    private func problem(_ entries: [AuditEntry]) throws -> AuditCheck.Problem? {
        var check = AuditCheck()
        do {
            for entry in entries { try check.take(entry, by: sealer) }
            return nil
        } catch let problem as AuditCheck.Problem {
            return problem
        }
    }

    @Test
    func `an untouched chain holds to its head`() throws {
        let entries = try chain(5)
        var check = AuditCheck()
        for entry in entries { try check.take(entry, by: sealer) }
        #expect(check.count == 5 && check.head == entries[4].seal)
    }

    @Test
    func `a line that is missing, moved or doubled is found`() throws {
        let entries = try chain(4)
        #expect(try problem(Array(entries.dropFirst())) == .gap(expected: 1, met: 2))
        #expect(try problem([entries[0], entries[2], entries[1]]) == .gap(expected: 2, met: 3))
        #expect(try problem([entries[0], entries[0]]) == .gap(expected: 2, met: 1))
    }

    @Test
    func `a line that was changed is found, and one of another chain`() throws {
        let (entries, others) = (try chain(3), try chain(3, detail: "other"))
        let second = entries[1]
        let changed = AuditEntry(
            sequence: 2, at: second.at, actor: AuditActor(.command, "mallory"), action: second.action,
            subject: second.subject, detail: second.detail, seal: second.seal)
        #expect(try problem([entries[0], changed]) == .brokenSeal(sequence: 2))
        #expect(try problem([entries[0], others[1]]) == .brokenSeal(sequence: 2))
    }

    @Test
    func `parts cannot be shifted into their neighbours`() {
        func content(_ action: String, _ subject: String) -> [UInt8] {
            AuditEntry.content(
                sequence: 1, at: Timestamp(microseconds: 0), actor: .relay, action: action, subject: subject, detail: ""
            )
        }
        #expect(content("ab", "c") != content("a", "bc"))
        #expect(content("a1:b", "") != content("a", "b"))
    }
}
