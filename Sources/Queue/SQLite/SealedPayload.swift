import Domain

/// How a sealed payload is stored: one byte of version, 8 bytes that name its data key, then the box.
struct SealedPayload {
    private static let version: UInt8 = 1
    private static let headCount = 1 + PayloadKeyName.byteCount
    /// What is stored beyond the payload itself.
    static let overhead = headCount + PayloadKeeping.boxOverhead

    let key: PayloadKeyName
    let box: [UInt8]

    /// nil if `stored` is of no form that is known.
    init?(stored: [UInt8]) {
        guard stored.first == Self.version,
            let key = PayloadKeyName(bytes: Array(stored.dropFirst().prefix(PayloadKeyName.byteCount)))
        else { return nil }
        self.key = key
        box = Array(stored.dropFirst(Self.headCount))
    }

    /// The stored form of `plain`, sealed under `key` for `place`.
    static func seal(
        _ plain: [UInt8], as place: PayloadPlace, under key: any PayloadKey
    ) throws(JobStoreError) -> [UInt8] {
        do throws(RelayError) {
            return [version] + key.name.bytes + (try key.seal(plain, as: place))
        } catch {
            throw .unreadable(error)
        }
    }
}

/// Whether a row's payloads are readable as they stand. The raw values are the file's.
enum PayloadForm: Int {
    case plain = 0
    case sealed = 1
    /// There is nothing left of them.
    case erased = 2

    init(stored code: Int) throws {
        guard let form = PayloadForm(rawValue: code) else {
            throw DamagedValue(description: "damaged file: \(code) is no form of a payload")
        }
        self = form
    }
}
