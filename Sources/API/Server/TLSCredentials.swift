package import Domain
import Glibc
import NIOCore
import NIOSSL
import Synchronization

/// The certificate and key that the relay shows its clients. They can be replaced while connections are open: new ones
/// see the new certificate, open ones keep the old.
package final class TLSCredentials: Sendable {
    fileprivate struct State {
        var context: NIOSSLContext
        var files: [FileVersion]
    }

    private let certificate: String
    private let key: String
    private let state: Mutex<State>

    /// - Parameters:
    ///   - certificate: path of a PEM file: the server's certificate first, then those between it and its authority.
    ///   - key: path of a PEM file with its private key, without a passphrase, that others cannot read.
    /// - Throws: `configuration_invalid`.
    package init(certificate: String, key: String) throws(RelayError) {
        self.certificate = certificate
        self.key = key
        let files = Self.versions(certificate, key)
        state = Mutex(State(context: try Self.context(certificate, key), files: files))
    }

    /// Whether the files are others than when they were last read.
    package var haveChanged: Bool {
        let files = Self.versions(certificate, key)
        return state.withLock { $0.files != files }
    }

    /// Reads the files anew.
    /// - Throws: `configuration_invalid`; the old certificate then stays in use, and ``haveChanged`` waits for the next
    ///   change.
    package func reload() throws(RelayError) {
        let files = Self.versions(certificate, key)
        state.withLock { $0.files = files }
        adopt(try prepare())
    }

    /// What the files hold now, checked but not yet in use.
    package struct Renewal: Sendable {
        fileprivate let state: State
    }

    /// - Throws: `configuration_invalid`; nothing is changed.
    package func prepare() throws(RelayError) -> Renewal {
        let files = Self.versions(certificate, key)
        return Renewal(state: State(context: try Self.context(certificate, key), files: files))
    }

    package func adopt(_ renewal: Renewal) {
        state.withLock { $0 = renewal.state }
    }

    /// For a new connection.
    func handler() -> NIOSSLServerHandler {
        NIOSSLServerHandler(context: state.withLock { $0.context })
    }

    private static func context(_ certificate: String, _ key: String) throws(RelayError) -> NIOSSLContext {
        try checkPrivacy(of: key)
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate)
            guard !chain.isEmpty else { throw invalid("tls.certificate '\(certificate)' holds no certificate") }
            let privateKey = try NIOSSLPrivateKey(file: key, format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = ["http/1.1"]
            return try NIOSSLContext(configuration: configuration)
        } catch let error as RelayError {
            throw error
        } catch {
            throw invalid("tls.certificate '\(certificate)' and tls.key '\(key)' cannot be used together: \(error)")
        }
    }

    private static func checkPrivacy(of key: String) throws(RelayError) {
        var status = stat()
        guard stat(key, &status) == 0 else {
            throw invalid("tls.key '\(key)' cannot be read: \(String(cString: strerror(errno)))")
        }
        guard status.st_mode & 0o027 == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw invalid("tls.key '\(key)' has mode \(mode); allowed is 640 or less")
        }
    }

    private static func invalid(_ what: String) -> RelayError {
        RelayError(
            .configurationInvalid, "\(what).",
            remedy: "Name a certificate and its private key, both PEM, the key closed to others.")
    }

    private static func versions(_ paths: String...) -> [FileVersion] {
        paths.map(FileVersion.init)
    }
}

/// What tells one content of a file from another without reading it; a file that is not there has one, too.
private struct FileVersion: Equatable {
    private let device: UInt
    private let inode: UInt
    private let size: Int
    private let seconds: Int
    private let nanoseconds: Int

    init(_ path: String) {
        var status = stat()
        _ = stat(path, &status)
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        size = Int(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }
}
