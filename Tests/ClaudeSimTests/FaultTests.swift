import Testing

@testable import ClaudeSim

struct FaultTests {
    @Test func `a script is consumed step by step and then all goes well`() throws {
        let script = try #require(try FaultScript.parse(fault: nil, script: "500, reset,ok,529"))
        let faults = (1...6).map { script.fault(atAttempt: $0) }
        #expect(faults == [.serverError, .reset, nil, .overloaded, nil, nil])
    }

    @Test func `a single fault happens at every attempt`() throws {
        let script = try #require(try FaultScript.parse(fault: "hang", script: nil))
        #expect([1, 2, 1_000].map { script.fault(atAttempt: $0) } == [.hang, .hang, .hang])
    }

    @Test func `the script wins over the single fault, and neither means chance`() throws {
        #expect(try FaultScript.parse(fault: "hang", script: "ok") == .steps([nil]))
        #expect(try FaultScript.parse(fault: nil, script: nil) == nil)
    }

    @Test(arguments: ["", "OK", "500,", "500;529", "501", "re set"])
    func `unknown steps are refused`(text: String) {
        #expect(throws: SettingError.self) { try FaultScript.parse(fault: nil, script: text) }
    }

    @Test func `each fault happens about as often as planned, and the rest goes well`() throws {
        let plan = try FaultPlan(arguments: ["500=0.1", "reset=0.25", "529=0"])
        var random = SeededGenerator(seed: 3)
        var counts: [FaultKind?: Int] = [:]
        for _ in 0..<20_000 { counts[plan.draw(using: &random), default: 0] += 1 }
        #expect(Set(counts.keys) == [.serverError, .reset, nil])
        #expect((1_800...2_200).contains(counts[.serverError] ?? 0))
        #expect((4_700...5_300).contains(counts[.reset] ?? 0))
    }

    @Test func `certainty is certain`() throws {
        let plan = try FaultPlan(arguments: ["hang=1"])
        var random = SeededGenerator(seed: 4)
        for _ in 0..<1_000 { #expect(plan.draw(using: &random) == .hang) }
    }

    @Test(arguments: [["500=1.1"], ["500=-0.1"], ["500=nan"], ["500"], ["500=a"], ["x=0.1"], ["500=0.6", "529=0.6"]])
    func `impossible plans are refused`(arguments: [String]) {
        #expect(throws: SettingError.self) { try FaultPlan(arguments: arguments) }
    }

    @Test func `faults of streams and of plain answers become each other's`() {
        #expect(FaultKind.resetBody.fitted(toStream: true) == .resetStream)
        #expect(FaultKind.resetStream.fitted(toStream: false) == .resetBody)
        #expect(FaultKind.errorStream.fitted(toStream: false) == .overloaded)
        #expect(FaultKind.errorStream.fitted(toStream: true) == .errorStream)
    }
}
