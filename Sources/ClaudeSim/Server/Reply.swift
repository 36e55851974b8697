/// An answer ready to be played, and the scope whose request is in flight until then.
struct Reply: Sendable {
    let steps: [ReplyStep]
    var scope: LimitScope?
}
