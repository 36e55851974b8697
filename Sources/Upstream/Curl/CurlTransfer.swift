import CCurl
import Domain
import Glibc

/// One exchange on its engine's thread: the easy handle, what it points into, and what has arrived but is not handed over.
///
/// Not Sendable: made, called back and dropped on that thread only.
final class CurlTransfer {
    let easy: UnsafeMutableRawPointer
    let request: HTTPRequest
    let mailbox: AnswerMailbox
    /// libcurl reads the body from here while the transfer lives; freed with it.
    private let body: UnsafeMutableBufferPointer<UInt8>?
    private var lists: [UnsafeMutablePointer<curl_slist>] = []
    private var parser = HeadParser()
    private var head: AnswerMailbox.Head?
    private var chunk: [UInt8] = []
    /// An address that policy refused, in text.
    private(set) var refusedAddress: String?
    private(set) var isRepeatRefused = false
    /// Of the last socket that could not be opened.
    private var socketError: Int32 = 0
    private(set) var clocks: ExchangeClocks
    private var bytesBeforeRequest: Int?
    private unowned let owner: CurlMulti
    /// Whether the owner has it on its list of those with something to hand over.
    var isDirty = false

    init(
        easy: UnsafeMutableRawPointer, request: HTTPRequest, path: EgressPath, mailbox: AnswerMailbox,
        at now: ContinuousTicks,
        owner: CurlMulti
    ) throws(TransportFailure) {
        self.easy = easy
        self.request = request
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
        try configure(path)
    }

    deinit {
        for list in lists { curl_slist_free_all(list) }
        body?.deallocate()
    }

    /// Whether any byte of the request was handed to the network.
    var maybeSent: Bool {
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
    var bytesUploaded: Int {
        var count: curl_off_t = 0
        relay_curl_get_size(easy, CURLINFO_SIZE_UPLOAD_T, &count)
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

    /// Opens a socket for `address`, unless policy forbids it.
    func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        let refused = withUnsafeMutablePointer(to: &address.pointee.addr) { socketAddress in
            guard let policy = request.addresses else { return nil as String? }
            guard let bytes = SocketAddress.bytes(of: socketAddress), policy.allows(bytes) else {
                return SocketAddress.text(of: socketAddress)
            }
            return nil
        }
        if let refused {
            refusedAddress = refused
            return curl_socket_t(-1)  // CURL_SOCKET_BAD, a macro that Swift does not see
        }
        let type = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
        let opened = socket(address.pointee.family, type, address.pointee.protocol)
        socketError = opened < 0 ? errno : 0
        return opened
    }

    /// Whether the system had no socket, or no port, for it.
    var lacksSocket: Bool {
        var connectError = 0
        relay_curl_get_long(easy, CURLINFO_OS_ERRNO, &connectError)
        return [EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL].contains {
            $0 == socketError || Int($0) == connectError
        }
    }

    /// The request is about to be written on a connection to `address`, new or reused. False ends the exchange.
    ///
    /// libcurl repeats a request by itself when a reused connection dies before the first byte of an answer, even a POST
    /// that the server may have executed. Such a repeat is let through only if nothing of the first try was written.
    func mayRequest(on address: String?) -> Bool {
        let written = bytesWritten
        if let bytesBeforeRequest, written > bytesBeforeRequest, !isSafeToRepeat {
            isRepeatRefused = true
            return false
        }
        if let policy = request.addresses, let address {
            guard let bytes = SocketAddress.bytes(ofText: address), policy.allows(bytes) else {
                refusedAddress = address
                return false
            }
        }
        bytesBeforeRequest = bytesBeforeRequest ?? written
        clocks.requestStarted(at: .now)
        owner.touch(self)
        return true
    }

    private var isSafeToRepeat: Bool {
        request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS"
    }
}

// MARK: What libcurl is told

extension CurlTransfer {
    private func configure(_ path: EgressPath) throws(TransportFailure) {
        guard !request.headers.contains(where: { Self.breaksLine($0.name) || Self.breaksLine($0.value) }) else {
            throw TransportFailure(.malformed, maybeSent: false, detail: "a request header holds a line break")
        }
        try setConnection()
        try setRoute(path)
        setCallbacks()
        try setMethod()
        set(CURLOPT_HTTPHEADER, list: headerLines())
    }

    private func setConnection() throws(TransportFailure) {
        let result = relay_curl_set_text(easy, CURLOPT_URL, request.url)
        guard result == CURLE_OK else {
            throw TransportFailure(.malformed, maybeSent: false, detail: "the URL cannot be used")
        }
        relay_curl_only_http(easy)
        set(CURLOPT_NOSIGNAL, 1)
        relay_curl_set_quick_exit(easy)
        set(CURLOPT_PATH_AS_IS, 1)
        set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_TCP_KEEPIDLE, 60)
        set(CURLOPT_TCP_KEEPINTVL, 15)
        set(CURLOPT_MAXAGE_CONN, 300)  // NATs forget idle connections after 350 s
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        set(CURLOPT_CONNECTTIMEOUT_MS, Int(max(1, request.timeouts.connect.microseconds / 1000)))
    }

