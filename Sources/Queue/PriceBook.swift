package import Domain
import Synchronization

/// The price list in use. An operator may replace it while the process runs.
package final class PriceBook: Sendable {
    private let current: Mutex<PriceList>

    package init(_ list: PriceList) {
        current = Mutex(list)
    }

    package var list: PriceList { current.withLock { $0 } }

    /// Prices by another list from now on; what is reserved already stays as it is.
    package func adopt(_ list: PriceList) {
        current.withLock { $0 = list }
    }
}
