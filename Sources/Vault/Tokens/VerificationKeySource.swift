/// Where the keys of an issuer come from.
package protocol VerificationKeySource: Sendable {
    /// The keys as they are known now, and a number that changes whenever they do.
    func current() -> (keys: VerificationKeys, generation: Int)
    /// A token names a key that is not among them: looks whether there are newer ones, if that is not too often.
    func lookForNewer() async
}

/// Keys that never change.
package struct FixedKeys: VerificationKeySource {
    private let keys: VerificationKeys

    package init(_ keys: VerificationKeys) {
        self.keys = keys
    }

    package func current() -> (keys: VerificationKeys, generation: Int) { (keys, 0) }
    package func lookForNewer() async {}
}
