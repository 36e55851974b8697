/// Finds what somebody probably meant.
enum Suggestion {
    /// The word of `known` with the fewest edits from `word`; nil if none is within a third of its length.
    static func nearest(to word: String, in known: [String]) -> String? {
        let ranked = known.map { (word: $0, edits: edits(from: word, to: $0)) }
        guard let best = ranked.min(by: { $0.edits < $1.edits }), best.edits <= max(2, word.count / 3) else {
            return nil
        }
        return best.word
    }

    /// Levenshtein's distance.
    private static func edits(from left: String, to right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (line, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for column in right.indices {
                let substituted = diagonal + (right[column] == character ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(substituted, diagonal + 1, row[column] + 1)
            }
        }
        return row[right.count]
    }
}
