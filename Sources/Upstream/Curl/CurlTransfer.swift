import CCurl
import Domain
import Glibc

/// One exchange on its engine's thread: the easy handle, what it points into, and what has arrived but is not handed over.
///
/// Not Sendable: made, called back and dropped on that thread only.
final class CurlTransfer {
    let easy: UnsafeMutableRawPointer
    let request: HTTPRequest
    let path: EgressPath
    let mailbox: AnswerMailbox
    /// libcurl reads the body from here while the transfer lives; freed with it.
    let body: UnsafeMutableBufferPointer<UInt8>?
    var lists: [UnsafeMutablePointer<curl_slist>] = []
    private var parser = HeadParser()
    private var head: AnswerMailbox.Head?
    private var chunk: [UInt8] = []
    /// An address that policy refused, in text.
    private(set) var refusedAddress: String?
    /// Why the request was not begun anew although libcurl would have; nil if it was, or need not be.
    private(set) var refusedRepeat: TransportFailure?
    private(set) var scarcity = SocketScarcity()
    private(set) var clocks: ExchangeClocks
    private var bytesBeforeRequest: Int?
    /// While libcurl connects for the one repeat: whether bytes of the first try had left. A proxy's CONNECT counts among
    /// the bytes written, too.
    private var hadSent: Bool?
    private var timesBegun = 0
    /// The sockets that were opened for it.
    private var opened: [curl_socket_t] = []
    /// The one that the request was last written on; nil if that is not known.
    private(set) var connection: Int?
    private var callsOnConnection = 0
    var marks = DialMarks()
    unowned let owner: CurlMulti
    /// Whether the owner has it on its list of those with something to hand over.
    var isDirty = false

    init(
        easy: UnsafeMutableRawPointer, request: HTTPRequest, path: EgressPath, mailbox: AnswerMailbox,
        at now: ContinuousTicks, owner: CurlMulti
    ) {
        self.easy = easy
        self.request = request
        self.path = path
        self.mailbox = mailbox
        self.owner = owner
        self.clocks = ExchangeClocks(request.timeouts, at: now)
        if let bytes = request.body, !bytes.isEmpty {
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
            _ = copy.initialize(from: bytes)
            self.body = copy
        } else {
            self.body = nil
        }
    }

    deinit {
        for list in lists { curl_slist_free_all(list) }
        body?.deallocate()
    }

    /// Whether any byte of the request was handed to the network.
    var maybeSent: Bool {
        if let hadSent { return hadSent }
        guard let bytesBeforeRequest else { return false }
        return bytesWritten > bytesBeforeRequest
    }

    /// Gives the reader what has arrived.
    func handOver(_ ending: AnswerMailbox.Ending? = nil) {
        isDirty = false
        guard head != nil || !chunk.isEmpty || ending != nil else { return }
        mailbox.put(head: head, chunk: chunk, ending: ending)
        head = nil
        chunk = []
    }

    /// Whether the head is complete.
    var isAnswering: Bool { parser.isComplete }

    private var bytesWritten: Int {
        var count = 0
        relay_curl_get_long(easy, CURLINFO_REQUEST_SIZE, &count)
        return count
    }

    /// How much of the request's body is on its way.
    var bytesUploaded: Int { size(CURLINFO_SIZE_UPLOAD_T) }

    /// What the exchange took, once it has ended. libcurl counts its times from the start, in microseconds.
    func report(failure: TransportFailure.Kind?) -> ExchangeReport {
        var connections = 0
        relay_curl_get_long(easy, CURLINFO_NUM_CONNECTS, &connections)
        let isNew = connections > 0 && timesBegun > 0
        let firstByte = size(CURLINFO_STARTTRANSFER_TIME_T) - size(CURLINFO_PRETRANSFER_TIME_T)
        return ExchangeReport(
            path: path.id, failure: failure, connection: timesBegun == 0 ? .none : isNew ? .new : .reused,
            callsOnConnection: callsOnConnection, repeats: max(0, timesBegun - 1),
            firstByte: isAnswering ? .microseconds(max(0, firstByte)) : nil, longestGap: clocks.longestGap,
            total: .microseconds(size(CURLINFO_TOTAL_TIME_T)))
    }

    func size(_ info: CURLINFO) -> Int {
        var count: curl_off_t = 0
        relay_curl_get_size(easy, info, &count)
        return Int(count)
    }
}

// MARK: What libcurl tells

extension CurlTransfer {
    /// A header line.
    func take(header line: UnsafeRawBufferPointer) {
        guard let head = parser.take(line) else { return }
        self.head = head
        clocks.headArrived(at: .now)
        owner.touch(self)
    }

    /// Bytes of the body; false makes libcurl keep them and pause.
    func take(body bytes: UnsafeRawBufferPointer) -> Bool {
        if chunk.count + bytes.count > AnswerMailbox.unreadLimit { handOver() }
        guard !mailbox.mustPause(for: chunk.count + bytes.count) else {
            clocks.paused()
            return false
        }
        chunk.append(contentsOf: bytes)
        clocks.bytesArrived(at: .now)
        owner.touch(self)
        return true
    }

    /// The reader has caught up. libcurl may call back with kept bytes before this returns.
    func resume() {
        clocks.bytesArrived(at: .now)
        curl_easy_pause(easy, Int32(CURLPAUSE_CONT))
    }

    /// A clock ran out, unless the body was still moving.
    func expired(at now: ContinuousTicks) -> TransportFailure? {
        clocks.expired(at: now, uploaded: bytesUploaded, of: request.body?.count ?? 0).map { clock in
            TransportFailure(.timeout, maybeSent: maybeSent, detail: clock)
        }
    }

