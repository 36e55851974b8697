import CCurl
import COpenSSL
import Domain

// MARK: The connection that is made for it

extension CurlTransfer {
    /// Lets libcurl tell of look-ups and of where TLS begins.
    func setDialCallbacks() throws(TransportFailure) {
        let this = Unmanaged.passUnretained(self).toOpaque()
        setTLSCallback(this)
        guard owner.observer != nil else { return }
        try set(CURLOPT_RESOLVER_START_DATA, pointer: this)
        let onResolver = relay_curl_on_resolver(easy) { _, _, this in
            CurlTransfer.at(this).asksForName()
            return 0
        }
        try check(onResolver, CURLOPT_RESOLVER_START_FUNCTION)
    }

    /// Refused by builds whose TLS is not OpenSSL's; those tell less.
    private func setTLSCallback(_ this: UnsafeMutableRawPointer) {
        guard SessionKeeping.isNeeded || isProxied else { return }
        relay_curl_set_pointer(easy, CURLOPT_SSL_CTX_DATA, this)
        _ = relay_curl_on_tls(easy) { _, context, this in
            let transfer = CurlTransfer.at(this)
            if SessionKeeping.isNeeded, let context { SessionKeeping.start(OpaquePointer(context)) }
            // Nothing else marks the end of a tunnel.
            if transfer.isProxied { transfer.marks.securing(at: .now) }
            return CURLE_OK
        }
    }

    private var isProxied: Bool {
        if case .proxy = path.route { true } else { false }
    }

    /// libcurl asks for an address, and takes those that are written as such for names.
    private func asksForName() {
        guard dialsName else { return }
        marks.asking(at: .now)
        owner.observer?.resolving(path: path.id, isRemembered: false)
    }

    /// A socket of the connection is opened.
    func notesDialling() {
        guard let observer = owner.observer, !marks.isDialling else { return }
        if !marks.hasAsked, dialsName { observer.resolving(path: path.id, isRemembered: true) }
        marks.dialling(at: .now)
    }

    /// The connection is ready.
    func notesConnection(between ends: SocketTable.Ends, at now: ContinuousTicks) {
        guard let observer = owner.observer else { return }
        let times = DialMarks.Times(
            resolved: size(CURLINFO_NAMELOOKUP_TIME_T), connected: size(CURLINFO_CONNECT_TIME_T),
            secured: size(CURLINFO_APPCONNECT_TIME_T))
        let phases = marks.made(at: now, times)
        observer.connected(
            ConnectionReport(
                path: path.id, family: ends.peer.contains(":") ? .ipv6 : .ipv4,
                session: phases.tls == nil ? .none : session, phases: phases))
    }

    /// Whether what is resolved next is a name: the proxy's or the upstream's, or, once the proxy is being connected to, the
    /// upstream's (SOCKS5 without an H).
    private var dialsName: Bool {
        switch path.route {
        case .direct, .source: Self.namesHost(request.url)
        case .proxy(let proxy): Self.namesHost(marks.isDialling ? request.url : proxy.reveal())
        case .entry(let address): Self.namesHost("http://\(address)")
        }
    }

    /// Whether the host of `url` is a name, not an address.
    static func namesHost(_ url: String) -> Bool {
        guard let parts = curl_url() else { return false }
        defer { curl_url_cleanup(parts) }
        var host: UnsafeMutablePointer<CChar>?
        guard
            curl_url_set(parts, CURLUPART_URL, url, UInt32(CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME)) == CURLUE_OK,
            curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK, let host
        else { return false }
        defer { curl_free(host) }
        return SocketAddress.bytes(ofText: String(cString: host).filter { $0 != "[" && $0 != "]" }) == nil
    }

    /// How TLS began. Ask while the call is on its connection.
    private var session: ConnectionReport.Session {
        guard let tls else { return .none }
        return SSL_session_reused(tls) == 1 ? .resumed : .full
    }

    /// Whether TLS has agreed on HTTP/2. Ask while the call is on its connection.
    var hasAgreedOnHTTP2: Bool {
        guard let tls else { return false }
        var (name, length): (UnsafePointer<UInt8>?, UInt32) = (nil, 0)
        SSL_get0_alpn_selected(tls, &name, &length)
        return UnsafeBufferPointer(start: name, count: Int(length)).elementsEqual("h2".utf8)
    }

    /// OpenSSL's connection to the upstream; nil if there is none, or TLS is another library's.
    private var tls: OpaquePointer? {
        var pointer: UnsafeMutableRawPointer?
        relay_curl_get_pointer(easy, CURLINFO_TLS_SSL_PTR, &pointer)
        // libcurl promises a structure of this type, which it keeps.
        guard let info = pointer?.assumingMemoryBound(to: curl_tlssessioninfo.self).pointee,
            info.backend == CURLSSLBACKEND_OPENSSL
        else { return nil }
        return info.internals.map { OpaquePointer($0) }
    }
}
