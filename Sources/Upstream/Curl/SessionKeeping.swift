import CCurl
import COpenSSL

/// Keeps TLS sessions fit for use when their connection has gone.
///
/// libcurl before 8.5 frees the TLS of an HTTP/2 connection without saying goodbye, which makes OpenSSL declare its session
/// unfit. What libcurl remembers is the same object, so no later connection would take the session up again. It is given a copy
/// here.
enum SessionKeeping {
    private typealias Keep = @convention(c) (OpaquePointer?, OpaquePointer?) -> Int32

    static let isNeeded: Bool = {
        guard let libcurl = curl_version_info(CURLVERSION_FIRST)?.pointee, let library = libcurl.ssl_version else {
            return false
        }
        return libcurl.version_num < 0x080500 && String(cString: library).hasPrefix("OpenSSL")
    }()
    /// Where a context has libcurl's own callback.
    private static let slot = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, nil, nil, nil, nil)

    /// Call before the context's connection begins.
    static func start(_ context: OpaquePointer) {
        guard let original = SSL_CTX_sess_get_new_cb(context) else { return }
        // A function pointer, which is read back as one of the same type below.
        SSL_CTX_set_ex_data(context, slot, unsafeBitCast(original as Keep, to: UnsafeMutableRawPointer.self))
        SSL_CTX_sess_set_new_cb(context) { connection, session in
            SessionKeeping.keep(session, of: connection)
            return 0  // OpenSSL's own stays OpenSSL's
        }
        // TLS 1.2 gives no new session to a connection that has taken one up: both would share the one that is remembered.
        SSL_CTX_set_info_callback(context) { connection, event, _ in
            guard let connection, event & SSL_CB_HANDSHAKE_DONE != 0, SSL_session_reused(connection) == 1,
                SSL_version(connection) < TLS1_3_VERSION
            else { return }
            SessionKeeping.keep(SSL_get_session(connection), of: connection)
        }
    }

    private static func keep(_ session: OpaquePointer?, of connection: OpaquePointer?) {
        guard let connection, let stored = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), slot),
            let copy = SSL_SESSION_dup(session)
        else { return }
        let original = unsafeBitCast(stored, to: Keep.self)
        if original(connection, copy) == 0 { SSL_SESSION_free(copy) }
    }
}
