#if LIBFUZZER
    import Domain
    import Foundation

    /// What HeadParser, which is compiled into this program alone, hands over.
    enum AnswerMailbox {
        struct Head {
            let status: Int
            let headers: [HeaderField]
        }
    }

    /// What TokenIssuer, which is compiled into this program alone, asks of it.
    enum TokenAuthority {
        static let ownIssuer = "claude-relay"
    }

    /// The target that FUZZ_TARGET names.
    private let chosen = FuzzTarget.named(ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? "json")

    /// Puts the target's sound inputs where libFuzzer looks for some to begin with.
    @_cdecl("LLVMFuzzerInitialize")
    func initialize(_ count: UnsafeRawPointer?, _ arguments: UnsafeRawPointer?) -> Int32 {
        guard let folder = ProcessInfo.processInfo.environment["FUZZ_CORPUS"] else { return 0 }
        for (number, seed) in (chosen?.seeds ?? []).enumerated() {
            _ = FileManager.default.createFile(atPath: "\(folder)/sound-\(number)", contents: Data(seed.utf8))
        }
        return 0
    }

    @_cdecl("LLVMFuzzerTestOneInput")
    func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
        let input = Array(UnsafeBufferPointer(start: bytes, count: count))
        guard let fault = chosen?.fault(input) else { return 0 }
        FileHandle.standardError.write(Data("FAULT \(chosen?.name ?? ""): \(fault)\n".utf8))
        abort()  // libFuzzer keeps the input
    }
#endif
