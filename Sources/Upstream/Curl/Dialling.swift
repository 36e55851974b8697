import Domain
import Synchronization

/// How a request's connection is made.
enum Dialling: Sendable {
    /// To the addresses of the URL's host, or of the path's proxy.
    case asUsual
    /// Not at all: the addresses that would be connected to are noted.
    case noting(AddressNotes)
    /// Through the path's proxy to this `ADDRESS:PORT`, whatever the URL's host is called. `Host` and TLS keep its name.
    case pinned(String)
}

/// The addresses that a name has been resolved to.
final class AddressNotes: Sendable {
    struct Entry: Sendable {
        let bytes: [UInt8]
        let port: UInt16
        let text: String

        /// As libcurl takes it.
        var destination: String { bytes.count == 4 ? "\(text):\(port)" : "[\(text)]:\(port)" }
    }

    private let noted = Mutex<[Entry]>([])

    var entries: [Entry] { noted.withLock { $0 } }

    func note(_ entry: Entry) {
        noted.withLock { $0.append(entry) }
    }
}

extension CurlTransport {
    /// `request` with the address that it goes to chosen here, by its policy.
    ///
    /// A proxy would resolve the name itself, and so call whom it likes. The proxy's own address is the operator's choice
    /// and free of the policy.
    func pinned(_ request: HTTPRequest, by policy: AddressPolicy) async throws(TransportFailure) -> HTTPRequest {
        let begun = ContinuousTicks.now
        let notes = AddressNotes()
        do throws(TransportFailure) {
            _ = try await begin(request.dialled(.noting(notes), policy: nil), over: .direct)
        } catch {
            guard error.kind == .connect, !notes.entries.isEmpty else { throw error }
        }
        let allowed = notes.entries.filter { policy.allows($0.bytes, port: $0.port) }
        // Any machine has IPv4; whether the proxy has IPv6 is not known.
        guard let chosen = allowed.first(where: { $0.bytes.count == 4 }) ?? allowed.first else {
            throw .refused(notes.entries.first?.destination ?? "an address of an unknown family")
        }
        let spent = ContinuousTicks.now.since(begun)
        return request.dialled(.pinned(chosen.destination), policy: nil, less: spent)
    }
}

extension HTTPRequest {
    /// - Parameter spent: taken off the time for the whole.
    fileprivate func dialled(
        _ dialling: Dialling, policy: AddressPolicy?, less spent: Duration = .zero
    ) -> HTTPRequest {
        let left = Timeouts(
            connect: timeouts.connect, firstByte: timeouts.firstByte, idle: timeouts.idle,
            total: timeouts.total.map { max(.milliseconds(1), $0 - spent) }, unacknowledged: timeouts.unacknowledged)
        return HTTPRequest(
            method: method, url: url, headers: headers, body: body, timeouts: left, addresses: policy,
            dialling: dialling)
    }
}