    private func setRoute(_ path: EgressPath) throws(TransportFailure) {
        var proxy = ""  // not nil: libcurl would then look for one in the environment
        switch path.route {
        case .direct: break
        case .proxy(let url): proxy = url.reveal()
        case .source(let address): relay_curl_set_text(easy, CURLOPT_INTERFACE, "host!\(address)")
        case .entry(let address): set(CURLOPT_CONNECT_TO, list: ["::\(address)"])
        }
        guard relay_curl_set_text(easy, CURLOPT_PROXY, proxy) == CURLE_OK else {
            throw TransportFailure(.proxy, maybeSent: false, detail: "the proxy's URL cannot be used")
        }
    }

    private func setMethod() throws(TransportFailure) {
        let sendsBody = request.body != nil || ["POST", "PUT", "PATCH"].contains(request.method)
        if sendsBody {
            set(CURLOPT_POST, 1)
            // An empty body needs a pointer all the same: without one libcurl would ask a callback for the bytes.
            relay_curl_set_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body?.count ?? 0))
            if let body {
                relay_curl_set_pointer(easy, CURLOPT_POSTFIELDS, body.baseAddress)
            } else {
                relay_curl_set_text(easy, CURLOPT_COPYPOSTFIELDS, "")
            }
        }
        if request.method == "HEAD" {
            set(CURLOPT_NOBODY, 1)
        } else if request.method != (sendsBody ? "POST" : "GET") {
            relay_curl_set_text(easy, CURLOPT_CUSTOMREQUEST, request.method)
        }
    }

    /// Ours in their order. `Name:` alone keeps libcurl from adding its own; `Name;` sends an empty value.
    private func headerLines() -> [String] {
        var lines: [String] = []
        var missing: Set<String> = ["accept", "content-type", "expect"]
        for field in request.headers {
            let name = field.name.lowercased()
            if name == "content-length" || name == "transfer-encoding" || name == "expect" { continue }
            missing.remove(name)
            lines.append(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
        return lines + missing.map { "\($0):" }
    }

    private static func breaksLine(_ text: String) -> Bool {
        text.utf8.contains { $0 == 0x0A || $0 == 0x0D || $0 == 0 }
    }

    private func set(_ option: CURLoption, _ value: Int) {
        relay_curl_set_long(easy, option, value)
    }

    private func set(_ option: CURLoption, list lines: [String]) {
        var list: UnsafeMutablePointer<curl_slist>?
        for line in lines { list = curl_slist_append(list, line) }
        guard let list else { return }
        lists.append(list)
        relay_curl_set_list(easy, option, list)
    }

    /// libcurl keeps an unretained pointer to this object. The engine's table of transfers owns it, and drops it only after
    /// `curl_multi_remove_handle`, after which libcurl calls back no more.
    private func setCallbacks() {
        let this = Unmanaged.passUnretained(self).toOpaque()
        relay_curl_set_pointer(easy, CURLOPT_PRIVATE, this)
        relay_curl_set_pointer(easy, CURLOPT_HEADERDATA, this)
        relay_curl_set_pointer(easy, CURLOPT_WRITEDATA, this)
        relay_curl_set_pointer(easy, CURLOPT_PREREQDATA, this)
        relay_curl_on_header(easy) { bytes, size, count, this in
            CurlTransfer.at(this).take(header: UnsafeRawBufferPointer(start: bytes, count: size * count))
            return size * count
        }
        relay_curl_on_body(easy) { bytes, size, count, this in
            let bytes = UnsafeRawBufferPointer(start: bytes, count: size * count)
            return CurlTransfer.at(this).take(body: bytes) ? bytes.count : Int(CURL_WRITEFUNC_PAUSE)
        }
        relay_curl_on_request(easy) { this, address, _, _, _ in
            let address = address.map { String(cString: $0) }
            return CurlTransfer.at(this).mayRequest(on: address) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
        }
        relay_curl_set_pointer(easy, CURLOPT_OPENSOCKETDATA, this)
        relay_curl_on_open(easy) { this, _, address in
            guard let address else { return curl_socket_t(-1) }
            return CurlTransfer.at(this).openSocket(address)
        }
    }

    /// The transfer that a callback is about.
    static func at(_ pointer: UnsafeMutableRawPointer?) -> CurlTransfer {
        guard let pointer else { preconditionFailure("libcurl lost the pointer it was given") }
        return Unmanaged<CurlTransfer>.fromOpaque(pointer).takeUnretainedValue()
    }
}
