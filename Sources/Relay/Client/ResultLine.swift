import Domain

/// One line of a results file: which line of the input, which job, how it ended, and the upstream's answer.
struct ResultLine: Sendable {
    let job: BatchSubmission.Accepted
    let status: String
    let reply: UpstreamReply

    /// JSON in one line, line feed included. The answer's bytes are kept but for line breaks between its tokens.
    var bytes: [UInt8] {
        let head =
            #"{"line":\#(job.line),"id":"\#(job.id)","status":"\#(status)","http_status":\#(reply.status),"result":"#
        return Array(head.utf8) + answer + Array("}\n".utf8)
    }

    private var answer: [UInt8] {
        guard (try? JSONScanner.members(of: reply.body)) != nil else {
            return JSONText.quoted(String(decoding: reply.body, as: UTF8.self))
        }
        return reply.body.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
    }
}
