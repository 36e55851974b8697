import Domain

/// What a job was submitted with, as its row holds it. The digest of a plain body stands with the headers; that of a sealed
/// one is sealed with it, before it, for it would show which of two bodies it was.
struct StoredRequest {
    /// What a sealed body takes beyond the body itself.
    static let overhead = SealedPayload.overhead + BodyDigest.byteCount

    let headers: [UInt8]
    let metadata: [UInt8]?
    let body: [UInt8]
    let form: PayloadForm

    /// - Parameter key: nil to store it as it is.
    init(
        _ body: [UInt8], _ digest: BodyDigest, headers: [HeaderField], metadata: [UInt8]? = nil, of id: JobID,
        under key: (any PayloadKey)?
    ) throws(JobStoreError) {
        guard let key else {
            self.headers = FieldCodec.encode(headers, digest: digest)
            (self.metadata, self.body, form) = (metadata, body, .plain)
            return
        }
        self.headers = FieldCodec.encode(headers)
        self.metadata = try metadata.map { plain throws(JobStoreError) in
            try SealedPayload.seal(plain, as: PayloadPlace(.metadata, of: id.text), under: key)
        }
        self.body = try SealedPayload.seal(digest.bytes + body, as: PayloadPlace(.request, of: id.text), under: key)
        form = .sealed
    }
}

extension SQLiteConnection {
    /// The body and its digest, nil of a job of an old relay, and the headers that were stored with them.
    func openRequest(
        _ body: [UInt8], headers: [UInt8], _ form: PayloadForm, of id: JobID, by keys: PayloadKeys
    ) throws -> (body: [UInt8], digest: BodyDigest?, headers: [HeaderField]) {
        let (fields, digest) = try [HeaderField].withDigest(stored: headers)
        switch form {
        case .plain: return (body, digest, fields)
        case .erased: throw JobStoreError.erased
        case .sealed: break
        }
        let place = PayloadPlace(.request, of: id.text)
        let plain = try open(body, .sealed, as: place, by: keys)
        guard let digest = BodyDigest(bytes: plain.prefix(BodyDigest.byteCount)) else {
            throw JobStoreError.unreadable(.payloadUnreadable(place))
        }
        return (Array(plain.dropFirst(BodyDigest.byteCount)), digest, fields)
    }
}
