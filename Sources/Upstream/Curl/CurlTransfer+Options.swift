import CCurl
import Domain

// MARK: What libcurl is told

extension CurlTransfer {
    /// Sets every option. A refused one fails the exchange before anything is sent: without it the request would go
    /// another way than it should, or to nobody's ears.
    ///
    /// - Parameters:
    ///   - authorities: who may sign for servers and proxies.
    ///   - sessions: a share handle, where TLS sessions are kept.
    func configure(
        _ path: EgressPath, authorities: TrustedAuthorities, sessions: UnsafeMutableRawPointer
    ) throws(TransportFailure) {
        guard !request.headers.contains(where: { Self.breaksLine($0.name) || Self.breaksLine($0.value) }) else {
            throw TransportFailure(.malformed, maybeSent: false, detail: "a request header holds a line break")
        }
        try setConnection()
        try set(CURLOPT_SHARE, pointer: sessions)
        try setAuthorities(authorities)
        try setRoute(path)
        try setCallbacks()
        try setDialCallbacks()
        try setMethod()
        try set(CURLOPT_HTTPHEADER, list: headerLines())
        try setSigning()
    }

    private func setSigning() throws(TransportFailure) {
        guard let signing = request.signing else { return }
        try set(CURLOPT_AWS_SIGV4, text: "aws:amz:\(signing.region):\(signing.service)")
        try set(CURLOPT_USERNAME, text: signing.keyID)
        try set(CURLOPT_PASSWORD, text: signing.secret.reveal())
    }

    private func setConnection() throws(TransportFailure) {
        let result = relay_curl_set_text(easy, CURLOPT_URL, request.url)
        try check(result, "the URL")
        try check(relay_curl_only_http(easy), "CURLOPT_PROTOCOLS")
        try set(CURLOPT_NOSIGNAL, 1)
        try check(relay_curl_set_quick_exit(easy), "CURLOPT_QUICK_EXIT")
        try set(CURLOPT_PATH_AS_IS, 1)
        try set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        try setKeepAlive()
        try set(CURLOPT_MAXAGE_CONN, 300)  // NATs forget idle connections after 350 s
        try set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        try set(CURLOPT_CONNECTTIMEOUT_MS, Int(max(1, request.timeouts.connect.microseconds / 1000)))
    }

    /// A connection on which nothing is unacknowledged asks its peer, so that one who is gone is noticed all the same: with
    /// 45 s after 15, 30 and 45 s.
    private func setKeepAlive() throws(TransportFailure) {
        let third = Int(max(1, request.timeouts.unacknowledged.microseconds / 3_000_000))
        try set(CURLOPT_TCP_KEEPALIVE, 1)
        try set(CURLOPT_TCP_KEEPIDLE, third)
        try set(CURLOPT_TCP_KEEPINTVL, third)
    }

    private func setRoute(_ path: EgressPath) throws(TransportFailure) {
        if case .noting = request.dialling { try set(CURLOPT_FRESH_CONNECT, 1) }
        var proxy = ""  // not nil: libcurl would then look for one in the environment
        switch path.route {
        case .direct: break
        case .proxy(let url):
            proxy = url.reveal()
            if case .pinned(let destination) = request.dialling {
                try set(CURLOPT_CONNECT_TO, list: ["::\(destination)"])
            }
        case .source(let address): try set(CURLOPT_INTERFACE, text: "host!\(address)")
        case .entry(let address): try set(CURLOPT_CONNECT_TO, list: ["::\(address)"])
        }
        try check(relay_curl_set_text(easy, CURLOPT_PROXY, proxy), "the proxy's URL", kind: .proxy)
    }

    /// Without a file libcurl's own: the system's. With one no others.
    private func setAuthorities(_ authorities: TrustedAuthorities) throws(TransportFailure) {
        if let file = authorities.servers {
            try set(CURLOPT_CAINFO, text: file)
            try set(CURLOPT_CAPATH, text: nil)
        }
        if let file = authorities.proxies {
            try set(CURLOPT_PROXY_CAINFO, text: file)
            try set(CURLOPT_PROXY_CAPATH, text: nil)
        }
    }

    private func setMethod() throws(TransportFailure) {
        let sendsBody = request.body != nil || ["POST", "PUT", "PATCH"].contains(request.method)
        if sendsBody {
            try set(CURLOPT_POST, 1)
            // An empty body needs a pointer all the same: without one libcurl would ask a callback for the bytes.
            let size = curl_off_t(body?.count ?? 0)
            try check(relay_curl_set_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, size), "CURLOPT_POSTFIELDSIZE_LARGE")
            if let body {
                try set(CURLOPT_POSTFIELDS, pointer: body.baseAddress)
            } else {
                try set(CURLOPT_COPYPOSTFIELDS, text: "")
            }
        }
        if request.method == "HEAD" {
            try set(CURLOPT_NOBODY, 1)
        } else if request.method != (sendsBody ? "POST" : "GET") {
            try set(CURLOPT_CUSTOMREQUEST, text: request.method)
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
        // Older releases sign the lines that only keep a header out, as if they were sent.
        return request.signing == nil ? lines + missing.map { "\($0):" } : lines
    }