    /// Opens a socket for `address`, unless policy forbids it, or the request has been sent and must not be again.
    func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        let destination = withUnsafeMutablePointer(to: &address.pointee.addr, Self.destination)
        // The macro CURL_SOCKET_BAD, which Swift does not see.
        guard timesBegun == 0 || mayRepeat(), mayConnect(to: destination) else { return curl_socket_t(-1) }
        if timesBegun > 0 { hadSent = maybeSent }
        notesDialling()
        let type = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.pointee.family, type, address.pointee.protocol)
        scarcity.openedSocket(family: address.pointee.family, error: descriptor < 0 ? errno : 0)
        guard descriptor >= 0 else { return descriptor }
        opened.append(descriptor)
        owner.opened(descriptor, path: path)
        limitSilence(of: descriptor)
        return descriptor
    }

    /// What stays unacknowledged, probes of keep-alive included, for so long shows that nobody is there.
    private func limitSilence(of socket: curl_socket_t) {
        var milliseconds = UInt32(clamping: request.timeouts.unacknowledged.microseconds / 1000)
        let size = socklen_t(MemoryLayout<UInt32>.size)
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &milliseconds, size)
    }

    /// nil for an address of a family that is not the internet's.
    private static func destination(of address: UnsafeMutablePointer<sockaddr>) -> AddressNotes.Entry? {
        guard let bytes = SocketAddress.bytes(of: address), let port = SocketAddress.port(of: address) else {
            return nil
        }
        return AddressNotes.Entry(bytes: bytes, port: port, text: SocketAddress.text(of: address))
    }

    private func mayConnect(to destination: AddressNotes.Entry?) -> Bool {
        if case .noting(let notes) = request.dialling {
            if let destination { notes.note(destination) }
            return false
        }
        guard let policy = request.addresses else { return true }
        guard let destination, policy.allows(destination.bytes, port: destination.port) else {
            refusedAddress = destination?.destination ?? "an address of an unknown family"
            return false
        }
        return true
    }

    /// The system's error that libcurl met last; 0 if none.
    var systemError: Int32 {
        var error = 0
        relay_curl_get_long(easy, CURLINFO_OS_ERRNO, &error)
        return Int32(truncatingIfNeeded: error)
    }

    /// The request is about to be written on a connection between `ends`, new or reused. False ends the exchange.
    func mayRequest(on ends: SocketTable.Ends?) -> Bool {
        let mayBegin = timesBegun == 0 || mayRepeat()
        let (hasReached, now) = (maybeSent && !wasRefused, ContinuousTicks.now)
        if let ends, !opened.isEmpty { notesConnection(between: ends, at: now) }
        // Whatever becomes of it, its connection is no longer one that nothing else has begun on.
        noteConnection(between: ends)
        guard mayBegin, mayConnect(to: Self.peer(of: ends)) else { return false }
        if !hasReached { bytesBeforeRequest = bytesWritten }
        hadSent = nil
        timesBegun += 1
        // A second try goes over a connection of its own: others of the pool may have died with the first.
        relay_curl_set_long(easy, CURLOPT_FRESH_CONNECT, 1)
        clocks.requestStarted(at: now)
        owner.touch(self)
        return true
    }

    private static func peer(of ends: SocketTable.Ends?) -> AddressNotes.Entry? {
        ends.flatMap { ends in
            SocketAddress.bytes(ofText: ends.peer).map { bytes in
                AddressNotes.Entry(bytes: bytes, port: ends.peerPort, text: ends.peer)
            }
        }
    }

    private func noteConnection(between ends: SocketTable.Ends?) {
        if let connection { owner.ended(on: connection) }
        let beginning = owner.began(between: ends, openedFor: opened)
        connection = beginning?.serial
        if let connection, !opened.isEmpty, hasAgreedOnHTTP2 { owner.noteHTTP2(on: connection) }
        callsOnConnection = beginning?.calls ?? 0
        opened = []
    }

    /// Whether libcurl, which wants to begin the request anew, may.
    ///
    /// It does so up to five times, when a reused connection dies before the first byte of an answer or the server refuses
    /// the stream: even with a POST that the server may have executed. That is let through once, and only if nothing of the
    /// first try was written, or the server refused it.
    private func mayRepeat() -> Bool {
        let mayHaveReached = maybeSent && !wasRefused
        if timesBegun > 1 {
            refusedRepeat = TransportFailure(
                .broken, maybeSent: mayHaveReached, detail: "the connection broke before the answer began, twice")
        } else if mayHaveReached, !isSafeToRepeat {
            refusedRepeat = TransportFailure(
                .broken, maybeSent: true, detail: "a reused connection broke before the answer began")
        }
        return refusedRepeat == nil
    }

    private var isSafeToRepeat: Bool {
        request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS"
    }

    /// Whether the try before was a stream that an HTTP/2 server refused by GOAWAY or REFUSED_STREAM, which it thereby
    /// promises not to have processed (RFC 9113, 8.7). libcurl does not tell; but it begins anew after two kinds of faults
    /// only. The other, a death before the answer, counts on connections that more calls than one have begun on (libcurl marks
    /// the connection, so the one that opened it is no exception); and it leaves none standing.
    private var wasRefused: Bool {
        guard let connection else { return false }
        return owner.carriedOne(connection: connection) || owner.wasAlive(connection: connection)
    }
}
