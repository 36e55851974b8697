/// A reader of bytes that others choose, and what it promises whatever they are.
struct FuzzTarget: Sendable, CustomStringConvertible {
    let name: String
    /// Sound inputs, which are changed at random.
    let seeds: [String]
    /// What is put in, besides single bytes.
    let words: [String]
    /// What the reader did that it must not do; nil if nothing. A crash ends the process.
    let fault: @Sendable ([UInt8]) -> String?

    var description: String { name }

    static let all = [json, messages, events, answerHead, requestHead, batch, headerValues, ansibleVault, token]

    static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}
