/// An answer ready to be played, and the account whose request is in flight until then.
struct Reply: Sendable {
    let steps: [ReplyStep]
    var account: String?
}
