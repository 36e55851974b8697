import Yams

/// What is wrong with a text that is not YAML, and where. Never what stands there: configuration files hold secrets, and
/// the library's own words quote the line.
enum YamlFault {
    static func words(_ error: any Error) -> String {
        guard let error = error as? YamlError else { return "it cannot be read" }
        return switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            "line \(mark.line), column \(mark.column): \(problem)"
        case .reader(let problem, let offset, _, _): offset.map { "character \($0): \(problem)" } ?? problem
        case .duplicatedKeysInMapping(_, let context): "line \(context.mark.line): a key is given twice"
        default: "it cannot be read"
        }
    }
}