    private static func breaksLine(_ text: String) -> Bool {
        text.utf8.contains { $0 == 0x0A || $0 == 0x0D || $0 == 0 }
    }

    private func set(_ option: CURLoption, _ value: Int) throws(TransportFailure) {
        try check(relay_curl_set_long(easy, option, value), option)
    }

    private func set(_ option: CURLoption, text: String?) throws(TransportFailure) {
        try check(relay_curl_set_text(easy, option, text), option)
    }

    func set(_ option: CURLoption, pointer: UnsafeRawPointer?) throws(TransportFailure) {
        try check(relay_curl_set_pointer(easy, option, pointer), option)
    }

    private func set(_ option: CURLoption, list lines: [String]) throws(TransportFailure) {
        var list: UnsafeMutablePointer<curl_slist>?
        for line in lines {
            guard let longer = curl_slist_append(list, line) else {
                curl_slist_free_all(list)
                throw .outOfMemory
            }
            list = longer
        }
        guard let list else { return }
        lists.append(list)
        try check(relay_curl_set_list(easy, option, list), option)
    }

    func check(_ result: CURLcode, _ option: CURLoption) throws(TransportFailure) {
        guard result != CURLE_OK else { return }
        try check(
            result, curl_easy_option_by_id(option).map { "CURLOPT_" + String(cString: $0.pointee.name) } ?? "an option")
    }

    private func check(
        _ result: CURLcode, _ subject: String, kind: TransportFailure.Kind = .malformed
    ) throws(TransportFailure) {
        guard result != CURLE_OK else { return }
        guard result != CURLE_OUT_OF_MEMORY else { throw .outOfMemory }
        let words = String(cString: curl_easy_strerror(result))
        throw TransportFailure(kind, maybeSent: false, detail: "libcurl does not take \(subject): \(words)")
    }

    /// libcurl keeps an unretained pointer to this object. The engine's table of transfers owns it, and drops it only after
    /// `curl_multi_remove_handle`, after which libcurl calls back no more.
    private func setCallbacks() throws(TransportFailure) {
        let this = Unmanaged.passUnretained(self).toOpaque()
        for option in [
            CURLOPT_PRIVATE, CURLOPT_HEADERDATA, CURLOPT_WRITEDATA, CURLOPT_PREREQDATA, CURLOPT_OPENSOCKETDATA,
        ] {
            try set(option, pointer: this)
        }
        let onHeader = relay_curl_on_header(easy) { bytes, size, count, this in
            CurlTransfer.at(this).take(header: UnsafeRawBufferPointer(start: bytes, count: size * count))
            return size * count
        }
        try check(onHeader, CURLOPT_HEADERFUNCTION)
        let onBody = relay_curl_on_body(easy) { bytes, size, count, this in
            let bytes = UnsafeRawBufferPointer(start: bytes, count: size * count)
            return CurlTransfer.at(this).take(body: bytes) ? bytes.count : Int(CURL_WRITEFUNC_PAUSE)
        }
        try check(onBody, CURLOPT_WRITEFUNCTION)
        let onRequest = relay_curl_on_request(easy) { this, peer, local, peerPort, localPort in
            var ends: SocketTable.Ends?
            if let peer, let local {
                ends = SocketTable.Ends(
                    peer: String(cString: peer), peerPort: UInt16(truncatingIfNeeded: peerPort),
                    local: String(cString: local), localPort: UInt16(truncatingIfNeeded: localPort))
            }
            return CurlTransfer.at(this).mayRequest(on: ends) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
        }
        try check(onRequest, CURLOPT_PREREQFUNCTION)
        let onOpen = relay_curl_on_open(easy) { this, _, address in
            guard let address else { return curl_socket_t(-1) }
            return CurlTransfer.at(this).openSocket(address)
        }
        try check(onOpen, CURLOPT_OPENSOCKETFUNCTION)
        // A connection outlives the transfer that opened it, so its end is told to the owner of all.
        try set(CURLOPT_CLOSESOCKETDATA, pointer: Unmanaged.passUnretained(owner).toOpaque())
        try check(relay_curl_on_close(easy, CurlMulti.onClose), CURLOPT_CLOSESOCKETFUNCTION)
    }

    /// The transfer that a callback is about.
    static func at(_ pointer: UnsafeMutableRawPointer?) -> CurlTransfer {
        guard let pointer else { preconditionFailure("libcurl lost the pointer it was given") }
        return Unmanaged<CurlTransfer>.fromOpaque(pointer).takeUnretainedValue()
    }
}
