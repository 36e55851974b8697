import ArgumentParser
import Domain

/// Prints one line a check and remembers whether any failed.
struct DoctorReport {
    private var failures = 0

    /// Runs `body`; its error becomes the line's text. - Returns: what it returned, nil if it threw.
    @discardableResult
    mutating func check<Value>(_ what: String, _ body: () throws -> Value) -> Value? {
        do {
            let value = try body()
            print("ok    \(what)")
            return value
        } catch {
            fail(what, "\(error)")
            return nil
        }
    }

    /// The same for what must wait.
    @discardableResult
    mutating func check<Value>(_ what: String, _ body: () async throws -> Value) async -> Value? {
        do {
            let value = try await body()
            print("ok    \(what)")
            return value
        } catch {
            fail(what, "\(error)")
            return nil
        }
    }

    mutating func fail(_ what: String, _ why: String) {
        failures += 1
        print("FAIL  \(what): \(why)")
    }

    mutating func note(_ text: String) {
        print("      \(text)")
    }

    func finish() throws {
        guard failures > 0 else { return print("All checks passed.") }
        print("\(failures) checks failed.")
        throw ExitCode(1)
    }
}
