import Domain
import FoundationEssentials
import Testing
import TestSupport

struct JSONScannerPropertyTests {
    @Test(arguments: UInt64(0)..<200)
    func `random documents are read as they were made`(seed: UInt64) throws {
        var maker = JSONMaker(seed: seed)
        let made = maker.object()
        let found = try JSONScanner.members(of: made.bytes)
        #expect(found.map(\.key) == made.members.map(\.key))
        #expect(found.map { Array(made.bytes[$0.value]) } == made.members.map(\.value))
        for member in found where member.kind == .object {
            _ = try JSONScanner.members(of: made.bytes, in: member.value)
        }
    }

    @Test(arguments: UInt64(0)..<200)
    func `a damaged document is accepted exactly if Foundation decodes it`(seed: UInt64) throws {
        var maker = JSONMaker(seed: seed)
        let made = maker.object().bytes
        for _ in 0..<20 {
            let damaged = maker.damage(made)
            guard !mayHaveTrailingComma(damaged) else { continue }
            let isAccepted = (try? JSONScanner.members(of: damaged)) != nil
            let isDecoded = (try? JSONDecoder().decode([String: AnyJSON].self, from: Data(damaged))) != nil
            #expect(isAccepted == isDecoded, "\(String(decoding: damaged, as: UTF8.self))")
        }
    }

    /// Foundation lets a comma stand before a closing bracket; RFC 8259 does not.
    private func mayHaveTrailingComma(_ document: [UInt8]) -> Bool {
        let dense = document.filter { $0 > 0x20 }
        return zip(dense, dense.dropFirst()).contains { $0 == 0x2C && ($1 == 0x7D || $1 == 0x5D) }
    }

    @Test(arguments: UInt64(0)..<20)
    func `no proper prefix of a document is a document`(seed: UInt64) {
        var maker = JSONMaker(seed: seed)
        let made = maker.object().bytes
        for length in 0..<made.count {
            let error = #expect(throws: JSONScanError.self) { try JSONScanner.members(of: Array(made[..<length])) }
            #expect(error?.reason == .unexpectedEnd || error?.reason == .invalidUTF8)
        }
    }
}

/// Makes random JSON with odd spacing and escapes, and remembers its parts.
private struct JSONMaker {
    private var random: SeededGenerator

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func object() -> (bytes: [UInt8], members: [(key: String, value: [UInt8])]) {
        var members: [(key: String, value: [UInt8])] = []
        var text = "{" + space()
        for index in 0..<Int.random(in: 0...6, using: &random) {
            if index > 0 { text += "," + space() }
            let (key, value) = ("k\(index)é", value(depth: 0))
            members.append((key, Array(value.utf8)))
            text += "\"k\(index)\\u00e9\"" + space() + ":" + space() + value + space()
        }
        return (Array((text + "}").utf8), members)
    }

    /// Replaces, drops or doubles one byte. Only bytes that mean the same to both readers are put in.
    mutating func damage(_ bytes: [UInt8]) -> [UInt8] {
        var damaged = bytes
        let index = Int.random(in: 0..<bytes.count, using: &random)
        let choices = Array("{}[]:,\"0123456789.-+eEtfn \nx".utf8)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: damaged[index] = choices[Int.random(in: 0..<choices.count, using: &random)]
        case 1: damaged.remove(at: index)
        default: damaged.insert(damaged[index], at: index)
        }
        return damaged
    }

    private mutating func value(depth: Int) -> String {
        switch Int.random(in: 0..<(depth < 4 ? 8 : 6), using: &random) {
        case 0: return ["true", "false", "null"].randomElement(using: &random) ?? "null"
        case 1, 2: return number()
        case 3, 4, 5: return string()
        case 6: return "[" + space() + list(depth: depth) { _ in "" } + "]"
        default: return "{" + space() + list(depth: depth) { "\"m\($0)\":" } + "}"
        }
    }

    private mutating func list(depth: Int, label: (Int) -> String) -> String {
        var text = ""
        for index in 0..<Int.random(in: 0...4, using: &random) {
            text += (index > 0 ? "," + space() : "") + label(index) + value(depth: depth + 1) + space()
        }
        return text
    }

    private mutating func number() -> String {
        ["0", "-0", "17", "-3.25", "1e3", "2.5E-2", "1234567890", "1e+2"].randomElement(using: &random) ?? "0"
    }

    private mutating func string() -> String {
        let parts = [
            "a", "longer than eight bytes", #"\n"#, #"\""#, #"\\"#, #"\u0041"#, "é", "漢", "😀", "[{", "}]", ":,",
        ]
        let count = Int.random(in: 0...6, using: &random)
        return "\"" + (0..<count).map { _ in parts.randomElement(using: &random) ?? "" }.joined() + "\""
    }

    private mutating func space() -> String {
        ["", "", "", " ", "\n", "\t ", "\r\n"].randomElement(using: &random) ?? ""
    }
}

private enum AnyJSON: Decodable {
    case object([String: AnyJSON])
    case array([AnyJSON])
    case scalar

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let object = try? container.decode([String: AnyJSON].self) {
            self = .object(object)
        } else if let array = try? container.decode([AnyJSON].self) {
            self = .array(array)
        } else {
            self = .scalar
            if container.decodeNil() || (try? container.decode(Bool.self)) != nil { return }
            if (try? container.decode(String.self)) == nil { _ = try container.decode(Double.self) }
        }
    }
}
